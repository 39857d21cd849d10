"""JSON texts → values; the memory that they would take is estimated before they are built."""

from __future__ import annotations

import gc
import json
import re
from contextlib import contextmanager, suppress
from typing import Any, Callable, Iterator, Optional

from mims.deadline import Check, no_deadline
from mims.limits import BUILT_BYTES, MIB, REQUEST_BYTES

# The memory that CPython takes, in bytes: for an empty list or object, and for the first item in
# it; for a string or number with the reference to it; for a key with its value.
_LIST, _LIST_ROOM = 80, 32
_OBJECT, _OBJECT_ROOM = 88, 144
_SCALAR, _KEY = 64, 150
_PIECE = 1024  # characters: a value that is not longer is built at once
_STRING_PIECES = (_PIECE, 64 * _PIECE, REQUEST_BYTES)
_LONG_VALUES = 64 * MIB
_VALUES_A_CHECK = 1024
_SPACE = re.compile(r"[ \t\n\r]*")
_DENSEST = 64  # the most bytes of memory that a character of JSON can take


class TooManyValuesError(ValueError):
    """A JSON text has more values than may be held in memory at once."""


def parse_json(
    text: str,
    parse_int: Optional[Callable[[str], Any]] = None,
    parse_constant: Optional[Callable[[str], Any]] = None,
) -> Any:
    """Return the value of a JSON text, as `json.loads` does.

    Raises
    ------
    TooManyValuesError
        Its values would take too much memory.
    ValueError, RecursionError
        As `json.loads`.
    """
    check_memory(text)
    with collector_paused():
        return json.loads(text, parse_int=parse_int, parse_constant=parse_constant)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector while JSON is parsed.

    Parsing makes no cycles, and a collector that goes through a million new lists again and again
    takes four fifths of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def check_memory(text: str) -> None:
    """Refuse a JSON text whose values would take too much memory.

    The estimate counts its punctuation, also that within strings, so it is never too low, but for
    the characters of strings.
    """
    if _DENSEST * len(text) > BUILT_BYTES and most_bytes(text) > BUILT_BYTES:
        raise TooManyValuesError(
            f"holds more values than fit into {BUILT_BYTES // MIB} MiB of memory"
        )


def most_bytes(text: str) -> int:
    """Return the most bytes that the values of a JSON text can take, strings' characters aside."""
    empty_lists, empty_objects = text.count("[]"), text.count("{}")
    # Each item of a list or object but the first follows a comma, and each value of a key a colon;
    # an empty list or object is neither a string nor a number.
    return (
        _SCALAR * max(0, text.count(",") - empty_lists - empty_objects)
        + _KEY * text.count(":")
        + (_LIST + _LIST_ROOM) * text.count("[")
        - _LIST_ROOM * empty_lists
        + (_OBJECT + _OBJECT_ROOM) * text.count("{")
        - _OBJECT_ROOM * empty_objects
    )


class JsonCursor:
    """A position in a JSON text, which moves from value to value: the whole is never built.

    The cursor is before a value; `entries`, `items`, `value` or `bounded_value` moves it past the
    value. Each raises `ValueError` (or `RecursionError`) if the text is not JSON, or the value is
    of another kind. `check` is called now and then.
    """

    def __init__(
        self,
        text: str,
        parse_int: Optional[Callable[[str], Any]] = None,
        check: Check = no_deadline,
    ) -> None:
        self.text = text
        self.at = 0
        self._decode = json.JSONDecoder(parse_int=parse_int).raw_decode
        self._room = _LONG_VALUES
        self._check = check
        self._count = 0
        self._depth = 0  # of long lists and objects that are being built
        self._taken: Any = None
        self._skip_space()

    def entries(self) -> Iterator[str]:
        """Yield the keys of an object; the value of each must be taken before the next key."""
        for _ in self._inside("{", "}"):
            if not self.text.startswith('"', self.at):
                raise ValueError("a key is not a string")
            key, self.at = self._decode(self.text, self.at)
            self._skip_space()
            self._expect(":")
            yield key

    def items(self) -> Iterator[None]:
        """Stop before each item of a list, which must be taken before the next one."""
        return self._inside("[", "]")

    def value(self) -> Any:
        """Return the value."""
        with collector_paused():
            value, self.at = self._decode(self.text, self.at)
        self._skip_space()
        return value

    def bounded_value(self) -> Any:
        """Return the value, within bounds for a string and for all long values together.

        Raises
        ------
        TooManyValuesError
            It is larger.
        """
        start = self.at
        if self._take_short_value():
            if self._depth:
                self._room -= _KEY + most_bytes(self.text[start : self.at])
                if self._room < 0:
                    raise TooManyValuesError("holds more values than fit into memory")
            return self._taken
        self._depth += 1
        value: Any
        if self.text.startswith("[", start):
            value = [self.bounded_value() for _ in self.items()]
        else:
            value = {key: self.bounded_value() for key in self.entries()}
        self._depth -= 1
        return value

    def is_at_end(self) -> bool:
        """Say whether nothing follows."""
        return self.at == len(self.text)

    def _take_short_value(self) -> bool:
        """Take the value into `_taken`, unless it is a long list or object."""
        start = self.at
        is_string = self.text.startswith('"', start)
        for size in _STRING_PIECES if is_string else (_PIECE,):
            piece = self.text[start : start + size]
            with suppress(ValueError, RecursionError):  # the piece is cut off, or not JSON
                self._taken, end = self._decode(piece, 0)
                if end < len(piece) or start + end == len(self.text):
                    self.at = start + end
                    self._skip_space()
                    return True
        if is_string:
            raise TooManyValuesError("holds a string that is too long, or not JSON")
        return False

    def _inside(self, opening: str, closing: str) -> Iterator[None]:
        self._expect(opening)
        if self.text.startswith(closing, self.at):
            self._expect(closing)
            return
        while True:
            self._count += 1
            if self._count % _VALUES_A_CHECK == 0:
                self._check()
            yield
            if self.text.startswith(closing, self.at):
                self._expect(closing)
                return
            self._expect(",")

    def _expect(self, mark: str) -> None:
        if not self.text.startswith(mark, self.at):
            raise ValueError(f"{mark} is missing")
        self.at += 1
        self._skip_space()

    def _skip_space(self) -> None:
        space = _SPACE.match(self.text, self.at)
        if space is not None:
            self.at = space.end()
