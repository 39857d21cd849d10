"""Archives, made by Python's tarfile, or byte by byte if no tool makes them; and ways to read."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tarfile
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Optional, Tuple
from unittest import mock

from mims import Payload, find_inputs_in_files, generate_from
from mims.deadline import Check
from mims.inputs import findings, search
from mims.inputs.hyperparameters import Hyperparameters, Member
from mims.inputs.model_files import ModelFile
from mims.inputs.model_inputs import Wishes
from mims.limits import Limits
from mims.settings import GivenSettings

NAME = "hyperparameters.json"
GOOD = b'{"tab_field_list": ["age"]}'
END = bytes(1024)
EPOCH_OF_TESTS = 1_768_465_800  # 2026-01-15 08:30:00 UTC


def header(
    name: bytes,
    size: int = 0,
    kind: bytes = b"0",
    *,
    size_field: bytes = b"",
    magic: bytes = b"ustar\x0000",
    prefix: bytes = b"",
    rest: bytes = b"",
    time_field: bytes = b"%011o\0" % EPOCH_OF_TESTS,
    checksum: Optional[int] = None,
) -> bytes:
    """Return a header block; `rest` begins at offset 345 if there is no `prefix`."""
    block = bytearray(512)
    fields = [
        (0, name),
        (100, b"0000644\0" + b"0000000\0" * 2),
        (124, size_field or b"%011o\0" % size),
        (136, time_field),
        (148, b" " * 8),
        (156, kind),
        (257, magic),
        (345, prefix or rest),
    ]
    for at, field in fields:
        block[at : at + len(field)] = field
    total = sum(block) if checksum is None else checksum
    block[148:156] = b"%06o\0 " % total
    return bytes(block)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def member(name: str, content: bytes = GOOD, kind: bytes = b"0") -> bytes:
    return header(name.encode(), len(content), kind) + padded(content)


def record(keyword: str, value: bytes) -> bytes:
    """Return a pax record, its own length in front."""
    tail = b" %s=%s\n" % (keyword.encode(), value)
    length = len(tail) + 1
    while len(b"%d" % length) + len(tail) != length:
        length += 1
    return b"%d" % length + tail


def pax(body: bytes, kind: bytes = b"x", **fields: bytes) -> bytes:
    return header(b"PaxHeaders/x", len(body), kind, **fields) + padded(body)  # type: ignore[arg-type]


def long_name(name: bytes, kind: bytes = b"L") -> bytes:
    return header(b"././@LongLink", len(name) + 1, kind, magic=b"ustar  \0") + padded(name + b"\0")


def gz(tar: bytes, level: int = 6) -> bytes:
    return gzip.compress(tar, level, mtime=0)


def gz_members(tar: bytes, size: int) -> bytes:
    """Return the tar in gzip members of `size` bytes each, with an empty one after each."""
    return b"".join(gz(piece) + gz(b"") for piece in chunked(tar, size))


def stored(content: bytes, last: bool = False) -> bytes:
    """Return a deflate block that stores its content uncompressed."""
    return struct.pack("<BHH", last, len(content), len(content) ^ 0xFFFF) + content


def noise(size: int) -> bytes:
    """Return bytes that cannot be compressed, the same each time."""
    return random.Random(size).getrandbits(8 * size).to_bytes(size, "big")


def chunked(content: bytes, size: int) -> List[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)] or [b""]


def packed(*members: Tuple[str, bytes]) -> bytes:
    """Return a gzipped tar of files, as Python's tarfile writes it, the same each time."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gz(tar.getvalue(), 1)


def unpacked(archive: bytes) -> Dict[str, bytes]:
    """Return the regular files of a tar, gzipped or not, by their names."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = {info.name: tar.extractfile(info) for info in tar}
        return {name: file.read() for name, file in files.items() if file is not None}


@dataclass(frozen=True)
class Taken(Member):
    """The `hyperparameters.json` that was taken, and the warnings about that choice."""

    warnings: Tuple[str, ...] = ()


def extract_hyperparameters(chunks: Iterable[bytes], limits: Optional[Limits] = None) -> Taken:
    """Return the member `hyperparameters.json` that is taken from an archive, unchecked."""
    taken: List[Member] = []

    def parse(member: Member, _check: Check) -> Hyperparameters:
        taken.append(member)
        return Hyperparameters({"tab_field_list": ["age"]})

    with mock.patch.object(findings, "parse_hyperparameters", parse):
        inputs = search.search_archive(chunks, limits or Limits(), lambda _: Wishes())
    member = taken[-1]
    warnings = tuple(warning for warning in inputs.warnings if NAME in warning)
    return Taken(member.name, member.content, member.modified, warnings)


def found(content: bytes, size: int = 65536, limits: Optional[Limits] = None) -> Taken:
    """Return the member that the reader finds in an archive given in chunks of that size."""
    return extract_hyperparameters(chunked(content, size), limits)


def payload_of(
    content: bytes, given: Optional[GivenSettings] = None, modified: int = EPOCH_OF_TESTS
) -> Payload:
    """Return the payload of a model whose `hyperparameters.json` has that content."""
    given = given or GivenSettings()
    file = ModelFile(
        NAME, True, len(content), modified, lambda size: content[:size], lambda: iter([content])
    )
    return generate_from(find_inputs_in_files([file], given), given)


class Counted:
    """Chunks that can be iterated repeatedly, and count how many were asked for."""

    def __init__(self, chunks: List[bytes]) -> None:
        self._chunks = chunks
        self.asked = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        self.asked = 0
        try:
            for chunk in self._chunks:
                self.asked += 1
                yield chunk
        finally:
            self.closed = True
