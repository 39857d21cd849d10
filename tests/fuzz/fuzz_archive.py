"""Any bytes as a model archive: a member or one of our own errors, in chunks of any size."""

from __future__ import annotations

import gzip
from typing import Tuple, Union

import atheris  # type: ignore[import-untyped]

from tests.fuzz.running import SEEDS, run

with atheris.instrument_imports(include=["mims"]):
    from mims.errors import PayloadError

    from tests.archives import (
        NAME,
        extract_hyperparameters,
        header,
        long_name,
        padded,
        pax,
        record,
    )

_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
# After so many members, names are no longer kept for a message, and files are skipped faster.
_MANY = (b"x".ljust(156, b"\0") + b"0".ljust(101, b"\0") + b"ustar").ljust(512, b"\0") * 25


def fuzz_archive(fuzzed: bytes) -> None:
    """The first byte says what the rest is; the checksum of a header is corrected."""
    mode, rest = fuzzed[:1], fuzzed[1:]
    if mode in (b"t", b"T"):
        archive = gzip.compress(_with_checksums(rest), 1 if mode == b"t" else 0)
    elif mode == b"m":
        archive = _with_checksums(_MANY + rest)
    elif mode in (b"s", b"S"):
        tar = _shaped(atheris.FuzzedDataProvider(rest))
        archive = tar if mode == b"S" else gzip.compress(tar, 1)
    elif mode == b"d":
        archive = _GZIP_HEADER + rest
    else:
        archive = rest
    whole = _outcome(archive, len(archive) or 1, again=False)
    in_pieces = _outcome(archive, 1 + len(archive) // 7, again=False)
    assert whole == in_pieces, (whole, in_pieces)
    by_isal = _outcome(archive, 1 + len(archive) // 3, again=True)
    # isal takes damaged tables of codes that zlib refuses.
    assert by_isal == whole or whole == "CorruptArchiveError", (whole, by_isal)


def _outcome(archive: bytes, size: int, *, again: bool) -> Union[Tuple[str, bytes, int], str]:
    """Return what the archive gives; chunks that come once are read with zlib, others with isal.

    Not its warnings: whether a wrong checksum is seen differs with the chunks.
    """
    chunks = [archive[at : at + size] for at in range(0, len(archive), size)]
    try:
        member = extract_hyperparameters(chunks if again else iter(chunks))
        return member.name, member.content, member.modified
    except PayloadError as error:
        str(error)
        return type(error).__name__


def _shaped(fuzzed: atheris.FuzzedDataProvider) -> bytes:
    """Return a tar of headers, stacked and repeated, which are valid except for field values."""
    names = (NAME.encode(), b"a/" + NAME.encode(), b"./" + NAME.encode(), b"x")
    tar = b""
    while fuzzed.remaining_bytes() and len(tar) < 500_000:
        shape = fuzzed.ConsumeIntInRange(0, 9)
        name = fuzzed.PickValueInList(list(names))
        if shape == 0:
            block = bytes(512)
        elif shape == 1:
            block = long_name(name, fuzzed.PickValueInList([b"L", b"K"]))
        elif shape <= 4:
            keyword = fuzzed.PickValueInList(["path", "size", "mtime", "GNU.sparse.name", "k"])
            value = fuzzed.PickValueInList([name, b"", b"%d" % fuzzed.ConsumeIntInRange(0, 2000)])
            records = record(keyword, value) * fuzzed.ConsumeIntInRange(0, 3)
            body = records + fuzzed.ConsumeBytes(fuzzed.ConsumeIntInRange(0, 9))
            block = pax(body, fuzzed.PickValueInList([b"x", b"X", b"g"]))
        else:
            data = fuzzed.ConsumeBytes(fuzzed.ConsumeIntInRange(0, 700))
            kind = fuzzed.PickValueInList([b"0", b"0", b"\0", b"5", b"1", b"2", b"S", b"V"])
            field = fuzzed.ConsumeBytes(12) if fuzzed.ConsumeBool() else b"%011o\0" % len(data)
            block = header(name, kind=kind, size_field=field.ljust(12, b"\0")) + padded(data)
        tar += block * fuzzed.PickValueInList([1, 1, 1, 1, 30])
    return tar


def _with_checksums(tar: bytes) -> bytes:
    repaired = bytearray(tar)
    for at in range(0, len(tar) - 511, 512):
        if repaired[at + 257 : at + 262] == b"ustar":
            repaired[at + 148 : at + 156] = b" " * 8
            repaired[at + 148 : at + 156] = b"%06o\0 " % sum(repaired[at : at + 512])
    return bytes(repaired)


if __name__ == "__main__":
    run(fuzz_archive, SEEDS / "archive")
