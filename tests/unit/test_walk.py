"""The walk over an archive: which members it gives, and how their data are read."""

from __future__ import annotations

import random
import tracemalloc
from itertools import islice
from typing import Any, Callable, Dict, List, Tuple

import pytest
from mims.archive import headers, members
from mims.archive.inflate import TarStream
from mims.archive.members import Walk
from mims.errors import ArchiveLimitError, CorruptArchiveError
from mims.limits import Limits

from tests.archives import END, chunked, gz, header, long_name, member, noise, padded, pax, record

SIZES = [1, 7, 511, 65536]
MIB = 1024**2


def walk_over(tar: bytes, size: int = 65536, check: Callable[[], None] = lambda: None) -> Walk:
    return Walk(TarStream(chunked(tar, size)), Limits(), check)


def names(tar: bytes, size: int = 65536, **wanted: Any) -> List[bytes]:
    return [entry.name for entry in walk_over(tar, size).entries(**wanted)]


# --- which members are given

TAR = b"".join(
    [
        member("first.txt", b"1"),
        member("model/MODEL.PKL", b"\x80\x04pickled"),
        member("model/part.bin", b"\x80\x04pickled too"),
        member("short", b"\x80"),
        member("nothing", b""),
        header(b"link.pkl", 0, b"2"),
        header(b"\x80\x04", 0, b"5"),
        pax(record("path", b"long/x.pkl")) + member("-", b"abc"),
        pax(record("path", b"long/x.bin")) + member("-", b"\x80\x04abc"),
        pax(record("GNU.sparse.major", b"1")) + member("sparse.bin", b"\x80\x04abc"),
        member("model.pkl/file", b"abc"),
        member("pkl", b"abc"),
        member("part-2.json", b'{"learner": 1}'),
        member("part-3.json", b'{"lea": 1}'),
        member("x" * 97 + "pkl", b"a whole field of 100 bytes"),
        member("last.h5", b"\x89HDF"),
    ]
)
SOUGHT: Dict[str, Any] = {
    "endings": (b".pkl", b".h5", b"00-no-such-ending"),
    "heads": (b"\x80\x04", b'{"learner"', b"no such head"),
}
GIVEN = [
    b"model/MODEL.PKL",
    b"model/part.bin",
    b"link.pkl",
    b"long/x.pkl",
    b"long/x.bin",
    b"part-2.json",
    b"last.h5",
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("end", [b"", END])
def test_members_are_chosen_by_the_endings_of_their_names_or_the_heads_of_their_data(
    size: int, end: bytes
) -> None:
    assert names(TAR + end, size, **SOUGHT) == GIVEN
    assert names(TAR + end, size, endings=(b".pkl",)) == GIVEN[:1] + GIVEN[2:4]
    assert names(TAR + end, size, endings=(), heads=(b"\x80",)) == [
        *GIVEN[:2],
        b"short",
        b"long/x.bin",
    ]


@pytest.mark.parametrize("first", [0, 1, 5, 100])
def test_the_first_members_are_given_whatever_they_are(first: int) -> None:
    every = names(TAR)
    assert len(every) == 16
    assert names(TAR, first=first, **SOUGHT) == every[:first] + [
        name for name in every[first:] if name in GIVEN
    ]


def test_members_that_are_not_given_are_counted() -> None:
    walk = walk_over(TAR + END)
    assert not list(walk.entries((), ()))
    assert walk.count == 16


@pytest.mark.parametrize("seed", range(20))
def test_the_same_are_given_in_chunks_of_any_size_and_by_the_long_way(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    tar = b""
    for number in range(40):
        name = chance.choice(["a.PKL", "b.pk", "c.bin", "d" * chance.choice([90, 98]) + ".pkl"])
        data = chance.choice([b"", b"\x80", b"\x80\x04", b"\x80\x03x", b'{"learner"', b'{"learn'])
        extension = chance.choice([b"", b"", b"", long_name(b"x.pkl"), pax(b""), pax(b"", b"g")])
        tar += extension + member(name + str(number) * (number % 2), data + b"x" * (number * 37))
    taken = []
    for size in (chance.randint(1, 600), 5000, len(tar)):
        walk = walk_over(tar, size)
        taken.append([(e.name, walk.content(e)) for e in walk.entries(**SOUGHT, first=3)])
    monkeypatch.setattr(members, "pass_ordinary_files", lambda *_: (0, 0))
    walk = walk_over(tar)
    taken.append([(e.name, walk.content(e)) for e in walk.entries(**SOUGHT, first=3)])
    assert taken[0] == taken[1] == taken[2] == taken[3]
    assert 3 < len(taken[0]) < 40


def test_ordinary_files_are_not_looked_at_closely(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: List[bytes] = []
    parse_header = headers.parse_header

    def watched(block: bytes) -> headers.Header:
        parsed.append(block[:8])
        return parse_header(block)

    monkeypatch.setattr(headers, "parse_header", watched)
    tar = member("one", b"x" * 700) * 300 + member("a.pkl") + member("x.json", b'{"a": 1}') * 300
    assert names(tar + END, 10**6, **SOUGHT) == [b"a.pkl"]
    assert len(parsed) < 10


# --- the data

DATA = noise(3000)
THREE = member("a", DATA) + member("b", b"short") + member("c", DATA[:600])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("compressed", [True, False])
def test_the_data_come_whole_in_pieces_and_after_a_look(size: int, compressed: bool) -> None:
    walk = walk_over(gz(THREE + END) if compressed else THREE + END, size)
    for entry, data in zip(walk.entries(), (DATA, b"short", DATA[:600])):
        assert walk.peek(4) == data[:4]
        assert walk.peek(10**9) == data
        assert walk.peek(0) == b""
        if entry.name == b"a":
            assert b"".join(walk.chunks(entry)) == data
            assert list(walk.chunks(entry)) == []
            assert walk.peek(4) == b""
        else:
            assert walk.content(entry) == data
    assert walk.count == 3


@pytest.mark.parametrize("size", SIZES)
def test_what_is_not_read_of_the_data_is_passed_over(size: int) -> None:
    walk = walk_over(THREE + END, size)
    for entry, data in zip(walk.entries(), (DATA, b"short", DATA[:600])):
        piece = next(walk.chunks(entry))
        assert data.startswith(piece)
        assert walk.peek(700) == data[len(piece) :][:700]
    assert walk.count == 3


def test_pieces_are_as_the_stream_gives_them() -> None:
    tar = member("a", bytes(1_000_000)) + END
    walk = walk_over(tar, 10**7)
    entry = next(iter(walk.entries()))
    sizes = [len(piece) for piece in walk.chunks(entry)]
    assert sizes[0] == 256 * 1024 - 512
    assert sum(sizes) == 1_000_000
    assert max(sizes) == 256 * 1024


@pytest.mark.parametrize("size", SIZES)
def test_data_that_end_too_early_are_given_up_to_their_end(size: int) -> None:
    cut = header(b"a", 3000) + DATA[:1000]
    walk = walk_over(cut, size)
    entry = next(iter(walk.entries()))
    assert walk.peek(500) == DATA[:500]
    assert walk.peek(3000) == DATA[:1000]
    pieces = walk.chunks(entry)
    assert b"".join(islice(pieces, 1)) == DATA[:1000]
    with pytest.raises(CorruptArchiveError, match="truncated"):
        next(pieces)
    walk = walk_over(cut, size)
    with pytest.raises(CorruptArchiveError, match="truncated"):
        walk.content(next(iter(walk.entries())))


def test_a_look_asks_for_no_more_than_it_shows() -> None:
    asked: List[int] = []
    tar = THREE + END

    def chunks() -> object:
        for at in range(0, len(tar), 100):
            asked.append(at)
            yield tar[at : at + 100]

    walk = Walk(TarStream(chunks()), Limits())  # type: ignore[arg-type]
    next(iter(walk.entries()))
    assert walk.peek(88) == DATA[:88]
    assert asked[-1] == 500
    walk.peek(89)
    assert asked[-1] == 600


# --- costly archives


class Counting:
    """A check that counts its calls, and raises at one of them."""

    def __init__(self, last: int = -1) -> None:
        self.calls = 0
        self._last = last

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self._last:
            raise TimeoutError


TINY_RECORDS = b"5 a=\n" * 200_000
COSTLY: List[Tuple[str, bytes, int]] = [
    ("members", header(b"x", 0, b"2") * 2000, 2000),
    ("extension headers", pax(b"") * 2000, 2000),
    ("long names", (long_name(b"x") + member("-", b"")) * 1000, 2000),
    ("records", pax(TINY_RECORDS) + member("x"), 48),
    ("global records", pax(TINY_RECORDS, b"g") + member("x"), 48),
    ("data", member("x", bytes(4 * MIB)), 16),
]


@pytest.mark.parametrize(
    ("tar", "calls"), [case[1:] for case in COSTLY], ids=[c[0] for c in COSTLY]
)
def test_the_check_is_called_throughout_and_what_it_raises_passes_through(
    tar: bytes, calls: int
) -> None:
    check = Counting()
    stream = TarStream(chunked(tar + member("end") + END, 10**8), check)
    assert list(Walk(stream, Limits(), check).entries())[-1].name == b"end"
    assert check.calls >= calls
    for last in (1, calls // 2, calls):
        check = Counting(last)
        stream = TarStream(chunked(tar + member("end") + END, 10**8), check)
        with pytest.raises(TimeoutError):
            list(Walk(stream, Limits(), check).entries())


def test_a_global_header_is_read_once_whatever_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: List[int] = []
    parse = headers.parse_pax_records

    def watched(body: bytes, check: Callable[[], None]) -> headers.PaxRecords:
        parsed.append(len(body))
        return parse(body, check)

    monkeypatch.setattr(headers, "parse_pax_records", watched)
    distinct = b"".join(record(f"k{number}", b"x") for number in range(20_000))
    tar = pax(distinct, b"g") + member("a", b"") * 1000
    assert len(names(tar)) == 1000
    assert parsed == [len(distinct)]


def test_little_is_kept_of_an_extension_header() -> None:
    records = [
        b"".join(record(f"{number}-{key}", b"x" * 300) for key in range(2_000))
        for number in range(20)
    ]
    tar = b"".join(pax(body, b"g") + member(f"x{at}", b"") for at, body in enumerate(records))
    assert len(tar) > 12_000_000
    tracemalloc.start()
    try:
        assert len(names(tar, 10**8)) == 20
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Twice the size of the chunks in which a header came, and little more.
    assert peak < 6 * MIB


@pytest.mark.parametrize("kinds", [b"xx", b"xL", b"LK", b"gX", b"gg"])
def test_the_extension_headers_of_one_member_have_one_limit_together(kinds: bytes) -> None:
    walk = walk_over(_two(kinds, 1000) + _two(kinds, 1000), 10**7)
    assert len(list(walk.entries())) == 2
    with pytest.raises(ArchiveLimitError, match=r"1,048,577 bytes .* limit of 1,048,576"):
        names(_two(kinds, 1001))


def _two(kinds: bytes, size: int) -> bytes:
    """Return a file with two extension headers: a MiB less 1000 bytes, and `size` bytes."""
    tar = b""
    for kind, length in zip(kinds, (MIB - 1000, size)):
        body = record("c", b"x" * (length - 12))
        body += bytes(length - len(body))
        assert len(body) == length
        tar += header(b"x", length, bytes([kind])) + padded(body)
    return tar + member("x")
