"""One entry of a zip archive that is read as a stream, by the headers before the entries.

The central directory, at the end, is never reached. So if a writer did not know the sizes before
(bit 3 of the flags), the end of an entry is found by its content.
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import struct
import zlib
from typing import List, NamedTuple, Optional

from mims.inputs.member import MemberBytes, UnreadableError, cut_short

HEAD = b"PK\x03\x04"

_DESCRIPTOR = b"PK\x07\x08"
# What may follow an entry: another one, or one of the records after the last.
_AFTER = (HEAD, b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x08")
# With its signature or without, and with sizes of 4 or 8 bytes.
_DESCRIPTOR_SIZES = (16, 24, 12, 20)
_LOCAL_HEADER = struct.Struct("<2xHH4xIIIHH")
_EXTRA_HEADER = struct.Struct("<HH")
_ZIP64 = 1
_UNKNOWN = 0xFFFFFFFF
_ENCRYPTED, _SIZES_FOLLOW = 1, 8
_STORED, _DEFLATED = 0, 8
_PIECE = 64 * 1024
_INFLATED_BYTES_A_STEP = 4096


class _Entry(NamedTuple):
    name: bytes
    flags: int
    method: int
    checksum: int
    size: Optional[int]  # when compressed; `None` if it follows the bytes


def read_entry(member: MemberBytes, name: str) -> Optional[bytes]:
    """Return the bytes of the first entry with that name, counted as held; `None` if there is none.

    Nothing after the entry is read.

    Raises
    ------
    UnreadableError
        The archive is damaged before the end of the entry; or the entry is encrypted, compressed by
        a method other than deflate, or larger than a reader may hold.
    """
    wanted = name.encode()
    while True:
        member.step()
        signature = member.read(4)
        if signature != HEAD:
            if signature not in _AFTER:
                raise UnreadableError(
                    "is damaged: an entry of the zip does not begin where it should"
                )
            return None
        entry = _header(member)
        if entry.name == wanted:
            return _content(member, entry)
        _skip(member, entry)


def _header(member: MemberBytes) -> _Entry:
    header = _LOCAL_HEADER.unpack(member.read(_LOCAL_HEADER.size))
    flags, method, checksum, packed, unpacked, name_size, extra_size = header
    name = member.read(name_size)
    extra = member.read(extra_size)
    size: Optional[int] = packed
    if packed == _UNKNOWN:
        size = _zip64_size(extra, with_unpacked=unpacked == _UNKNOWN)
    if flags & _SIZES_FOLLOW and not size:
        size = None
    return _Entry(name, flags, method, checksum, size)


def _zip64_size(extra: bytes, *, with_unpacked: bool) -> int:
    """Return the compressed size in the ZIP64 field, which may follow the uncompressed one."""
    at = 0
    while at + _EXTRA_HEADER.size <= len(extra):
        number, size = _EXTRA_HEADER.unpack_from(extra, at)
        at += _EXTRA_HEADER.size
        if number == _ZIP64:
            break
        at += size
    at += 8 * with_unpacked
    if at + 8 > len(extra):
        raise UnreadableError("is damaged: an entry of the zip has no size")
    return int.from_bytes(extra[at : at + 8], "little")


def _content(member: MemberBytes, entry: _Entry) -> bytes:
    if entry.flags & _ENCRYPTED:
        raise UnreadableError("is encrypted")
    pieces: List[bytes] = []
    if entry.method == _STORED and entry.size is not None:
        member.hold(entry.size)
        pieces.append(member.read(entry.size))
    elif entry.method == _STORED:
        _stored(member, pieces)
    elif entry.method == _DEFLATED:
        _inflated(member, pieces)
    else:
        raise UnreadableError("is compressed by a method other than deflate")
    content = b"".join(pieces)
    if not entry.flags & _SIZES_FOLLOW and zlib.crc32(content) != entry.checksum:
        raise UnreadableError("is damaged: an entry of the zip has a wrong checksum")
    return content


def _skip(member: MemberBytes, entry: _Entry) -> None:
    if entry.size is not None:
        member.skip(entry.size)
    elif entry.method == _STORED:
        _stored(member)
    elif entry.method == _DEFLATED and not entry.flags & _ENCRYPTED:
        _inflated(member)
    else:
        raise UnreadableError("has an entry in the zip that cannot be skipped")
    if not entry.flags & _SIZES_FOLLOW:
        return
    behind = member.peek(max(_DESCRIPTOR_SIZES) + len(HEAD))
    for size in _DESCRIPTOR_SIZES:
        if behind[size : size + len(HEAD)] in _AFTER:
            member.skip(size)
            return
    raise UnreadableError("is damaged: an entry of the zip does not end where it should")


def _stored(member: MemberBytes, pieces: Optional[List[bytes]] = None) -> None:
    """Take bytes up to the descriptor that gives their number, and keep them in `pieces`."""
    taken = 0
    whole = _PIECE + max(_DESCRIPTOR_SIZES)
    while True:
        member.step()
        window = member.peek(whole)
        at = window.find(_DESCRIPTOR, 0, _PIECE)
        while at >= 0:
            sizes = (window[at + 8 : at + 12], window[at + 8 : at + 16])
            if taken + at in [int.from_bytes(size, "little") for size in sizes]:
                _take(member, at, pieces)
                return
            member.step()
            at = window.find(_DESCRIPTOR, at + 1, _PIECE)
        if len(window) < whole:
            raise cut_short()
        # What may be the beginning of a signature is left for the next iteration.
        taken += _PIECE - len(_DESCRIPTOR) + 1
        _take(member, _PIECE - len(_DESCRIPTOR) + 1, pieces)


def _take(member: MemberBytes, size: int, pieces: Optional[List[bytes]]) -> None:
    if pieces is None:
        member.skip(size)
    else:
        member.hold(size)
        pieces.append(member.read(size))


def _inflated(member: MemberBytes, pieces: Optional[List[bytes]] = None) -> None:
    """Take a deflate stream to its end, and keep its content in `pieces`."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    while not inflater.eof:
        packed = member.peek(_PIECE)
        try:
            piece = inflater.decompress(packed, _PIECE)
        except zlib.error:
            raise UnreadableError("is damaged: an entry of the zip cannot be inflated") from None
        left = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        taken = len(packed) - len(left)
        if not taken and not piece and not inflater.eof:
            raise cut_short()
        member.skip(taken)
        member.step(1 + len(piece) // _INFLATED_BYTES_A_STEP)
        if pieces is not None:
            member.hold(len(piece))
            pieces.append(piece)
