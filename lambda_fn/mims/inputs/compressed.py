"""Members that are compressed as a whole: zlib, gzip, bzip2, xz, .lzma.

They are decompressed on demand, in bounded pieces. lz4 is recognised, but not read.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import Any, Callable, Dict, Iterator, Tuple

from mims.inputs.member import MemberBytes, UnreadableError
from mims.inputs.sources import PACKINGS

ZLIB, GZIP, BZIP2, XZ, LZMA, LZ4 = "zlib", "gzip", "bzip2", "xz", "lzma", "lz4"
_BLOCK = 16 * 1024  # how many bytes of the member are taken at a time
_PIECE = 64 * 1024  # how many bytes are decompressed at a time
_BYTES_A_STEP = 4096
# A dictionary of 64 MiB, and what else liblzma needs (xz -9 asks for 65 MiB).
_LZMA_MEMORY = 66 * 1024 * 1024


def packing_of(head: bytes) -> str:
    """Return how a member with this beginning is compressed; empty if it is not."""
    for magic, packing in PACKINGS:
        if head.startswith(magic):
            return packing
    return ""


def unpacked_head(head: bytes, size: int) -> bytes:
    """Return up to `size` decompressed bytes from the beginning of a compressed member."""
    packing = packing_of(head)
    if packing not in _DECOMPRESSORS:
        return b""
    try:
        beginning: bytes = _decompressor(packing).decompress(head, size)
    except _FAULTS:
        return b""
    return beginning


def unpacked(member: MemberBytes) -> MemberBytes:
    """Return the decompressed stream of a member, or the member if it is not compressed.

    Raises
    ------
    UnreadableError
        It is compressed in a way that the standard library cannot read. While the stream is read:
        it is damaged, or needs too large a dictionary.
    """
    packing = packing_of(member.peek(6))
    if packing == LZ4:
        raise UnreadableError("is packed with lz4, which Python's standard library cannot read")
    return member.within(_decompressed(member, packing)) if packing else member


def _decompressed(member: MemberBytes, packing: str) -> Iterator[bytes]:
    decompressor = _decompressor(packing)
    # Blocks of one size, whatever the member's chunks are: damage is found at the same byte.
    for chunk in iter(lambda: member.peek(_BLOCK), b""):
        member.skip(len(chunk))
        while chunk:
            if decompressor.eof:  # another stream follows, as pbzip2 writes them
                decompressor = _decompressor(packing)
            piece = _decompress(decompressor, chunk, packing)
            while piece:
                member.step(1 + len(piece) // _BYTES_A_STEP)
                yield piece
                if decompressor.eof:
                    break
                # zlib returns the input that it did not use, and does not keep it.
                rest = getattr(decompressor, "unconsumed_tail", b"")
                piece = _decompress(decompressor, rest, packing)
            chunk = decompressor.unused_data if decompressor.eof else b""


def _decompress(decompressor: Any, chunk: bytes, packing: str) -> bytes:
    try:
        piece: bytes = decompressor.decompress(chunk, _PIECE)
    except _FAULTS as error:
        if isinstance(error, lzma.LZMAError) and "memory" in str(error).lower():
            raise UnreadableError("is packed with a dictionary of more than 64 MiB") from None
        raise UnreadableError(f"is damaged: it is not a valid {packing} stream") from None
    return piece


_FAULTS = (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError)
_DECOMPRESSORS: Dict[str, Tuple[Callable[..., Any], Dict[str, int]]] = {
    ZLIB: (zlib.decompressobj, {"wbits": zlib.MAX_WBITS}),
    GZIP: (zlib.decompressobj, {"wbits": 16 + zlib.MAX_WBITS}),
    BZIP2: (bz2.BZ2Decompressor, {}),
    XZ: (lzma.LZMADecompressor, {"format": lzma.FORMAT_XZ, "memlimit": _LZMA_MEMORY}),
    LZMA: (lzma.LZMADecompressor, {"format": lzma.FORMAT_ALONE, "memlimit": _LZMA_MEMORY}),
}


def _decompressor(packing: str) -> Any:
    make, arguments = _DECOMPRESSORS[packing]
    return make(**arguments)
