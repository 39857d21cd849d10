"""Model archives to measure with: made once, from a seed, and kept in a cache folder.

`hyperparameters.json` is first, in the middle or last in them; or there is none (`NONE`), and the
model's own file names the fields, or a list after many small files.

An archive is one gzip member, as `tar` and Python's `tarfile` make it with zlib at level 6, joined
from parts that end on a full flush. So the same compressed weights are used in the archives with
`hyperparameters.json` first, in the middle and last, and large weights are repeated blocks of 64
MiB: deflate looks back at most 32 KiB, so the repetition makes no difference to it.
"""

from __future__ import annotations

import json
import os
import random
import tarfile
import zlib
from array import array
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from benchmarks import model_files

MIB = 1024 * 1024
BLOCK = 64 * MIB
LEVEL = 6
FIRST, MIDDLE, LAST = POSITIONS = ("first", "middle", "last")
NONE = "none"
FLOAT, JSON, FILES, JSON_FILES, ZEROS = KINDS = ("float", "json", "files", "json-files", "zeros")
# To be changed with the archives' bytes: it is part of the cache folder's name.
_EDITION = 2
_FILES_IN_FOLDER = 500
_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_END_OF_TAR = bytes(1024)


class Size(NamedTuple):
    """How large the archives are: MiB of weights, and the number of small files."""

    weights_mib: int
    small_files: int


FULL = Size(1024, 100_000)
QUICK = Size(128, 6_000)


class Part(NamedTuple):
    """Bytes of a tar stream, and the same as deflate blocks, up to a full flush."""

    content: bytes
    deflated: bytes


def archive_name(kind: str, position: str, member: str = "small") -> str:
    """Return an archive's file name; `member` says how large hyperparameters.json is."""
    return f"{kind}-{position}-{member}.tar.gz"


def make_archives(cache: Path, size: Size) -> Path:
    """Return the folder with all archives of that size; make it if it is not there yet."""
    folder = cache / f"archives-{_EDITION}-{size.weights_mib}-{size.small_files}"
    if folder.is_dir():
        return folder
    making = folder.with_name(f"{folder.name}.{os.getpid()}")
    making.mkdir(parents=True)
    with ProcessPoolExecutor(2) as pool:
        futures = [pool.submit(_make_kind, kind, size, making) for kind in KINDS]
        futures += [pool.submit(_make_without, kind, size, making) for kind in model_files.KINDS]
        for future in futures:
            future.result()
    making.rename(folder)
    return folder


def _make_kind(kind: str, size: Size, folder: Path) -> None:
    halves = _HALVES[kind](size)
    members = {"small": hyperparameters(12), "1mib": large_hyperparameters()}
    for position in POSITIONS:
        for member, content in members.items():
            if member == "small" or position == LAST:
                header = _header("hyperparameters.json", len(content))
                file = [compress(header + _padded(content))]
                parts = list(halves)
                parts.insert(POSITIONS.index(position), file)
                _write_archive(folder / archive_name(kind, position, member), parts)
    if kind == FILES:
        listed = json.dumps([f"feature_{number:02}" for number in range(12)]).encode()
        feature_list = compress(_header("feature_names.json", len(listed)) + _padded(listed))
        _write_archive(folder / archive_name(kind, NONE), [*halves, [feature_list]])


