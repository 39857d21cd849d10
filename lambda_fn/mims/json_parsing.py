"""JSON texts → values; what values would take of memory is judged before they are built."""

from __future__ import annotations

import gc
import json
import re
from contextlib import contextmanager, suppress
from typing import Any, Callable, Iterator, Optional

from mims.deadline import Check, nothing
from mims.limits import BUILT_BYTES, MIB, REQUEST_BYTES

# What CPython takes, in bytes: for a list and an object without anything in it; for the room that
# the first item makes; for a text or number and the place where it stands; for a key with both.
_LIST, _LIST_ROOM = 80, 32
_OBJECT, _OBJECT_ROOM = 88, 144
_SCALAR, _KEY = 64, 150
_PIECE = 1024  # characters: what is not longer is built at once
_TEXT_PIECES = (_PIECE, 64 * _PIECE, REQUEST_BYTES)
_LONG_VALUES = 64 * MIB
_VALUES_A_CHECK = 1024
_BLANK = re.compile(r"[ \t\n\r]*")
_DENSEST = 64  # bytes that a character of JSON makes at the most


class TooManyValuesError(ValueError):
    """A JSON text holds more values than may be held at once."""


def parse_json(
    text: str,
    parse_int: Optional[Callable[[str], Any]] = None,
    parse_constant: Optional[Callable[[str], Any]] = None,
) -> Any:
    """Return the value that a JSON text holds, as `json.loads` does.

    Raises
    ------
    TooManyValuesError
        Its values would take more memory than may be held.
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
    """Refuse a JSON text whose values take more memory than may be held.

    They are estimated from its signs, those within its texts included: never too low, but for the
    characters of texts.
    """
    if _DENSEST * len(text) > BUILT_BYTES and most_bytes(text) > BUILT_BYTES:
        raise TooManyValuesError(
            f"holds more values than fit into {BUILT_BYTES // MIB} MiB of memory"
        )


def most_bytes(text: str) -> int:
    """Return how many bytes the values of a JSON text take at the most, texts' characters aside."""
    no_list, no_object = text.count("[]"), text.count("{}")
    # Each item of a list or object but the first stands behind a comma, each value of a key behind
    # a colon; an empty list or object that stands there is neither a text nor a number.
    return (
        _SCALAR * max(0, text.count(",") - no_list - no_object)
        + _KEY * text.count(":")
        + (_LIST + _LIST_ROOM) * text.count("[")
        - _LIST_ROOM * no_list
        + (_OBJECT + _OBJECT_ROOM) * text.count("{")
        - _OBJECT_ROOM * no_object
    )


class JsonCursor:
    """A place in a JSON text, moved from one value to the next: the whole is never built.

    A cursor stands before a value: `entries`, `items`, `value` or `bounded_value` takes it from
    there to behind the value. Each raises `ValueError` (or `RecursionError`) where the text is not
    JSON, or the value is of another kind. `check` is called every thousand of them.
    """

    def __init__(
        self,
        text: str,
        parse_int: Optional[Callable[[str], Any]] = None,
        check: Check = nothing,
    ) -> None:
        self.text = text
        self.at = 0
        self._decode = json.JSONDecoder(parse_int=parse_int).raw_decode
        self._room = _LONG_VALUES
        self._check = check
        self._passed = 0
        self._depth = 0  # of long lists and objects that are being built
        self._taken: Any = None
        self._pass_blanks()

    def entries(self) -> Iterator[str]:
        """Yield the keys of an object, each of whose values must be taken before the next key."""
        for _ in self._inside("{", "}"):
            if not self.text.startswith('"', self.at):
                raise ValueError("a key is not a text")
            key, self.at = self._decode(self.text, self.at)
            self._pass_blanks()
            self._pass(":")
            yield key

    def items(self) -> Iterator[None]:
        """Yield before each item of a list, which must be taken before the next one."""
        return self._inside("[", "]")

    def value(self) -> Any:
        """Return the value."""
        with collector_paused():
            value, self.at = self._decode(self.text, self.at)
        self._pass_blanks()
        return value

    def bounded_value(self) -> Any:
        """Return the value; all long ones together take no more than 64 MiB, and a text 6 MiB.

        Raises
        ------
        TooManyValuesError
            It is larger.
        """
        start = self.at
        if self._pass_short_value():
            if self._depth:
                self._room -= _KEY + most_bytes(self.text[start : self.at])
                if self._room < 0:
                    raise TooManyValuesError("holds more values than it may")
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

    def _pass_short_value(self) -> bool:
        """Take the value into `_taken`, unless it is a long list or object."""
        start = self.at
        is_text = self.text.startswith('"', start)
        for size in _TEXT_PIECES if is_text else (_PIECE,):
            piece = self.text[start : start + size]
            with suppress(ValueError, RecursionError):  # it is cut, or not JSON
                self._taken, end = self._decode(piece, 0)
                if end < len(piece) or start + end == len(self.text):
                    self.at = start + end
                    self._pass_blanks()
                    return True
        if is_text:
            raise TooManyValuesError("holds a text that is too long, or not JSON")
        return False

    def _inside(self, opening: str, closing: str) -> Iterator[None]:
        self._pass(opening)
        if self.text.startswith(closing, self.at):
            self._pass(closing)
            return
        while True:
            self._passed += 1
            if self._passed % _VALUES_A_CHECK == 0:
                self._check()
            yield
            if self.text.startswith(closing, self.at):
                self._pass(closing)
                return
            self._pass(",")

    def _pass(self, sign: str) -> None:
        if not self.text.startswith(sign, self.at):
            raise ValueError(f"{sign} is missing")
        self.at += 1
        self._pass_blanks()

    def _pass_blanks(self) -> None:
        blank = _BLANK.match(self.text, self.at)
        if blank is not None:
            self.at = blank.end()
