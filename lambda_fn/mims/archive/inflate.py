"""Chunks of a model archive → chunks of its tar stream.

A gzip stream may have several members, and padding or garbage after the last. What does not begin
like gzip passes through unchanged (a plain tar with the name of a compressed one). Each call of the
inflate engine takes at most 512 KiB and returns at most 256 KiB, so a bomb costs time, not memory.

The engine is isal if it is installed and the chunks can be iterated a second time, else zlib.
An inflate call that fails returns nothing, not even the bytes before the damage, and an inflater of
isal cannot be copied beforehand as one of zlib can. What isal refuses is therefore read once more
with zlib, whose result counts. So both engines give the same bytes and the same errors. (With one
exception: isal accepts a damaged table of codes that leaves some unused, which zlib refuses. Such
damage is then found by the tar's own checksums.)

gzip: RFC 1952, https://www.rfc-editor.org/rfc/rfc1952
"""

from __future__ import annotations

import zlib
from typing import Any, Callable, Iterable, Iterator, List

from mims.deadline import Check, no_deadline
from mims.errors import CorruptArchiveError

igzip_lib: Any
try:
    from isal import igzip_lib
except ImportError:
    igzip_lib = None

MAX_PIECE = 256 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WBITS = 31  # zlib: a gzip header and trailer, checked
# Headers that isal reads correctly: those without optional parts, or with a file's name. It takes a
# name and comment for data if they are split between two calls, and ignores reserved flags.
_PLAIN_HEADERS = (_GZIP_MAGIC + b"\x08\x00", _GZIP_MAGIC + b"\x08\x08")
_PIECE = 512 * 1024
# The part of a piece after the end of a gzip member is copied. So where one member follows another,
# it begins with a small piece, and each further piece has twice the size.
_FIRST_PIECE = 4 * 1024
# zlib copies the rest of its input after each call that fills the output: small slices make the
# copies small.
_ZLIB_SLICE = 64 * 1024
# What zlib says about a gzip trailer that does not match the data before it.
_WRONG_TRAILER = ("incorrect data check", "incorrect length check")
_BYTES_BETWEEN_CHECKS = 1024  # when each byte is a call of the engine

