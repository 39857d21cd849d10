"""One 512-byte tar header, or the body of an extension header → its fields.

ustar and pax: POSIX.1-2017, `pax`, https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
GNU: https://www.gnu.org/software/tar/manual/html_node/Standard.html
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional
from zlib import adler32

from mims.deadline import Check

BLOCK = 512

REGULAR_TYPES = frozenset(b"0\x007")
# POSIX: no data follow the header of a link, device, directory or FIFO, whatever size it gives.
DATALESS_TYPES = frozenset(b"123456")
GNU_LONG_NAME, GNU_LONG_LINK, GNU_SPARSE, GNU_LABEL = b"LKSV"
PAX_LOCAL, PAX_LOCAL_SOLARIS, PAX_GLOBAL = b"xXg"
EXTENSION_TYPES = frozenset(
    (GNU_LONG_NAME, GNU_LONG_LINK, PAX_LOCAL, PAX_LOCAL_SOLARIS, PAX_GLOBAL)
)
# Some writers leave the size out where no data follow: GNU tar itself in a label (--label).
_MAY_LACK_SIZE = DATALESS_TYPES | {GNU_LABEL}
_NO_SIZE = bytes(12)

_OCTAL = re.compile(rb" *([0-7]+) *\Z")
_RECORD = re.compile(rb"([0-9]{1,20}) ([^=]+)=")
_DECIMAL = re.compile(rb"[0-9]{1,19}\Z")
_TIME = re.compile(rb"(-?[0-9]{1,18})(?:\.[0-9]*)?\Z")
_RECORDS_BETWEEN_CHECKS = 4096
_MAX_SIZE = 1 << 63  # off_t; a size beyond it is damage


class MalformedHeaderError(Exception):
    """A header is invalid; the message says how. Never leaves the archive reader."""


class Header(NamedTuple):
    """The fields of a header block that the walk needs.

    `name` is the field of 100 bytes alone; `block` is the whole, for what is seldom needed.
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
        The checksum is wrong; or the size is not a number, negative or too large.
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
        kind = ord("5")  # a directory, as tar programs older than ustar wrote it
    size_field = block[124:136]
    if size_field == _NO_SIZE and kind in _MAY_LACK_SIZE:
        return Header(name, kind, 0, block)
    return Header(name, kind, _number(size_field, "size"), block)


def full_name(header: Header) -> bytes:
    """Return the header's name with the prefix that ustar keeps in another field."""
    # Only POSIX's magic has a prefix there: GNU's ("ustar" and two spaces) keeps times.
    if header.block[257:263] == b"ustar\0":
        prefix = header.block[345:500].split(b"\0", 1)[0]
        if prefix:
            return prefix + b"/" + header.name
    return header.name


def modified(header: Header) -> int:
    """Return the modification time in seconds since the epoch; 0 where it is not a number."""
    try:
        return _number(header.block[136:148], "time", signed=True)
    except MalformedHeaderError:
        return 0


class PaxRecords(NamedTuple):
    """The records of a pax extension header that matter.

    `None` if it has no such record; empty if it takes back that of a global header.
    """

    path: Optional[bytes] = None
    size: Optional[bytes] = None
    time: Optional[bytes] = None
    sparse: bool = False

    def over(self, earlier: PaxRecords) -> PaxRecords:
        """Return these records, completed by those of an earlier, global header."""
        return PaxRecords(
            earlier.path if self.path is None else self.path,
            earlier.size if self.size is None else self.size,
            earlier.time if self.time is None else self.time,
            earlier.sparse or self.sparse,
        )


NO_RECORDS = PaxRecords()


def parse_pax_records(body: bytes, check: Check) -> PaxRecords:
    """Return the records `length keyword=value\\n` of an extension header's body.

    Raises
    ------
    MalformedHeaderError
        A record does not end where its length says, or has no keyword.
    """
    path = size = time = sparse_name = None
    sparse = False
    at = count = 0
    while at < len(body) and body[at] != 0:
        match = _RECORD.match(body, at)
        if not match:
            raise MalformedHeaderError("a record of its extended header has no length or keyword")
        end, begin = at + int(match.group(1)), match.end()
        if not begin < end <= len(body) or body[end - 1] != 0x0A:
            raise MalformedHeaderError("a record of its extended header has a wrong length")
        keyword = match.group(2)
        if keyword == b"path":
            path = body[begin : end - 1]
        elif keyword == b"size":
            # Cut, as it is parsed again for each member: with more digits it is too large anyway.
            size = body[begin : end - 1].lstrip(b"0")[:20] or body[begin : min(begin + 1, end - 1)]
        elif keyword == b"mtime":
            time = body[begin : end - 1]
        elif keyword.startswith(b"GNU.sparse.") or keyword == b"SUN.holesdata":
            sparse = True
            if keyword == b"GNU.sparse.name":
                sparse_name = body[begin : end - 1]
        at = end
        count += 1
        if count % _RECORDS_BETWEEN_CHECKS == 0:
            check()
    return PaxRecords(sparse_name or path, size, time, sparse)


def parse_pax_size(value: bytes) -> int:
    """Return the size that a pax record gives, in bytes."""
    if not _DECIMAL.match(value) or int(value) >= _MAX_SIZE:
        raise MalformedHeaderError("the size in its extended header is not a number or too large")
    return int(value)


def parse_pax_time(value: bytes, otherwise: int) -> int:
    """Return a pax record's time in whole seconds; `otherwise` where it is not a number."""
    match = _TIME.match(value)
    return int(match.group(1)) if match else otherwise


def _number(field: bytes, what: str, *, signed: bool = False) -> int:
    if field[0] in (0x80, 0xFF):  # GNU's base-256, for numbers too large for octal
        number = int.from_bytes(field, "big") - (
            1 << (8 * len(field) - 1) if field[0] == 0x80 else 1 << (8 * len(field))
        )
    else:
        match = _OCTAL.match(field.split(b"\0", 1)[0])
        if not match:
            raise MalformedHeaderError(f"the header's {what} is not a number")
        number = int(match.group(1), 8)
    if number < 0 and not signed:
        raise MalformedHeaderError(f"the header's {what} is negative")
    if number >= _MAX_SIZE:
        raise MalformedHeaderError(f"the header's {what} is too large")
    return number
