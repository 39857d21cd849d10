"""A fast path past files that nobody asks for: an archive may have a hundred thousand of them."""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Dict, FrozenSet, NamedTuple, Tuple
from zlib import adler32

from mims.archive.headers import BLOCK

# The size with the byte after it, and the checksum with the type after it, of a header block.
_ORDINARY = Struct("124x11sc12x9s355x").unpack
_NAME = 100
_OCTAL_DIGITS = b"01234567"


class Sought(NamedTuple):
    """The files that a walk looks for, by the ending of their names or by their first bytes.

    A look-up saves comparing most files with forty of each. `by_tail` maps the last `tail` bytes of
    endings to the length of the shortest such ending, and the last bytes, as many as that, of all
    of them; `by_front` does the same for the heads, by their first `front` bytes.
    """

    endings: Tuple[bytes, ...]
    heads: Tuple[bytes, ...]
    longest_ending: int
    longest_head: int
    tail: int
    front: int
    by_tail: Dict[bytes, Tuple[int, FrozenSet[bytes]]]
    by_front: Dict[bytes, Tuple[int, FrozenSet[bytes]]]

    @classmethod
    def of(cls, endings: Tuple[bytes, ...], heads: Tuple[bytes, ...]) -> Sought:
        """Return the tables for these endings, in lower case, and these heads."""
        tail = min(map(len, endings), default=0)
        front = min(map(len, heads), default=0)
        by_tail: Dict[bytes, Tuple[int, FrozenSet[bytes]]] = {}
        for last in {ending[len(ending) - tail :] for ending in endings}:
            alike = [ending for ending in endings if ending.endswith(last)]
            size = min(map(len, alike))
            by_tail[last] = size, frozenset(ending[len(ending) - size :] for ending in alike)
        by_front: Dict[bytes, Tuple[int, FrozenSet[bytes]]] = {}
        for first in {head[:front] for head in heads}:
            alike = [head for head in heads if head.startswith(first)]
            size = min(map(len, alike))
            by_front[first] = size, frozenset(head[:size] for head in alike)
        longest_ending = max(map(len, endings), default=0)
        longest_head = max(map(len, heads), default=0)
        return cls(endings, heads, longest_ending, longest_head, tail, front, by_tail, by_front)

    def has_name(self, name: bytes) -> bool:
        """Return whether the name, in lower case, has one of the endings."""
        return name[max(0, len(name) - self.longest_ending) :].lower().endswith(self.endings)


def pass_ordinary_files(
    chunk: bytes, at: int, most: int, room: int, sought: Sought
) -> Tuple[int, int]:
    """Return how many ordinary files follow each other from `at` on, and the offset after the last.

    A file is ordinary if its header is as most writers make it: all ASCII, a regular file, numbers
    in full width. This is a fast path for `parse_header`, which takes over at: any other header,
    valid or not; a file that is sought, or may be; data that end after the offset `room`; a header
    that is not complete in `chunk`, with as many bytes after it as the longest head has; the file
    after the first `most`.
    """
    count, last = 0, len(chunk) - BLOCK - sought.longest_head
    tail, front, by_tail, by_front = sought[4:]
    may_end, may_begin = by_tail.get, by_front.get
    try:
        while at <= last and count < most:
            data = at + BLOCK
            block = chunk[at:data]
            size, size_end, checksum_and_kind = _ORDINARY(block)
            behind = data + (int(size, 8) + BLOCK - 1 & -BLOCK)
            name_end = block.find(b"\0")
            endings = may_end(block[name_end - tail : name_end].lower())
            heads = may_begin(chunk[data : data + front])
            if (
                size_end != b"\0"
                or not size.isdigit()
                or adler32(block) & 0xFFFF != _ordinary_adler32(checksum_and_kind)
                or behind > room
                or name_end > _NAME
                or (
                    endings is not None
                    and block[name_end - endings[0] : name_end].lower() in endings[1]
                )
                or (heads is not None and chunk[data : data + heads[0]] in heads[1])
                or not block.isascii()  # ASCII also keeps the sum below adler32's modulus
            ):
                break
            count += 1
            at = behind
    except ValueError:  # the size is not a number
        pass
    return count, at


@lru_cache(maxsize=1024)  # many headers share one, as names and sizes differ by a few digits
def _ordinary_adler32(checksum_and_kind: bytes) -> int:
    """Return the low 16 bits of adler32 for an ordinary header with these fields, else -1."""
    digits, end_and_kind = checksum_and_kind[:6], checksum_and_kind[6:]
    if end_and_kind != b"\0 0" or digits.strip(_OCTAL_DIGITS):
        return -1
    # The header's checksum counts its own field as 8 spaces.
    return 1 + int(digits, 8) - 8 * 32 + sum(checksum_and_kind[:8])