_SIGNATURES = (
    (_GZIP_MAGIC, "gzip data"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\x00", "xz data"),
    (b"\x04\x22\x4d\x18", "lz4 data"),
    (b"\x1f\x9d", "compress (.Z) data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy file"),
    (b"\x80", "a Python pickle"),
    (b"<", "an XML or HTML document"),
    (b"{", "a JSON document"),
    (b"[", "a JSON document"),
)


class TarStream:
    """The tar stream in a model archive: iterate it for chunks of at most 256 KiB.

    A chunk is taken from `chunks` only when it is needed. Exceptions of `chunks`, and of `check`,
    which is called between any two pieces of work, pass through unchanged.

    Attributes
    ----------
    compressed_offset
        How many bytes of the archive have been used for the chunks so far.
    compressed
        Whether the archive is gzip data; known after the first chunk.
    garbled
        Whether the gzip member of the last chunk has a wrong CRC or length, as far as that was
        seen: its trailer is in the same piece of the archive as the end of that chunk.
    """

    def __init__(self, chunks: Iterable[bytes], check: Check = no_deadline) -> None:
        self._chunks = chunks
        self._check = check
        self._source = _Source(chunks)
        self._iterable_again = iter(chunks) is not chunks
        self.compressed = False
        self.garbled = False

    @property
    def compressed_offset(self) -> int:
        return self._source.offset

    def close(self) -> None:
        """Close the iterator over the archive's chunks, which closes its connection, if any."""
        self._source.close()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the tar stream.

        Raises
        ------
        CorruptArchiveError
            The archive is empty, damaged or truncated. Everything before the damage has been
            yielded by then.
        """
        head = self._source.peek(len(_GZIP_MAGIC))
        if not head:
            raise CorruptArchiveError(
                "The model archive is empty (0 bytes). Upload the model.tar.gz again."
            )
        self.compressed = head == _GZIP_MAGIC
        if not self.compressed:
            for piece in iter(lambda: self._source.take(MAX_PIECE), b""):
                self._check()
                yield piece
            return
        given = 0
        if igzip_lib is not None and self._iterable_again:
            try:
                for chunk in self._gzip_members(self._isal_inflate):
                    given += len(chunk)
                    yield chunk
                return
            except igzip_lib.IsalError:
                self._source.close()
                self._source = _Source(self._chunks)
        for chunk in self._gzip_members(self._zlib_inflate):
            if given >= len(chunk):
                given -= len(chunk)
            else:
                yield chunk[given:] if given else chunk
                given = 0

    def _gzip_members(self, inflate: Callable[[int], Iterator[bytes]]) -> Iterator[bytes]:
        size = _PIECE
        while True:
            yield from inflate(size)
            size = zeros = _FIRST_PIECE
            while self._source.skip_zeros(zeros):
                self._check()
                zeros = min(2 * zeros, MAX_PIECE)
            if self._source.peek(len(_GZIP_MAGIC)) != _GZIP_MAGIC:
                return

    def _isal_inflate(self, size: int) -> Iterator[bytes]:
        source = self._source
        if source.peek(4) not in _PLAIN_HEADERS:
            raise igzip_lib.IsalError("a header that is left to zlib")
        inflater = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        while not inflater.eof:
            self._check()
            piece = b""
            if inflater.needs_input:
                piece, size = source.take(size), min(2 * size, _PIECE)
            chunk = inflater.decompress(piece, MAX_PIECE)
            if chunk:
                yield chunk
            elif inflater.needs_input and not piece:
                raise _truncated(source)
        source.put_back(len(inflater.unused_data))

    def _zlib_inflate(self, size: int) -> Iterator[bytes]:
        """Yield the same chunks as isal would: as much as a piece gives, up to 256 KiB."""
        source = self._source
        inflater = zlib.decompressobj(_GZIP_WBITS)
        piece, room = memoryview(b""), MAX_PIECE
        while not inflater.eof:
            if not piece and room:
                piece, size = memoryview(source.take(size)), min(2 * size, _PIECE)
                if not piece:
                    raise _truncated(source)
            inflated: List[bytes] = []
            room = MAX_PIECE
            while room and not inflater.eof:
                self._check()
                before = inflater.copy()
                cut = piece[:_ZLIB_SLICE]
                try:
                    inflated.append(inflater.decompress(cut, room))
                except zlib.error as error:
                    self.garbled = any(words in str(error) for words in _WRONG_TRAILER)
                    inflated += self._until_damage(before, cut)
                    yield b"".join(inflated)
                    source.put_back(len(piece) - len(cut))
                    raise _damaged(source, len(cut)) from None
                room -= len(inflated[-1])
                rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
                piece = piece[len(cut) - len(rest) :]
                if not piece:
                    break
            if any(inflated):
                yield b"".join(inflated)
        source.put_back(len(piece))

    def _until_damage(self, inflater: Any, piece: memoryview) -> Iterator[bytes]:
        """Yield what is before the damage in `piece`, byte by byte, up to the one that fails."""
        for at in range(len(piece)):
            if at % _BYTES_BETWEEN_CHECKS == 0:
                self._check()
            try:
                yield inflater.decompress(piece[at : at + 1], MAX_PIECE)
            except zlib.error:
                return


def looks_like(head: bytes) -> str:
    """Say what bytes that are not a tar look like, judging by the first."""
    for signature, words in _SIGNATURES:
        if head.startswith(signature):
            return words
    if head[257:262] == b"ustar":
        return "a tar that is not compressed"
    return "text" if head and all(9 <= byte < 127 for byte in head) else "unknown data"


class _Source:
    """The archive's bytes in pieces of any size, with a look ahead; `offset` counts them."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._chunk = memoryview(b"")
        self._at = 0
        self.offset = 0

    def take(self, limit: int) -> bytes:
        """Return the next piece, of at most `limit` bytes; empty only at the end."""
        while self._at == len(self._chunk):
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._chunk, self._at = memoryview(chunk).cast("B"), 0
            if len(self._chunk) <= limit and isinstance(chunk, bytes) and chunk:
                self._at = len(chunk)
                self.offset += len(chunk)
                return chunk
        piece = bytes(self._chunk[self._at : self._at + limit])
        self._at += len(piece)
        self.offset += len(piece)
        return piece

    def put_back(self, size: int) -> None:
        """Take back the last `size` bytes of the piece taken last."""
        self._at -= size
        self.offset -= size

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end, and leave them there."""
        while len(self._chunk) - self._at < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._chunk = memoryview(bytes(self._chunk[self._at :]) + bytes(chunk))
            self._at = 0
        return bytes(self._chunk[self._at : self._at + size])

    def skip_zeros(self, limit: int) -> bool:
        """Pass over the next zeros, at most `limit`; return whether there were any."""
        if self.peek(1) != b"\0":
            return False
        piece = self.take(limit)
        self.put_back(len(piece.lstrip(b"\0")))
        return True

    def close(self) -> None:
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()


def _damaged(source: _Source, size: int) -> CorruptArchiveError:
    return CorruptArchiveError(
        f"The model archive is damaged: its gzip data are wrong within the {size} bytes before "
        f"compressed offset {source.offset}. Upload the model.tar.gz again."
    )


def _truncated(source: _Source) -> CorruptArchiveError:
    return CorruptArchiveError(
        f"The model archive is truncated: its gzip data stop at compressed offset {source.offset} "
        "before their end. Upload the model.tar.gz again."
    )
