"""One 512-byte tar header, or the body of an extension header → what it says.

ustar and pax: POSIX.1-2017, `pax`, https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
GNU: https://www.gnu.org/software/tar/manual/html_node/Standard.html
"""

from __future__ import annotations

import re
from functools import lru_cache
from struct import Struct
from typing import Dict, NamedTuple, Tuple
from zlib import adler32

BLOCK = 512

REGULAR_TYPES = frozenset(b"0\x007")
# POSIX: no data follow the header of a link, a device, a directory or a FIFO, whatever its size.
DATALESS_TYPES = frozenset(b"123456")
GNU_LONG_NAME, GNU_LONG_LINK, GNU_SPARSE = b"LKS"
PAX_LOCAL, PAX_LOCAL_SOLARIS, PAX_GLOBAL = b"xXg"

# The name, the size and what ends it, the checksum and the type behind it, of a header block.
_ORDINARY = Struct("100s24x11sc12x9s355x").unpack
_OCTAL_DIGITS = b"01234567"

_OCTAL = re.compile(rb" *([0-7]*) *\Z")
_RECORD_LENGTH = re.compile(rb"([0-9]{1,20}) ")
_DECIMAL = re.compile(rb"0*([0-9]{1,19})\Z")
_TIME = re.compile(rb"(-?[0-9]{1,18})(?:\.[0-9]*)?\Z")
_MAX_SIZE = 1 << 63  # off_t; what lies beyond is no size but damage


class MalformedHeaderError(Exception):
    """A header breaks the format; says how, in a few words. Never leaves the archive reader."""


class Header(NamedTuple):
    """What the walk needs of a header block.

    `name` is the field of 100 bytes alone, `block` the whole, for what is seldom asked.
    """

    name: bytes
    kind: int
    size: int
    block: bytes


def parse_header(block: bytes) -> Header:
    """Return the header in `block` (512 bytes), its checksum verified.

    Raises
    ------
    MalformedHeaderError
        The checksum is wrong, or the size is no number or a negative one.
    """
    # adler32's low 16 bits are 1 + the sum of the bytes while that stays below 65,521, as it does
    # for 256 bytes: half the time of sum(). The checksum's own 8 bytes count as spaces.
    total = (adler32(block[:256]) & 0xFFFF) + (adler32(block[256:]) & 0xFFFF) - 2
    total += 8 * 32 - sum(block[148:156])
    declared = _number(block[148:156], "checksum")
    # Some old writers summed signed bytes.
    if total != declared and declared != total - 256 * sum(
        byte > 127 for byte in block[:148] + block[156:]
    ):
        raise MalformedHeaderError("the header's checksum is wrong")
    name = block[:100].split(b"\0", 1)[0]
    kind = block[156]
    if kind == 0 and name.endswith(b"/"):
        kind = ord("5")  # a directory, as archives older than ustar wrote it
    return Header(name, kind, _number(block[124:136], "size"), block)


class Sought(NamedTuple):
    """The files that a walk is for: by the ending of the name, or by the first bytes of the data.

    `by_tail` has the endings by their last `tail` bytes, `by_front` the heads by their first
    `front` bytes: a look-up spares most files the comparison with forty of them.
    """

    endings: Tuple[bytes, ...]
    heads: Tuple[bytes, ...]
    longest_ending: int
    longest_head: int
    tail: int
    front: int
    by_tail: Dict[bytes, Tuple[bytes, ...]]
    by_front: Dict[bytes, Tuple[bytes, ...]]

    def has_name(self, name: bytes) -> bool:
        """Return whether the name, in lower case, has one of the endings."""
        return name[max(0, len(name) - self.longest_ending) :].lower().endswith(self.endings)


def sought(endings: Tuple[bytes, ...], heads: Tuple[bytes, ...]) -> Sought:
    """Return what `pass_ordinary_files` needs of these endings, in lower case, and heads."""
    tail = min(map(len, endings), default=0)
    front = min(map(len, heads), default=0)
    by_tail: Dict[bytes, Tuple[bytes, ...]] = {}
    for ending in endings:
        key = ending[len(ending) - tail :]
        by_tail[key] = (*by_tail.get(key, ()), ending)
    by_front: Dict[bytes, Tuple[bytes, ...]] = {}
    for head in heads:
        by_front[head[:front]] = (*by_front.get(head[:front], ()), head)
    longest_ending = max(map(len, endings), default=0)
    longest_head = max(map(len, heads), default=0)
    return Sought(endings, heads, longest_ending, longest_head, tail, front, by_tail, by_front)


