"""The gzip layer: lazy, bounded, and exact to the byte before damage, with either engine."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import pickle
import random
import re
import tracemalloc
import zipfile
import zlib
from typing import Dict, Iterator, List, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mims.archive import inflate
from mims.archive.inflate import MAX_PIECE, TarStream, looks_like
from mims.archive.members import Walk
from mims.errors import CorruptArchiveError, HyperparametersNotFoundError, PayloadError
from mims.inputs.hyperparameters import Member
from mims.limits import Limits

from tests.archives import (
    END,
    GOOD,
    NAME,
    Counted,
    chunked,
    extract_hyperparameters,
    found,
    gz,
    gz_members,
    header,
    member,
    noise,
    stored,
)

GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
SMALL = member("first", b"x" * 600) + member(NAME) + member("last", b"y" * 600) + END
# More than 256 KiB compressed before the file, and after it.
LARGE = member("first", noise(400_000)) + member(NAME) + member("last", noise(400_000)) + END
TARS = {"small": SMALL, "large": LARGE}


def after_file(tar: bytes) -> int:
    """Return the offset after the file's last byte."""
    return tar.index(GOOD) + len(GOOD)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    "archive",
    {
        "plain": SMALL,
        "one": gz(SMALL),
        "stored": gz(SMALL, 0),
        "one a block": gz_members(SMALL, 512),
        "one a few bytes": gz_members(SMALL, 100),
        "empty ones first": gz(b"") * 3 + gz(SMALL),
        "NULs between": gz(SMALL[:700]) + bytes(300) + gz(SMALL[700:]),
        "NULs after": gz(SMALL) + bytes(5000),
        "garbage after": gz(SMALL) + b"garbage",
        "garbage like gzip after": gz(SMALL) + b"\x1f\x8bgarbage",
        "NULs and garbage after": gz(SMALL) + bytes(20) + b"\xff" * 2000,
        "name and comment": GZIP_HEADER[:3]
        + b"\x18"
        + GZIP_HEADER[4:]
        + b"name\0comment\0"
        + gz(SMALL)[10:],
    }.items(),
    ids=lambda item: item[0],
)
def test_the_forms_of_gzip_data(archive: tuple[str, bytes]) -> None:
    for size in (1, 7, 65536, 10**7):
        assert found(archive[1], size).content == GOOD


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("tail", [b"", bytes(700), b"garbage", b"\x1f", b"\0\x1f\x00"])
def test_padding_and_garbage_do_not_hide_that_there_is_no_file(tail: bytes) -> None:
    with pytest.raises(HyperparametersNotFoundError):
        found(gz(member("x")) + tail, 7)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("level", [0, 6])
@pytest.mark.parametrize("size", [509, 65536, 10**7])
@pytest.mark.parametrize("tar", TARS.values(), ids=TARS)
class TestDamageAfterTheFileIsNone:
    def test_a_wrong_checksum(self, tar: bytes, size: int, level: int) -> None:
        archive = gz(tar, level)
        assert found(archive[:-8] + bytes(8), size).content == GOOD
        assert found(archive[:-1] + b"\x7f", size).content == GOOD  # the length in the trailer

    def test_a_checksum_right_after_the_last_byte(self, tar: bytes, size: int, level: int) -> None:
        cut = gz(tar[: after_file(tar)], level)
        assert found(cut[:-8] + b"12345678" + b"more", size).content == GOOD

    def test_bad_data_right_after_the_last_byte(self, tar: bytes, size: int, level: int) -> None:
        compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
        data = compressor.compress(tar[: after_file(tar)]) + compressor.flush(zlib.Z_SYNC_FLUSH)
        bad_block_type = b"\xff" * 40
        assert found(GZIP_HEADER + data + bad_block_type, size).content == GOOD
        assert found(GZIP_HEADER + data, size).content == GOOD  # cut there

    def test_no_gzip_trailer(self, tar: bytes, size: int, level: int) -> None:
        assert found(gz(tar, level)[:-8], size).content == GOOD


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("size", [509, 65536, 10**7])
@pytest.mark.parametrize("tar", TARS.values(), ids=TARS)
@pytest.mark.parametrize("where", [-2, -1])
def test_bad_data_before_the_files_last_byte_is_an_error(tar: bytes, size: int, where: int) -> None:
    pieces = chunked(tar[: after_file(tar) + where + 1], 60_000)
    archive = GZIP_HEADER + b"".join(stored(piece) for piece in pieces)
    if where == -1:
        assert found(archive + b"\xff" * 40, size).content == GOOD
        return
    with pytest.raises(CorruptArchiveError, match=r"damaged.* compressed offset \d+") as caught:
        found(archive + b"\xff" * 40, size)
    offset = re.search(r"compressed offset (\d+)", str(caught.value))
    assert offset is not None
    assert abs(int(offset.group(1)) - len(archive)) <= 65536
    with pytest.raises(CorruptArchiveError, match="truncated"):
        found(archive, size)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("wrong", ["checksum", "deflate", "flags", "method"])
