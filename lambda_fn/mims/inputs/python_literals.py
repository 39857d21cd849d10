"""The text of a Python list or dict, as `str` writes it → JSON; nothing is ever evaluated."""

from __future__ import annotations

import json
import re
from typing import List, Match

from mims.deadline import Check, no_deadline
from mims.inputs.escapes import ESCAPE, unescaped
from mims.limits import HELD_BYTES

_TOKEN = re.compile(
    r"u?'(?P<plain>[^'\"\\\x00-\x1f]*)'"
    # The repetition is bounded, or the engine would keep a state for each of millions of escapes.
    r"|u?(?P<string>'[^'\\\n]*(?:\\.[^'\\\n]*){0,10000}'|\"[^\"\\\n]*(?:\\.[^\"\\\n]*){0,10000}\")"
    r"|(?P<key>-?[0-9]+)(?=\s*:)"
    r"|(?P<number>-?[0-9][\w.+-]*)"
    r"|(?P<word>-?\w+)"
    r"|(?P<bracket>[][(){}])"
    r"|(?P<last>,)(?=\s*[])}])"
    r"|(?P<stray>['\"\\])"
)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_WORDS = {
    "True": "true",
    "False": "false",
    "None": "null",
    "nan": "NaN",
    "inf": "Infinity",
    "-inf": "-Infinity",
}
_TOKENS_A_CHECK = 4096
_OPENING = {"]": "[", ")": "(", "}": "{"}
_JSON_BRACKETS = {"(": "[", ")": "]"}


class NotALiteral(ValueError):
    """The text is not the literal of a list or dict."""


def literal_as_json(text: str, check: Check = no_deadline) -> str:
    """Return the JSON text of a Python literal: of lists, tuples, dicts, strings, numbers, `None`.

    Anything else (a name, a call, a set) is either refused here or left as it stands, so that the
    result is not JSON. An integer as the key of a dict becomes a string, as keys are in JSON.

    >>> literal_as_json("['a', None, {0: (1.5, True)}]")
    '["a", null, {"0": [1.5, true]}]'

    Raises
    ------
    NotALiteral
        It is seen not to be a literal, or is larger than may be held.
    """
    if len(text) > HELD_BYTES or text.lstrip()[:1] not in ("[", "{", "("):
        raise NotALiteral
    opened: List[str] = []
    tokens = 0

    def as_json(token: Match[str]) -> str:
        nonlocal tokens
        tokens += 1
        if tokens % _TOKENS_A_CHECK == 0:
            check()
        kind, written = token.lastgroup, token.group()
        if kind == "plain":
            return f'"{token.group("plain")}"'
        if kind == "number":
            return written
        if kind == "string":
            return json.dumps(ESCAPE.sub(_unescaped, token.group("string")[1:-1]))
        if kind == "bracket":
            if written not in _OPENING:
                opened.append(written)
            elif not opened or opened.pop() != _OPENING[written]:
                raise NotALiteral
            return _JSON_BRACKETS.get(written, written)
        if kind == "key":
            return f'"{written}"'
        if kind == "last":  # a comma before a closing bracket, as in ("a",)
            return ""
        if written not in _WORDS:
            raise NotALiteral
        return _WORDS[written]

    return _TOKEN.sub(as_json, text)


def _unescaped(escape: Match[str]) -> str:
    character = unescaped(escape, _ESCAPED)
    if character is None:
        raise NotALiteral
    return character
