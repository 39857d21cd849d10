"""A JSON text that is read once, forwards, value by value: what is not needed is skipped.

The reader is total: any bytes give values, or an `UnreadableError`. It never recurses, and checks
only as much of the text as it needs to find its way: what is skipped may be anything with as many
opening as closing brackets.
"""

from __future__ import annotations

import json
import re
from typing import Any, Iterator, Sequence

from mims.inputs.member import BYTES_A_STEP, MemberBytes, UnreadableError, cut_short, too_much_held
from mims.limits import HELD_BYTES, NAME_BYTES

DAMAGED = "is damaged: its JSON is invalid"

_DECODER = json.JSONDecoder(strict=False)  # of one string, number or word
_SPACE = re.compile(rb"[ \t\r\n]*")
_QUOTE_OR_ESCAPE = re.compile(rb'["\\]')
# Up to the next bracket, or a string that is incomplete or has escapes. The bound on the repetition
# keeps the regular expression engine's stack small.
_PLAIN = re.compile(rb'[^"\[\]{}]*(?:"[^"\\]*"[^"\[\]{}]*){0,64}')
_SCALAR = re.compile(rb"[^\s\",:\[\]{}]*")
_COLON = re.compile(rb"[ \t\r\n]*(?::|\Z)")
_LONGEST_SCALAR = 64