def test_damage_before_the_file_is_an_error(wrong: str) -> None:
    first, rest = gz(member("x", noise(300_000))), gz(member(NAME) + END)
    bad = {
        "checksum": first[:-8] + bytes(8) + rest,
        "deflate": first[:150_000] + b"\xff" * 64 + first[150_064:] + rest,
        "flags": first + rest[:3] + b"\xe0" + rest[4:],
        "method": first + rest[:2] + b"\x07" + rest[3:],
    }[wrong]
    assert found(first + rest).content == GOOD
    with pytest.raises(CorruptArchiveError):
        found(bad)


EMPTY_ZIP, ZIP, HDF5 = io.BytesIO(), io.BytesIO(), b"\x89HDF\r\n\x1a\n" + bytes(2000)
zipfile.ZipFile(EMPTY_ZIP, "w").close()
with zipfile.ZipFile(ZIP, "w") as written:
    written.writestr("model/hyperparameters.json", noise(2000))
NO_TAR: Dict[str, bytes] = {
    "zip archive": ZIP.getvalue(),
    "empty zip archive": EMPTY_ZIP.getvalue(),
    "zstd": b"\x28\xb5\x2f\xfd" + noise(900),
    "bzip2": bz2.compress(noise(900)),
    "xz": lzma.compress(noise(900)),
    "7-Zip": b"7z\xbc\xaf\x27\x1c" + noise(900),
    "HDF5": HDF5,
    "NumPy": b"\x93NUMPY\x01\0" + noise(900),
    "pickle": pickle.dumps(list(range(900)), protocol=4),
    "JSON": b'{"tab_field_list": ["age"]}',
    "XML": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "text": b"age,income\n1,2\n" * 100,
    "unknown data": b"\xff\x00\xfe" * 400,
}


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("what", NO_TAR)
def test_the_error_for_another_format_says_what_it_looks_like(what: str) -> None:
    with pytest.raises(CorruptArchiveError, match=f"looks like .*{what}"):
        found(NO_TAR[what])
    with pytest.raises(CorruptArchiveError, match=f"looks like .*{what}.*, compressed with gzip"):
        found(gz(NO_TAR[what]), 7)


