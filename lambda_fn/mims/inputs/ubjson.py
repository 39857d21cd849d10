"""A UBJSON value that is read once, forwards, part by part: what is not needed is skipped.

Draft 12 of the specification (https://ubjson.org), with containers that give type and count before
their values, as XGBoost and others write them. The reader is total: any bytes give values,
or an `UnreadableError`. It never recurses; values nested deeper than `_DEEPEST` are refused.
"""

from __future__ import annotations

import struct
from typing import Any, Iterator, List, NamedTuple, Optional, Sequence

from mims.inputs.member import BYTES_A_STEP, MemberBytes, UnreadableError, cut_short
from mims.limits import NAME_BYTES

DAMAGED = "is damaged: its UBJSON is invalid"

_NUMBERS = {
    marker: struct.Struct(f">{code}")
    for marker, code in ((b"i", "b"), (b"U", "B"), (b"I", "h"), (b"l", "i"), (b"L", "q"))
}
_LENGTHS = tuple(_NUMBERS)
_NUMBERS.update({b"d": struct.Struct(">f"), b"D": struct.Struct(">d")})
_CONSTANTS = {b"Z": None, b"T": True, b"F": False}
_OPENINGS = (b"{", b"[", b"")  # the last where the window ends
_TEXTS = (b"S", b"H")  # H: a number of any length, as text
_DEEPEST = 512
_WINDOW = 262_144


class _Container(NamedTuple):
    """A container; the type of all its values, and how many are left, if it gives them."""

    is_object: bool
    type: bytes = b""
    left: Optional[int] = None


