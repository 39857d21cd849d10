"""Models in their own format within a pickle, as bytes or a string."""

from __future__ import annotations

import codecs
from typing import Any, Callable, Iterable, Iterator

from mims.inputs.member import MemberBytes, UnreadableError
from mims.inputs.nodes import Blob

BlobReader = Callable[[MemberBytes], Any]
_PIECE = 64 * 1024


def read_blob(member: MemberBytes, length: int, read: BlobReader, is_encoded: bool) -> Blob:
    """Have a reader read the next `length` bytes, or the first part of them.

    Parameters
    ----------
    is_encoded
        They are bytes that protocol 2 wrote as a string, in which each byte is a character.

    Returns
    -------
    Blob
        What the reader returned, or its error, which matters only where nothing else names inputs.
    """
    chunks = _pieces(member, length)
    try:
        return Blob(read(member.within(_from_latin_1(chunks) if is_encoded else chunks)))
    except UnreadableError as error:
        return Blob(error)


def _pieces(member: MemberBytes, length: int) -> Iterator[bytes]:
    while length:
        piece = member.read(min(length, _PIECE))
        length -= len(piece)
        yield piece


def _from_latin_1(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes for which protocol 2 wrote these: in UTF-8, each byte as a character."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for chunk in chunks:
        try:
            yield decoder.decode(chunk).encode("latin-1")
        except UnicodeError:
            raise UnreadableError("is damaged: bytes in it are not Latin-1 text") from None