@pytest.mark.usefixtures("engine")
def test_nothing_and_gzip_of_nothing_and_gzip_of_gzip() -> None:
    for nothing in ([], [b""], iter([b"", b""])):
        with pytest.raises(CorruptArchiveError, match="empty"):
            extract_hyperparameters(nothing)
    with pytest.raises(CorruptArchiveError, match="looks like an empty file, compressed with gzip"):
        found(gz(b""))
    with pytest.raises(CorruptArchiveError, match="looks like gzip data, compressed with gzip"):
        found(gz(gz(SMALL)))
    assert looks_like(b"") == "unknown data"


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("archive", [gz(LARGE), gz(LARGE, 0), LARGE, gz_members(LARGE, 5000)])
def test_no_chunk_is_asked_for_after_the_file_is_complete(archive: bytes) -> None:
    chunks = Counted(chunked(archive, 500))
    assert extract_hyperparameters(chunks).content == GOOD
    asked = chunks.asked
    assert chunks.closed
    assert asked < len(archive) / 500 * 0.52
    with pytest.raises(CorruptArchiveError):  # since every one of them is needed
        found(archive[: 500 * (asked - 1)])


def test_with_zlib_not_even_a_byte_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    archive = gz(SMALL)
    taken = iter(chunked(archive, 1))
    assert extract_hyperparameters(taken).content == GOOD
    needed = len(archive) - len(list(taken))
    assert found(archive[:needed]).content == GOOD
    with pytest.raises(CorruptArchiveError):
        found(archive[: needed - 1])


def test_a_generator_is_read_once_and_closed() -> None:
    state: List[str] = []

    def chunks() -> Iterator[bytes]:
        try:
            yield from chunked(gz(LARGE), 500)
        finally:
            state.append("closed")

    assert extract_hyperparameters(chunks()).content == GOOD
    assert state == ["closed"]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("fault", [OSError("gone"), ValueError("x"), EOFError(), zlib.error("x")])
def test_what_the_source_raises_passes_through(fault: Exception) -> None:
    def chunks() -> Iterator[bytes]:
        yield gz(LARGE)[:1000]
        raise fault

    class Again:
        def __iter__(self) -> Iterator[bytes]:
            return chunks()

    for source in (chunks(), Again()):
        with pytest.raises(type(fault)) as caught:
            extract_hyperparameters(source)
        assert caught.value is fault


@pytest.mark.parametrize("make", [bytearray, memoryview])
def test_chunks_may_be_any_bytes(make: type) -> None:
    archive = gz(LARGE)
    assert extract_hyperparameters([make(piece) for piece in chunked(archive, 999)])
    assert extract_hyperparameters(iter([b"", make(archive), b""]))


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("again", [True, False])
def test_each_piece_of_a_bomb_has_at_most_256_kib_and_memory_stays_flat(again: bool) -> None:
    first = header(b"zeros", 64 * 1024**2) + bytes(1024**2)
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    archive = compressor.compress(first)
    for _ in range(63):
        archive += compressor.compress(bytes(1024**2))
    archive += compressor.compress(member(NAME) + END) + compressor.flush()
    assert len(archive) < 100_000
    tracemalloc.start()
    try:
        chunks = [archive]
        assert extract_hyperparameters(chunks if again else iter(chunks)).content == GOOD
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * 1024**2


@pytest.mark.usefixtures("engine")
def test_no_piece_is_larger_than_512_kib_going_in_and_256_coming_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: List[int] = []
    take = inflate._Source.take

    def watched(source: inflate._Source, limit: int) -> bytes:
        piece = take(source, limit)
        taken.append(len(piece))
        return piece

    monkeypatch.setattr(inflate._Source, "take", watched)
    for archive in (gz(LARGE, 0), gz(bytes(3_000_000)), LARGE):
        assert b"".join(TarStream([archive])) in (LARGE, bytes(3_000_000))
        assert max(len(piece) for piece in TarStream([archive])) <= MAX_PIECE == 256 * 1024
    assert max(taken) <= 512 * 1024


# --- any bytes

Outcome = Union[Member, str]


def outcome(archive: bytes, size: int) -> Outcome:
    try:
        return found(archive, size)
    except PayloadError as error:
        return type(error).__name__


@pytest.fixture(scope="module")
def both() -> Iterator[object]:
    if inflate.igzip_lib is None:
        pytest.skip("isal is not installed")
    yield inflate.igzip_lib
    assert inflate.igzip_lib is not None