class UbjsonReader:
    """A cursor on the UBJSON value that a member holds.

    Each method consumes the next value; the iterators `members` and `elements` leave each value to
    the caller, who must consume or skip it before the next.
    """

    def __init__(self, member: MemberBytes) -> None:
        self.member = member
        self._marker = b""  # of the next value, if it has been read, or its container gives it
        self._passed = 0

    def at_object(self) -> bool:
        """Say whether the next value is an object."""
        return self._next() == b"{"

    def at_array(self) -> bool:
        """Say whether the next value is an array."""
        return self._next() == b"["

    def members(self) -> Iterator[str]:
        """Yield the keys of an object, each before its value."""
        container = self._enter(b"{")
        left = container.left
        while left != 0 and not (left is None and self._accept(b"}")):
            key = self._text(self._length())
            self.member.step()
            self._marker = container.type
            yield key
            left = None if left is None else left - 1

    def elements(self) -> Iterator[int]:
        """Yield the indices of an array's elements, each before the element."""
        container = self._enter(b"[")
        index = 0
        while index != container.left and not (container.left is None and self._accept(b"]")):
            self.member.step()
            self._marker = container.type or self._marker
            yield index
            index += 1

    def string(self) -> str:
        """Return a string."""
        marker = self._take()
        if marker == b"C":
            return self._text(1)
        if marker != b"S":
            raise UnreadableError(DAMAGED)
        return self._text(self._length())

    def scalar(self) -> Any:
        """Return a string, a number, a boolean or `None`."""
        marker = self._next()
        if marker in (b"S", b"C"):
            return self.string()
        self._take()
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker in _NUMBERS:
            return self._number(marker)
        if marker != b"H":
            raise UnreadableError(DAMAGED)
        return self._text(self._length())

    def skip(self) -> None:
        """Skip a value of any kind and size."""
        marker = self._take()
        if marker not in (b"{", b"["):
            self._skip_scalar(marker)
            return
        stack: List[_Container] = []
        self._open(stack, marker)
        while stack:
            container = stack[-1]
            if container.left == 0:
                stack.pop()
                continue
            if container.left is None:
                if self._accept(b"}" if container.is_object else b"]"):
                    stack.pop()
                    continue
            else:
                stack[-1] = container._replace(left=container.left - 1)
            self.member.step()
            if container.is_object:
                self._skip(self._length())
            marker = container.type or self._take()
            if marker in (b"{", b"["):
                self._open(stack, marker)
            else:
                self._skip_scalar(marker)

    def find_key(self, keys: Sequence[str]) -> str:
        """Skip all bytes up to the first of the keys, whatever it is nested in.

        A key is found only if its length is written as an int64, as XGBoost does, and its value is
        an array or object. The cursor is then before the key's value, and an iteration over the
        members of its object goes on after that.

        Raises
        ------
        UnreadableError
            The bytes end before one of them.
        """
        marks = [(b"L" + struct.pack(">q", len(key)) + key.encode(), key) for key in keys]
        longest = max(len(mark) for mark, _ in marks)
        while True:
            self._marker = b""
            window = self.member.peek(_WINDOW)
            place, mark, key = min((_place_of_key(window, mark), mark, key) for mark, key in marks)
            if place < len(window):
                self._skip(place + len(mark))
                if self._next() in (b"{", b"["):
                    return key
            elif len(window) < _WINDOW:
                raise cut_short()
            else:
                self._skip(len(window) - longest)

    def _enter(self, opening: bytes) -> _Container:
        if self._take() != opening:
            raise UnreadableError(DAMAGED)
        return self._begun(opening)

    def _begun(self, opening: bytes) -> _Container:
        """Read what is between a container's opening mark and its first value."""
        kind = b""
        if self._accept(b"$"):
            kind = self.member.read(1)
        if self._accept(b"#"):
            return _Container(opening == b"{", kind, self._length())
        if kind:
            raise UnreadableError(DAMAGED)
        return _Container(opening == b"{")

    def _open(self, stack: List[_Container], opening: bytes) -> None:
        if len(stack) == _DEEPEST:
            raise UnreadableError(f"is nested deeper than {_DEEPEST} levels")
        container = self._begun(opening)
        size = _size(container.type)
        if size is not None and container.left is not None and not container.is_object:
            self._skip(container.left * size)
        else:
            stack.append(container)

    def _next(self) -> bytes:
        """Return the marker of the next value, without consuming it."""
        while not self._marker:
            marker = self.member.read(1)
            if marker != b"N":  # no operation
                self._marker = marker
            self.member.step()
        return self._marker

    def _take(self) -> bytes:
        marker = self._next()
        self._marker = b""
        return marker

    def _accept(self, mark: bytes) -> bool:
        accepted = self._next() == mark
        if accepted:
            self._marker = b""
        return accepted

    def _number(self, marker: bytes) -> Any:
        number = _NUMBERS[marker]
        return number.unpack(self.member.read(number.size))[0]

    def _length(self) -> int:
        marker = self._take()
        if marker not in _LENGTHS:
            raise UnreadableError(DAMAGED)
        length = self._number(marker)
        assert isinstance(length, int)
        if length < 0:
            raise UnreadableError(DAMAGED)
        return length

    def _text(self, size: int) -> str:
        if size > NAME_BYTES:
            raise UnreadableError(f"holds a name of more than {NAME_BYTES:,} bytes")
        try:
            return self.member.read(size).decode("utf-8")
        except UnicodeDecodeError:
            raise UnreadableError(DAMAGED) from None

    def _skip_scalar(self, marker: bytes) -> None:
        size = _size(marker)
        if size is None and marker not in _TEXTS:
            raise UnreadableError(DAMAGED)
        self._skip(self._length() if size is None else size)

    def _skip(self, size: int) -> None:
        self.member.skip(size)
        self._passed += size
        self.member.step(self._passed // BYTES_A_STEP)
        self._passed %= BYTES_A_STEP


def _place_of_key(window: bytes, mark: bytes) -> int:
    """Return the position of a key that is followed by a container; the end if there is none."""
    place = window.find(mark)
    while place >= 0 and window[place + len(mark) : place + len(mark) + 1] not in _OPENINGS:
        place = window.find(mark, place + len(mark))
    return place if place >= 0 else len(window)


def _size(marker: bytes) -> Optional[int]:
    """Return the size of a value of that type, in bytes; `None` if it varies."""
    if marker in _CONSTANTS:
        return 0
    if marker == b"C":
        return 1
    return _NUMBERS[marker].size if marker in _NUMBERS else None
