"""Compressed members: each compression whole, in pieces, damaged, and beyond the limits."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import random
import tracemalloc
import zlib
from typing import Callable, Dict, Iterator

import pytest
from mims.inputs.compressed import packing_of, unpacked, unpacked_head
from mims.inputs.member import MemberBytes, UnreadableError

CONTENT = b"".join(b"%d," % number for number in range(60_000))
PACK: Dict[str, Callable[[bytes], bytes]] = {
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda content: lzma.compress(content, lzma.FORMAT_ALONE),
}


def in_pieces(packed: bytes, size: int) -> MemberBytes:
    return MemberBytes("m", (packed[at : at + size] for at in range(0, len(packed), size)))


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("size", [1, 7, 65536])
def test_every_packing_is_read(packing: str, size: int) -> None:
    packed = PACK[packing](CONTENT)
    assert packing_of(packed[:512]) == packing
    assert b"".join(unpacked(in_pieces(packed, size)).chunks()) == CONTENT


@pytest.mark.parametrize("level", range(10))
def test_every_level_of_zlib_is_known(level: int) -> None:
    assert packing_of(zlib.compress(CONTENT, level)) == "zlib"


@pytest.mark.parametrize("packing", ["gzip", "bzip2", "xz"])
@pytest.mark.parametrize("size", [1, 65536])
def test_streams_one_after_another_are_one_content(packing: str, size: int) -> None:
    packed = PACK[packing](CONTENT[:1000]) + PACK[packing](CONTENT[1000:])
    assert b"".join(unpacked(in_pieces(packed, size)).chunks()) == CONTENT


@pytest.mark.parametrize("packing", ["zlib", "gzip", "xz", "lzma"])
def test_compression_is_recognised_by_the_beginning(packing: str) -> None:
    assert unpacked_head(PACK[packing](b"head" * 1000)[:512], 8) == b"headhead"


def test_other_beginnings_are_not_recognised() -> None:
    assert unpacked_head(b"\x1f\x8b\x08 damaged", 8) == b""
    assert unpacked_head(b"plain", 8) == b""


def test_uncompressed_data_are_read_unchanged() -> None:
    assert unpacked(in_pieces(b"plain", 2)).read(5) == b"plain"
    assert packing_of(b"") == packing_of(b"x") == packing_of(b"xyz") == ""


def test_lz4_says_what_it_is() -> None:
    with pytest.raises(UnreadableError, match="packed with lz4, which Python's standard library"):
        unpacked(in_pieces(b"\x04\x22\x4d\x18rest", 100))


@pytest.mark.parametrize("packing", PACK)
def test_a_cut_is_an_error(packing: str) -> None:
    packed = PACK[packing](CONTENT)
    member = unpacked(in_pieces(packed[: len(packed) // 2], 1000))
    with pytest.raises(UnreadableError, match="cut short"):
        member.skip(len(CONTENT))


@pytest.mark.parametrize("packing", PACK)
def test_damage_after_the_part_that_is_read_is_not_noticed_in_chunks_of_any_size(
    packing: str,
) -> None:
    content = random.Random(packing).randbytes(2_000_000)
    packed = PACK[packing](content)
    damaged = packed[:1_500_000] + bytes(100) + packed[1_500_100:]
    for size in (1000, 65536, len(damaged)):
        member = unpacked(in_pieces(damaged, size))
        assert member.peek(50_000) == content[:50_000]
        with pytest.raises(UnreadableError, match=r"damaged|cut short"):
            member.skip(len(content) + 1)


@pytest.mark.parametrize("packing", PACK)
def test_damage_is_an_error_of_this_project(packing: str) -> None:
    chance = random.Random(packing)
    packed = PACK[packing](CONTENT[:5000])
    for _ in range(300):
        damaged = bytearray(packed)
        damaged[chance.randrange(6, len(damaged))] ^= 1 << chance.randrange(8)
        with contextlib.suppress(UnreadableError):
            list(unpacked(in_pieces(bytes(damaged), 100)).chunks())


def test_what_the_source_of_the_bytes_raises_passes_through() -> None:
    def chunks() -> Iterator[bytes]:
        yield gzip.compress(CONTENT)[:100]
        raise OSError("the network is gone")

    with pytest.raises(OSError, match="the network is gone"):
        unpacked(MemberBytes("m", chunks())).skip(len(CONTENT))


@pytest.mark.parametrize("form", [lzma.FORMAT_XZ, lzma.FORMAT_ALONE])
def test_a_dictionary_of_64_mib_is_the_largest(form: int) -> None:
    def packed(mebibytes: int) -> bytes:
        name = lzma.FILTER_LZMA2 if form == lzma.FORMAT_XZ else lzma.FILTER_LZMA1
        filters = [{"id": name, "preset": 0, "dict_size": mebibytes * 1024 * 1024}]
        return lzma.compress(CONTENT, form, filters=filters)

    assert unpacked(in_pieces(packed(64), 1000)).read(5) == CONTENT[:5]
    with pytest.raises(UnreadableError, match="more than 64 MiB"):
        unpacked(in_pieces(packed(128), 1000)).read(5)


@pytest.mark.parametrize("packing", ["zlib", "bzip2"])
def test_gigabytes_in_a_few_kilobytes_are_not_held_and_end(packing: str) -> None:
    one = PACK[packing](bytes(16 * 1024 * 1024))
    packer = zlib.compressobj() if packing == "zlib" else None

    def chunks() -> Iterator[bytes]:
        if packer is None:
            while True:
                yield one
        while True:
            yield packer.compress(bytes(1024 * 1024))

    member = unpacked(MemberBytes("m", chunks()))
    tracemalloc.start()
    member.skip(64 * 1024 * 1024)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024
    member.step(1_900_000)
    with pytest.raises(UnreadableError, match="2,000,000 steps"):
        member.skip(1 << 40)