def _make_without(kind: str, size: Size, folder: Path) -> None:
    """Make the archive with only a model file, which names the fields."""
    bulk_size = size.weights_mib * MIB
    file = model_files.model_file(kind, bulk_size)
    bulk = compress(_whole_trees() if file.is_of_trees else _normal_floats())
    length = len(file.before) + bulk_size + len(file.behind)
    before = compress(_header(file.name, length) + file.before)
    behind = compress(file.behind + bytes(-length % 512))
    parts = [before, *[bulk] * (bulk_size // BLOCK), behind]
    _write_archive(folder / archive_name(kind, NONE), [parts])


def _write_archive(path: Path, parts: Iterable[Iterable[Part]]) -> None:
    crc, length = 0, 0
    with path.open("wb") as file:
        file.write(_GZIP_HEADER)
        for part in (*(part for group in parts for part in group), compress(_END_OF_TAR)):
            file.write(part.deflated)
            crc = zlib.crc32(part.content, crc)
            length += len(part.content)
        file.write(b"\x03\0")  # the empty block that ends a deflate stream
        file.write(crc.to_bytes(4, "little") + (length % 2**32).to_bytes(4, "little"))


def compress(content: bytes) -> Part:
    """Return the part of an archive with this content."""
    deflater = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = deflater.compress(content) + deflater.flush(zlib.Z_FULL_FLUSH)
    return Part(content, deflated)


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mtime = 1_767_225_600
    return member.tobuf(tarfile.USTAR_FORMAT)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def _weights(size: Size, name: str, block: Callable[[], bytes]) -> tuple[list[Part], list[Part]]:
    """Return two files of weights, each of which is half of the archive."""
    half = size.weights_mib * MIB // 2
    compressed = compress(block())
    count = half // BLOCK
    first, second = (
        [compress(_header(name.format(number), half))] + [compressed] * count for number in (1, 2)
    )
    return first, second


def _float_weights(size: Size) -> tuple[list[Part], list[Part]]:
    return _weights(size, "model-0000{}-of-00002.safetensors", _normal_floats)


def _xgboost_models(size: Size) -> tuple[list[Part], list[Part]]:
    return _weights(size, "xgboost-model-{}.json", _trees)


def _zeros(size: Size) -> tuple[list[Part], list[Part]]:
    return _weights(size, "embedding-{}.bin", lambda: bytes(BLOCK))


def _small_float_files(size: Size) -> tuple[list[Part], list[Part]]:
    return _small_files(size, "shops/{}/shop-{:03}.npy", _normal_floats())


def _small_json_files(size: Size) -> tuple[list[Part], list[Part]]:
    return _small_files(size, "shops/{}/shop-{:03}.json", _trees())


def _small_files(size: Size, name: str, content: bytes) -> tuple[list[Part], list[Part]]:
    """Return files of 1 to 4 KB, such as a model for each of many shops: slices of `content`."""
    chance = random.Random(5)
    halves = []
    for half in "ab":
        parts = []
        for folder in range(size.small_files // 2 // _FILES_IN_FOLDER):
            stream = bytearray()
            for file in range(_FILES_IN_FOLDER):
                length = chance.randint(1000, 4000)
                start = chance.randrange(len(content) - length)
                stream += _header(name.format(f"{half}{folder:03}", file), length)
                stream += content[start : start + length] + bytes(-length % 512)
            parts.append(compress(bytes(stream)))
        halves.append(parts)
    return halves[0], halves[1]


def _normal_floats() -> bytes:
    """Return a block of 32-bit floats as in a newly trained layer: normal, deviation 0.02."""
    chance = random.Random(3)
    floats = array("f", (chance.gauss(0, 0.02) for _ in range(4 * MIB)))
    block = floats.tobytes()
    # 16 MiB of them, four times: drawing more would take longer than everything else here.
    return block * (BLOCK // len(block))


def _trees() -> bytes:
    """Return a block of JSON as XGBoost's `save_model` writes trees, without spaces."""
    chance = random.Random(4)
    text = bytearray()
    number = 0
    while len(text) < BLOCK // 4:
        tree = json.dumps(_tree(chance, number), separators=(",", ":"))
        text += tree.encode() + b","
        number += 1
    return (bytes(text) * 5)[:BLOCK]


def _whole_trees() -> bytes:
    """Return the same, with spaces instead of the tree that would be cut at the block's end."""
    trees = _trees()
    end = trees.rindex(b"}},") + len(b"}},")
    return trees[:end] + b" " * (len(trees) - end)


def _tree(chance: random.Random, number: int) -> dict[str, object]:
    """Return one complete tree of depth 6, with the keys and digits that XGBoost 2 writes."""
    splits, leaves = 63, 64
    nodes = splits + leaves

    def numbers(scale: float, digits: int = 9) -> list[float]:
        return [float(f"{chance.gauss(0, scale):.{digits}g}") for _ in range(nodes)]

    return {
        "base_weights": numbers(0.3),
        "categories": [],
        "categories_nodes": [],
        "categories_segments": [],
        "categories_sizes": [],
        "default_left": [chance.randint(0, 1) for _ in range(nodes)],
        "id": number,
        "left_children": [2 * node + 1 for node in range(splits)] + [-1] * leaves,
        "loss_changes": [*numbers(9.0)[:splits], *[0.0] * leaves],
        "parents": [2147483647] + [(node - 1) // 2 for node in range(1, nodes)],
        "right_children": [2 * node + 2 for node in range(splits)] + [-1] * leaves,
        "split_conditions": numbers(2.0),
        "split_indices": [chance.randrange(200) for _ in range(splits)] + [0] * leaves,
        "split_type": [0] * nodes,
        "sum_hessian": [float(chance.randint(1, 5000)) for _ in range(nodes)],
        "tree_param": {
            "num_deleted": "0",
            "num_feature": "200",
            "num_nodes": str(nodes),
            "size_leaf_vector": "1",
        },
    }


def hyperparameters(fields: int, **more: object) -> bytes:
    """Return hyperparameters.json of a model with so many fields, one in four categorical."""
    names = [f"feature_{number:05}" for number in range(fields)]
    content = {
        "tab_field_list": [name for index, name in enumerate(names) if index % 4],
        "cat_field_list": names[::4],
        "label_name": "label",
        "id_name": "id",
        "model_class": "xgboost",
        **more,
    }
    return json.dumps(content).encode()


def large_hyperparameters() -> bytes:
    """Return 1 MiB of hyperparameters.json, most of which training recorded about categories."""
    chance = random.Random(6)
    fields, categories = 200, 500
    tables = {
        f"feature_{number:05}": {
            f"merchant-{category}": chance.random() for category in range(categories)
        }
        for number in range(0, fields, 4)
    }
    content = hyperparameters(fields, risk_tables=tables)
    return content[:-1] + b" " * (MIB - len(content)) + b"}"


_HALVES: dict[str, Callable[[Size], tuple[list[Part], list[Part]]]] = {
    FLOAT: _float_weights,
    JSON: _xgboost_models,
    FILES: _small_float_files,
    JSON_FILES: _small_json_files,
    ZEROS: _zeros,
}
