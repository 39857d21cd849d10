"""An entry of a streamed zip, wherever its sizes are, and whatever comes before it."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any, Callable, Iterator, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mims.inputs import member, zip_entries
from mims.inputs.member import MemberBytes, UnreadableError

from tests.archives import chunked
from tests.unit.inputs.readings import (
    CHUNK_SIZES,
    GIB,
    MIB,
)

CONTENT = b'{"layers": [1, 2, 3]}' * 40
BULK = b"PK\x07\x08PK\x03\x04PK\x01\x02" + bytes(range(256)) * 300
STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


class Unseekable(io.BytesIO):
    """A stream that cannot go back, so sizes are written after the bytes."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation("seek")

    def tell(self) -> int:
        raise io.UnsupportedOperation("tell")


def zipped(method: int, *, seekable: bool, zip64: bool = False, wanted: bool = True) -> bytes:
    stream = io.BytesIO() if seekable else Unseekable()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in (
            ("metadata.json", b"{}"),
            ("empty", b""),
            ("model.weights.h5", BULK),
            *([("config.json", CONTENT)] if wanted else []),
            ("assets/config.json", b"other"),
        ):
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with archive.open(info, "w", force_zip64=zip64) as entry:
                entry.write(content)
    return stream.getvalue()


def entry(content: bytes, size: int = 65_536) -> Optional[bytes]:
    return zip_entries.read_entry(MemberBytes("model", chunked(content, size)), "config.json")


def outcome(content: bytes, size: int = 65_536) -> Any:
    try:
        return entry(content, size)
    except UnreadableError as error:
        return str(error)


@pytest.mark.parametrize("size", CHUNK_SIZES)
@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize("seekable", [True, False])
@pytest.mark.parametrize("method", [STORED, DEFLATED])
def test_an_entry_is_found_after_others(
    method: int, seekable: bool, zip64: bool, size: int
) -> None:
    made = zipped(method, seekable=seekable, zip64=zip64)
    assert (CONTENT in made) == (method == STORED)
    assert entry(made, size) == CONTENT
    assert entry(zipped(method, seekable=seekable, zip64=zip64, wanted=False), size) is None


@pytest.mark.parametrize("seekable", [True, False])
@pytest.mark.parametrize("method", [STORED, DEFLATED])
def test_a_zip_cut_short_gives_the_entry_or_none(method: int, seekable: bool) -> None:
    made = zipped(method, seekable=seekable)
    for size in {*range(0, len(made), 149), *range(len(made) - 900, len(made))}:
        assert outcome(made[:size]) in (
            CONTENT,
            "is cut short",
            "is damaged: an entry of the zip does not end where it should",
        )


def local(
    name: str,
    content: bytes,
    *,
    flags: int = 0,
    method: int = 0,
    size: Optional[int] = None,
    checksum: Optional[int] = None,
    extra: bytes = b"",
) -> bytes:
    size = len(content) if size is None else size
    checksum = zlib.crc32(content) if checksum is None else checksum
    fixed = (20, flags, method, 0, 0, checksum, size, len(content) & 0xFFFFFFFF)
    header = struct.pack("<4s5H3I2H", b"PK\x03\x04", *fixed, len(name), len(extra))
    return header + name.encode() + extra + content