def outcome_by_zlib(archive: bytes, size: int) -> Outcome:
    try:
        return extract_hyperparameters(iter(chunked(archive, size)))  # not twice: zlib
    except PayloadError as error:
        return type(error).__name__


ARCHIVES = [
    gz(SMALL),
    gz(SMALL, 0),
    gz_members(SMALL, 700),
    gz(SMALL) + bytes(30) + b"x" * 30,
    gz(member(f"a/{NAME}") + member("x", noise(300)) + member(NAME)),
]


@given(
    archive=st.sampled_from(ARCHIVES),
    size=st.sampled_from([1, 7, 65536]),
    edits=st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 2), st.binary(max_size=3)), max_size=4
    ),
)
def test_any_damage_gives_the_same_result_or_error_with_both_engines(
    both: object, archive: bytes, size: int, edits: list[tuple[int, int, bytes]]
) -> None:
    for at, cut, put in edits:
        at %= len(archive) + 1
        archive = archive[:at] + put + archive[at + cut :]
    by_zlib = outcome_by_zlib(archive, size)
    # isal takes damaged tables of codes that zlib refuses.
    assert by_zlib in (outcome(archive, size), "CorruptArchiveError")


@given(tar=st.binary(max_size=2000), size=st.sampled_from([1, 7, 65536]))
def test_any_bytes_give_a_result_or_one_of_the_projects_errors(tar: bytes, size: int) -> None:
    for archive in (tar, gz(tar), GZIP_HEADER + tar):
        outcome(archive, size)
        outcome(gz(member("a")) + archive, size)
        outcome(gz(member("a") + tar), size)


@given(
    edits=st.dictionaries(st.integers(0, len(SMALL) - 1), st.integers(0, 255), max_size=6),
    good_checksums=st.booleans(),
)
def test_any_damage_within_the_tar_gives_the_same_in_chunks_of_any_size(
    edits: dict[int, int], good_checksums: bool
) -> None:
    tar = bytearray(SMALL)
    for at, byte in edits.items():
        tar[at] = byte
    if good_checksums:
        for at in (0, 1536):
            block = tar[at : at + 148] + b" " * 8 + tar[at + 156 : at + 512]
            tar[at + 148 : at + 156] = b"%06o\0 " % sum(block)
    archive = gzip.compress(bytes(tar), 1)
    assert outcome(archive, 1) == outcome(archive, 700) == outcome(archive, 10**6)


# --- a wrong checksum that was noticed


def read(archive: bytes, size: int) -> tuple[Union[bytes, str], bool]:
    """Return the file in the archive, and whether a wrong checksum was noticed."""
    stream = TarStream(chunked(archive, size))
    walk = Walk(stream, Limits())
    try:
        for entry in walk.entries((NAME.encode(),)):
            if entry.name == NAME.encode():
                return walk.content(entry), stream.garbled
    except CorruptArchiveError:
        return "CorruptArchiveError", stream.garbled
    return "not found", stream.garbled


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("level", [0, 6])
@pytest.mark.parametrize("size", [65536, 10**7])
def test_a_wrong_checksum_or_length_right_after_the_file_is_noticed(size: int, level: int) -> None:
    archive = gz(SMALL, level)
    assert read(archive, size) == (GOOD, False)
    assert read(archive[:-8] + bytes(8), size) == (GOOD, True)
    assert read(archive[:-1] + b"\x7f", size) == (GOOD, True)
    assert read(archive[:-8], size) == (GOOD, False)  # a missing one is not a wrong one
    assert read(archive[:-8] + bytes(8) + gz(b""), size) == (GOOD, True)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("size", [65536, 10**7])
def test_a_flipped_bit_in_the_file_is_noticed(size: int) -> None:
    archive = bytearray(gz(SMALL, 0))
    archive[archive.index(b"age")] ^= 2
    assert read(bytes(archive), size) == (GOOD.replace(b"age", b"cge"), True)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("size", [65536, 10**7])