def pass_ordinary_files(
    chunk: bytes, at: int, most: int, room: int, sought: Sought
) -> Tuple[int, int]:
    """Return how many ordinary files lie in a row from `at` on, and the offset behind the last.

    Ordinary is a header as most writers make it: all ASCII, a regular file, numbers in full width.
    What ends the row is for `parse_header`, of which this is the short way, as an archive may have
    a hundred thousand small files: any other header, valid or not; a file that is sought, or may
    be; data beyond the offset `room`; a header that is not whole in `chunk`, or not with as much
    behind it as the longest of the heads; the file after `most`.
    """
    count, last = 0, len(chunk) - BLOCK - sought.longest_head
    tail, front, by_tail, by_front = sought[4:]
    may_end, may_begin = by_tail.get, by_front.get
    try:
        while at <= last and count < most:
            data = at + BLOCK
            block = chunk[at:data]
            name, size, size_end, checksum_and_kind = _ORDINARY(block)
            behind = data + -(-int(size, 8) // BLOCK) * BLOCK
            name = name.split(b"\0", 1)[0]
            endings = may_end(name[-tail:].lower())
            heads = may_begin(chunk[data : data + front])
            if (
                size_end != b"\0"
                or not size.isdigit()
                or adler32(block) & 0xFFFF != _ordinary_adler32(checksum_and_kind)
                or behind > room
                or (endings is not None and name.lower().endswith(endings))
                or (heads is not None and chunk.startswith(heads, data))
                or not block.isascii()  # of 512 such bytes, too, the sum is below adler32's modulus
            ):
                break
            count += 1
            at = behind
    except ValueError:  # the size is no number
        pass
    return count, at


@lru_cache(maxsize=1024)  # many headers share one: their names and sizes differ by some digits
def _ordinary_adler32(checksum_and_kind: bytes) -> int:
    """Return the low 16 bits that adler32 gives for a file's header with these fields; else -1."""
    digits, end_and_kind = checksum_and_kind[:6], checksum_and_kind[6:]
    if end_and_kind != b"\0 0" or digits.strip(_OCTAL_DIGITS):
        return -1
    # The header's checksum counts its own field as 8 spaces.
    return 1 + int(digits, 8) - 8 * 32 + sum(checksum_and_kind[:8])


def full_name(header: Header) -> bytes:
    """Return the header's name with the prefix that ustar keeps apart."""
    # Only POSIX's magic has a prefix there: GNU's ("ustar" and two spaces) keeps times.
    if header.block[257:263] == b"ustar\0":
        prefix = header.block[345:500].split(b"\0", 1)[0]
        if prefix:
            return prefix + b"/" + header.name
    return header.name


def modified(header: Header) -> int:
    """Return the modification time in seconds since the epoch; 0 where it is no number."""
    try:
        return _number(header.block[136:148], "time", signed=True)
    except MalformedHeaderError:
        return 0


def parse_pax_records(body: bytes) -> Dict[bytes, bytes]:
    """Return the records `length keyword=value\\n` of an extension header's body.

    Raises
    ------
    MalformedHeaderError
        A record does not end where its length says, or has no keyword.
    """
    records: Dict[bytes, bytes] = {}
    at = 0
    while at < len(body) and body[at] != 0:
        match = _RECORD_LENGTH.match(body, at)
        end = at + int(match.group(1)) if match else 0
        if not match or end <= match.end() or end > len(body) or body[end - 1] != 0x0A:
            raise MalformedHeaderError("a record of its extended header is malformed")
        keyword, equals, value = body[match.end() : end - 1].partition(b"=")
        if not keyword or not equals:
            raise MalformedHeaderError("a record of its extended header has no keyword")
        records[keyword] = value
        at = end
    return records


def parse_pax_size(value: bytes) -> int:
    """Return the size that a pax record gives, in bytes."""
    match = _DECIMAL.match(value)
    if not match or int(match.group(1)) >= _MAX_SIZE:
        raise MalformedHeaderError("the size in its extended header is no number")
    return int(match.group(1))


def parse_pax_time(value: bytes, otherwise: int) -> int:
    """Return a pax record's time in whole seconds; `otherwise` where it is no number."""
    match = _TIME.match(value)
    return int(match.group(1)) if match else otherwise


def _number(field: bytes, what: str, *, signed: bool = False) -> int:
    if field[0] in (0x80, 0xFF):  # GNU's base-256, for what octal cannot hold
        number = int.from_bytes(field, "big") - (
            1 << (8 * len(field) - 1) if field[0] == 0x80 else 1 << (8 * len(field))
        )
    else:
        match = _OCTAL.match(field.split(b"\0", 1)[0])
        if not match:
            raise MalformedHeaderError(f"the header's {what} is no number")
        number = int(match.group(1) or b"0", 8)
    if number < 0 and not signed:
        raise MalformedHeaderError(f"the header's {what} is negative")
    if number >= _MAX_SIZE:
        raise MalformedHeaderError(f"the header's {what} is too large")
    return number
