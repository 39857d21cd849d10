"""A small JSON file of a model, read value by value: what is not needed is skipped, not built.

If they were built whole, four megabytes of JSON could take a hundred of memory.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any, Iterator, Tuple

from mims.inputs.member import MemberBytes, UnreadableError, cut_short, too_much_held
from mims.limits import HELD_BYTES
from mims.values import integer

_VALUE_CHARACTERS = 524_288  # which take at most thirty times as many bytes once built
_DEPTH = 100
_MARK = re.compile(r'["\[\]{}]')
_SCALAR = re.compile(r"[^\s,\[\]{}\":]+")
_BLANK = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(parse_int=integer)


class JsonText:
    """A JSON text, whose values are identified by their positions.

    Parameters
    ----------
    text
        The text, or its beginning.
    member
        The member that contains it; every value that is looked at is a step.
    whole
        Whether `text` is all of it.

    Every method raises `UnreadableError` if the text is not JSON, is cut short, or has a single
    value that is too large or nested too deep.
    """

    def __init__(self, text: str, member: MemberBytes, whole: bool = True) -> None:
        self._text = text
        self._member = member
        self.whole = whole
        self._ended = -1, -1  # start and end of the value that was skipped last
        self.built = 0  # characters of the values that were built, except strings

    def check(self) -> None:
        """Look at the deadline, for work on values that were read."""
        self._member.check()

    def start(self) -> int:
        """Return the position of the outermost value."""
        return self._next(0)

    def opening(self, at: int) -> str:
        """Return the first character of the value at `at`: `{`, `[`, `"`, or of a scalar."""
        return self._text[at]

    def entries(self, at: int) -> Iterator[Tuple[str, int]]:
        """Yield the keys of the object at `at`, and the positions of their values."""
        at = self._next(at + 1)
        while self._text[at] != "}":
            key, end = self._string(at)
            colon = self._next(end)
            if self._text[colon] != ":":
                raise self._invalid()
            value_at = self._next(colon + 1)
            yield key, value_at
            at = self._following(value_at, "}")

    def elements(self, at: int) -> Iterator[int]:
        """Yield the positions of the elements of the list at `at`."""
        at = self._next(at + 1)
        while self._text[at] != "]":
            yield at
            at = self._following(at, "]")

    def value(self, at: int) -> Any:
        """Return the value at `at`."""
        if self._text[at] == '"':
            return self._string(at)[0]
        size = self._end(at) - at
        self.built += size
        if size > _VALUE_CHARACTERS:
            raise UnreadableError(f"holds a value of more than {_VALUE_CHARACTERS:,} characters")
        try:
            return _DECODER.raw_decode(self._text, at)[0]
        except (ValueError, RecursionError):  # ValueError: not JSON, or too many digits
            raise self._invalid() from None

    def _following(self, at: int, closing: str) -> int:
        """Return the position of the item after the value at `at`, or of `closing`."""
        at = self._next(self._end(at))
        if self._text[at] == closing:
            return at
        if self._text[at] != ",":
            raise self._invalid()
        at = self._next(at + 1)
        if self._text[at] == closing:
            raise self._invalid()
        return at

    def _end(self, at: int) -> int:
        """Return the end of the value at `at`."""
        if self._ended[0] != at:
            self._ended = at, self._find_end(at)
        return self._ended[1]

    def _find_end(self, at: int) -> int:
        self._member.step()
        first = self._text[at]
        if first == '"':
            return self._string(at)[1]
        if first not in "[{":
            scalar = _SCALAR.match(self._text, at)
            if scalar is None:
                raise self._invalid()
            return scalar.end()
        depth = 0
        while True:
            mark = _MARK.search(self._text, at)
            if mark is None:
                raise self._cut()
            self._member.step()
            at = mark.end()
            if mark.group() == '"':
                at = self._string(mark.start())[1]
                continue
            depth += 1 if mark.group() in "[{" else -1
            if depth > _DEPTH:
                raise UnreadableError("is nested too deep")
            if depth == 0:
                return at

    def _string(self, at: int) -> Tuple[str, int]:
        if self._text[at] != '"':
            raise self._invalid()
        try:
            string, end = _DECODER.raw_decode(self._text, at)
        except json.JSONDecodeError as error:
            raise (self._cut() if "Unterminated" in error.msg else self._invalid()) from None
        return string, end

    def _next(self, at: int) -> int:
        """Return the position of the next character that is not white space."""
        blank = _BLANK.match(self._text, at)
        at = blank.end() if blank else at
        if at >= len(self._text):
            raise self._cut()
        return at

    def _cut(self) -> UnreadableError:
        if self.whole:
            return cut_short()
        return too_much_held()

    def _invalid(self) -> UnreadableError:
        return UnreadableError("is not valid JSON")


def read_json(member: MemberBytes) -> JsonText:
    """Return the member as JSON text, or as much of its beginning as may be held.

    Raises
    ------
    UnreadableError
        It is not UTF-8.
    """
    text, whole = read_text(member)
    return JsonText(text, member, whole)


def read_whole_text(member: MemberBytes) -> str:
    """Return the member's text, without a byte order mark.

    Raises
    ------
    UnreadableError
        It is not UTF-8, or more than a reader may hold.
    """
    text, whole = read_text(member)
    if not whole:
        raise too_much_held()
    return text


def read_text(member: MemberBytes) -> Tuple[str, bool]:
    """Return the member's text, without a byte order mark, and whether it is complete.

    Raises
    ------
    UnreadableError
        It is not UTF-8.
    """
    held = bytearray()
    whole = True
    for piece in member.chunks():
        held += piece[: HELD_BYTES - len(held)]
        if len(held) == HELD_BYTES:
            whole = False  # even if it ends just here, nothing that is needed is missing
            break
    member.hold(len(held))
    if held.startswith(codecs.BOM_UTF8):
        del held[: len(codecs.BOM_UTF8)]
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(bytes(held), whole), whole
    except UnicodeDecodeError:
        raise UnreadableError("is not UTF-8") from None