def test_other_damage_right_after_the_file_is_not_a_wrong_checksum(size: int) -> None:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    data = compressor.compress(SMALL[: after_file(SMALL)]) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert read(GZIP_HEADER + data + b"\xff" * 40, size) == (GOOD, False)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("size", [509, 65536, 10**7])
def test_a_wrong_checksum_that_comes_in_a_later_piece_is_not_noticed(size: int) -> None:
    assert read(gz(LARGE)[:-8] + bytes(8), size) == (GOOD, False)


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("seed", range(30))
def test_both_engines_give_the_same_chunks_and_notice_the_same(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    tar = member("first", noise(chance.randrange(300_000)) + bytes(chance.randrange(900_000)))
    tar += member(NAME) + member("last", noise(chance.randrange(200_000))) * chance.randrange(2)
    archive = gz(tar, chance.choice([0, 1, 6]))
    if chance.random() < 0.5:
        archive += gz(b"") * 3 + gz(tar[:3000])
    size = chance.choice([65536, 300_000, 10**7])
    given_by_isal = [len(chunk) for chunk in TarStream(chunked(archive, size))]
    edits = [archive[:-8] + bytes(8), archive[: len(gz(tar)) - 8] + bytes(8)]
    seen_by_isal = [read(edited, size) for edited in edits]
    monkeypatch.setattr(inflate, "igzip_lib", None)
    given_by_zlib = [len(chunk) for chunk in TarStream(chunked(archive, size))]
    assert sum(given_by_isal) == sum(given_by_zlib)
    # They may differ by a byte at the end of a chunk of the archive.
    assert len(given_by_isal) == len(given_by_zlib)
    assert max(abs(a - b) for a, b in zip(given_by_isal, given_by_zlib)) <= 1
    assert seen_by_isal == [read(edited, size) for edited in edits]


# --- the check

ZEROS = zlib.compress(bytes(50_000_000), 9)[2:]  # a deflate stream of 48 KB
PARTS: Dict[str, tuple[bytes, int]] = {
    "plain": (LARGE, len(LARGE) // MAX_PIECE),
    "stored": (gz(LARGE, 0), len(LARGE) // MAX_PIECE),
    "a bomb": (gz(bytes(50_000_000)), 50_000_000 // MAX_PIECE),
    "gzip members": (gz(b"") * 3000 + gz(SMALL), 3000),
    "zeros between": (gz(b"") + bytes(3_000_000) + gz(SMALL), 3_000_000 // MAX_PIECE),
    "zeros and members": ((gz(b"") + b"\0") * 1000 + gz(SMALL), 1000),
    "damage": (GZIP_HEADER + ZEROS[:40_000] + b"\xff" * 999, 39),
}


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("part", PARTS)
def test_the_check_is_called_throughout_and_what_it_raises_passes_through(part: str) -> None:
    archive, least = PARTS[part]
    calls = 0
    last = -1

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == last:
            raise TimeoutError

    def all_of_it() -> None:
        with contextlib.suppress(CorruptArchiveError):
            for _ in TarStream([archive], check):
                pass

    all_of_it()
    assert calls >= least
    for last in (1, 1 + calls // 2, calls):  # noqa: B007
        calls = 0
        with pytest.raises(TimeoutError):
            all_of_it()


@pytest.mark.usefixtures("engine")
def test_the_data_after_a_gzip_member_are_not_copied_for_each_member(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = 0
    take = inflate._Source.take

    def watched(source: inflate._Source, limit: int) -> bytes:
        nonlocal taken
        piece = take(source, limit)
        taken += len(piece)
        return piece

    monkeypatch.setattr(inflate._Source, "take", watched)
    archive = (gz(b"") + b"\0") * 5000 + gz(SMALL)
    assert b"".join(TarStream([archive])) == SMALL
    assert taken < 5000 * 3 * 4096 + 2**20