CONFIG = local("config.json", CONTENT)
BEFORE = "is damaged: an entry of the zip "


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (CONFIG, CONTENT),
        (local("x", b"secret", flags=1) + CONFIG, CONTENT),
        (local("x", b"odd", method=99) + CONFIG, CONTENT),
        (local("./config.json", b"odd") + CONFIG, CONTENT),
        (local("config.json", CONTENT, flags=1), "is encrypted"),
        (local("config.json", CONTENT, method=12), "is compressed by a method other than deflate"),
        (local("config.json", CONTENT, method=8), BEFORE + "cannot be inflated"),
        (local("config.json", CONTENT, checksum=1), BEFORE + "has a wrong checksum"),
        (local("config.json", CONTENT, size=2**31), "needs more than 4,194,304 bytes of it"),
        (local("x", b"", size=2**31) + CONFIG, "is cut short"),
        (local("x", b"abc", size=2) + CONFIG, BEFORE + "does not begin where it should"),
        (local("x", b"", size=0xFFFFFFFF), BEFORE + "has no size"),
        (local("x", b"", size=0xFFFFFFFF, extra=b"\1\0\x08\0" + bytes(7)), BEFORE + "has no size"),
        (local("x", b"", size=0xFFFFFFFF, extra=b"\1\0\x08\0" + b"\xff" * 8), "is cut short"),
        (local("x", b"a", flags=9, method=8, size=0), "has an entry in the zip that cannot be"),
        (local("x", b"a", flags=8, method=93, size=0), "has an entry in the zip that cannot be"),
        (local("x", b"a" * 99, flags=8, size=0) + CONFIG, "is cut short"),
        (
            local("x", b"\3\0abcd", flags=8, method=8, size=0) + CONFIG,
            BEFORE + "does not end where",
        ),
        (b"PK\x05\x06" + bytes(18), None),
        (b"PK\x03\x05" + bytes(26), BEFORE + "does not begin where it should"),
        (b"", "is cut short"),
    ],
)
def test_unusual_entries_are_passed_over_or_refused(content: bytes, told: Any) -> None:
    found = outcome(content + b"PK\x01\x02" if isinstance(told, bytes) else content)
    assert found[: len(told)] == told if isinstance(told, str) else found == told


@given(st.binary(max_size=200), st.sampled_from([0, 1, 8, 9]), st.sampled_from([0, 8, 12]))
def test_any_bytes_give_the_entry_or_an_error(content: bytes, flags: int, method: int) -> None:
    for name in ("config.json", "x"):
        for made in (content, local(name, content, flags=flags, method=method, size=0) + content):
            assert outcome(made, 3) == outcome(made)


def test_only_the_entry_is_read() -> None:
    def chunks() -> Iterator[bytes]:
        yield local("metadata.json", b"{}") + CONFIG
        raise AssertionError("the entry had been read")

    assert zip_entries.read_entry(MemberBytes("x", chunks()), "config.json") == CONTENT


def test_weights_of_gigabytes_are_passed_over() -> None:
    size = 5 * GIB
    zip64 = struct.pack("<HHQQ", 1, 16, size, size)

    def known() -> Iterator[bytes]:
        yield _zip64_header(zip64)
        yield from (bytes(MIB) for _ in range(size // MIB))
        yield CONFIG

    def unknown() -> Iterator[bytes]:
        yield local("w", b"", flags=8, size=0)
        yield from (bytes(MIB) for _ in range(GIB // MIB))
        yield b"PK\x07\x08" + struct.pack("<III", 0, GIB, GIB) + CONFIG

    for chunks in (known, unknown):
        stream = MemberBytes("x", chunks())
        assert zip_entries.read_entry(stream, "config.json") == CONTENT


def _zip64_header(extra: bytes) -> bytes:
    header = struct.pack("<4s5H3I2H", b"PK\x03\x04", 45, 0, 0, 0, 0, 0, *[2**32 - 1] * 2, 1, 20)
    return header + b"w" + extra


def _deflated_zeros() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"".join([packer.compress(bytes(MIB)) for _ in range(64)] + [packer.flush()])


@pytest.mark.parametrize(
    ("name", "why"),
    [("config.json", "bytes of it to be held"), ("w", "steps to be read")],
)
def test_a_bomb_is_left(name: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "READER_STEPS", 10_000)
    made = local(name, _deflated_zeros(), flags=8, method=8, size=0) + CONFIG
    with pytest.raises(UnreadableError, match=why):
        entry(made)


@pytest.mark.parametrize("make", [lambda: local("", b""), lambda: local("x", b"", flags=0)])
def test_entries_without_end_are_left(
    make: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member, "READER_STEPS", 10_000)
    with pytest.raises(UnreadableError, match="10,000 steps"):
        entry(make() * 20_000)


def test_wrong_descriptors_count_as_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "READER_STEPS", 10_000)
    with pytest.raises(UnreadableError, match="10,000 steps"):
        entry(local("x", b"", flags=8, size=0) + b"PK\x07\x08" * 50_000)