class JsonReader:
    """A cursor on the JSON value that a member holds.

    Each method consumes the next value; the iterators `members` and `elements` leave each value to
    the caller, who must consume or skip it before the next.

    >>> reader = JsonReader(MemberBytes("model.json", [b'{"a": [1, 2', b'], "b": "c"}']))
    >>> for key in reader.members():
    ...     print(key, reader.scalar() if key == "b" else reader.skip())
    a None
    b c
    """

    def __init__(self, member: MemberBytes) -> None:
        self.member = member
        self._chunks = member.chunks()
        self._text = b""
        self._at = 0
        self._passed = 0  # bytes since the last step counted for them

    def at_object(self) -> bool:
        """Say whether the next value is an object."""
        return self._next() == b"{"

    def at_array(self) -> bool:
        """Say whether the next value is an array."""
        return self._next() == b"["

    def members(self) -> Iterator[str]:
        """Yield the keys of an object, each before its value."""
        self._expect(b"{")
        if self._accept(b"}"):
            return
        while True:
            key = self.string()
            self._expect(b":")
            self.member.step()
            yield key
            if self._accept(b"}"):
                return
            self._expect(b",")

    def elements(self) -> Iterator[int]:
        """Yield the indices of an array's elements, each before the element."""
        self._expect(b"[")
        if self._accept(b"]"):
            return
        index = 0
        while True:
            self.member.step()
            yield index
            index += 1
            if self._accept(b"]"):
                return
            self._expect(b",")

    def string(self) -> str:
        """Return a string."""
        if self._next() != b'"':
            raise UnreadableError(DAMAGED)
        size = self._string_size()
        encoded = self._text[self._at : self._at + size]
        self._at += size
        try:
            text = _DECODER.decode(encoded.decode("utf-8"))
        except ValueError:
            raise UnreadableError(DAMAGED) from None
        assert isinstance(text, str)
        return text

    def scalar(self) -> Any:
        """Return a string, a number, a boolean or `None`."""
        if self._next() == b'"':
            return self.string()
        size = self._scalar_size()
        encoded = self._text[self._at : self._at + size]
        self._at += size
        try:
            value = _DECODER.decode(encoded.decode("utf-8"))
        except ValueError:
            raise UnreadableError(DAMAGED) from None
        return value

    def skip(self) -> None:
        """Skip a value of any kind and size."""
        first = self._next()
        if first == b'"':
            self._skip_string()
        elif first in (b"{", b"["):
            self._skip_nested()
        else:
            size = self._scalar_size()
            self._at += size

    def find_key(self, keys: Sequence[str]) -> str:
        """Skip all bytes up to the first of the keys, whatever it is nested in.

        Brackets are not counted on the way, which makes it fast. The cursor is then before the
        key's value, and an iteration over the members of its object goes on after that.

        Raises
        ------
        UnreadableError
            The text ends before one of them.
        """
        marks = [(f'"{key}"'.encode(), key) for key in keys]
        longest = max(len(mark) for mark, _ in marks)
        while True:
            found = [(self._place_of_key(mark), mark, key) for mark, key in marks]
            place, mark, key = min(found)
            if place == len(self._text):
                self._at = max(self._at, place - longest)
                self._need_more()
                continue
            self._at = place + len(mark)
            if self._accept(b":"):
                return key

    def _place_of_key(self, mark: bytes) -> int:
        """Return the position of a key, which has a colon after it unless the bytes end there."""
        place = self._text.find(mark, self._at)
        while place >= 0 and not _COLON.match(self._text, place + len(mark)):
            place = self._text.find(mark, place + len(mark))
        return place if place >= 0 else len(self._text)

    def _next(self) -> bytes:
        """Return the next byte that is not white space, without consuming it."""
        while True:
            match = _SPACE.match(self._text, self._at)
            assert match is not None
            self._at = match.end()
            if self._at < len(self._text):
                return self._text[self._at : self._at + 1]
            self._need_more()

    def _accept(self, mark: bytes) -> bool:
        accepted = self._next() == mark
        self._at += accepted
        return accepted

    def _expect(self, mark: bytes) -> None:
        if not self._accept(mark):
            raise UnreadableError(DAMAGED)

    def _string_size(self) -> int:
        """Return the size of the string at the cursor, with quotes; `_text` then has all of it."""
        size = 1
        closed = False
        while not closed:
            match = _QUOTE_OR_ESCAPE.search(self._text, self._at + size)
            if match is None:
                size = len(self._text) - self._at
            elif match.group() == b'"':
                size = match.end() - self._at
                closed = True
            else:
                self.member.step()
                size = match.end() + 1 - self._at
            if size > NAME_BYTES:
                raise UnreadableError(f"holds a name of more than {NAME_BYTES:,} bytes")
            if not closed and self._at + size >= len(self._text):
                self._need_more()
        return size

    def _scalar_size(self) -> int:
        while True:
            match = _SCALAR.match(self._text, self._at)
            assert match is not None
            size = match.end() - self._at
            if not 0 < size <= _LONGEST_SCALAR:
                raise UnreadableError(DAMAGED)
            # At the end of the bytes read so far, more may follow; at the end of the text, nothing.
            if match.end() < len(self._text) or not self._more():
                return size

    def _skip_string(self) -> None:
        self._at += 1
        while True:
            match = _QUOTE_OR_ESCAPE.search(self._text, self._at)
            if match is None:
                self._at = len(self._text)
                self._need_more()
                continue
            self._at = match.end()
            if match.group() == b'"':
                return
            self.member.step()
            if self._at == len(self._text):
                self._need_more()
            self._at += 1

    def _skip_nested(self) -> None:
        depth = 0
        while True:
            match = _PLAIN.match(self._text, self._at)
            assert match is not None
            self._at = match.end()
            mark = self._text[self._at : self._at + 1]
            if mark == b'"':
                self._skip_string()
            elif not mark:
                self._need_more()
            else:
                self._at += 1
                if mark in (b"[", b"{"):
                    self.member.step()
                    depth += 1
                elif depth == 1:
                    return
                else:
                    depth -= 1

    def _need_more(self) -> None:
        if not self._more():
            raise cut_short()

    def _more(self) -> bool:
        """Append the next bytes to those that are left; `False` at the end."""
        left = self._text[self._at :]
        if len(left) > HELD_BYTES:
            raise too_much_held()
        pieces = [left] if left else []
        gained = 0
        for chunk in self._chunks:
            pieces.append(chunk)
            gained += len(chunk)
            # A token that spans many small chunks is not copied again for each of them.
            if gained >= len(left) // 4:
                break
        if not gained:
            return False
        self._text = b"".join(pieces) if len(pieces) > 1 else pieces[0]
        self._at = 0
        self._passed += gained
        self.member.step(self._passed // BYTES_A_STEP)
        self._passed %= BYTES_A_STEP
        return True
