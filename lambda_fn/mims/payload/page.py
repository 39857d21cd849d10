"""Lines for a reader: how wide they may be, and which characters the terminal shows."""

from __future__ import annotations

import unicodedata
from typing import List, NamedTuple

_IN_ASCII = {"…": "...", "→": "->"}
_STYLES = {"bold": "1", "warning": "33", "error": "31", "good": "32"}


class Page(NamedTuple):
    """The terminal or file that lines are written for.

    Attributes
    ----------
    width
        In columns; no line is wider than this.
    colours
        Whether it shows colours.
    unicode
        Whether it shows characters beyond ASCII.
    """

    width: int = 80
    colours: bool = False
    unicode: bool = True

    @property
    def ellipsis(self) -> str:
        return "…" if self.unicode else _IN_ASCII["…"]

    def styled(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.colours else text

    def shown(self, text: str) -> str:
        """Return the text with control characters, and others that it could not show, escaped."""
        return "".join(map(self._shown_character, text))

    def _shown_character(self, character: str) -> str:
        if character.isprintable() and (self.unicode or character.isascii()):
            return character
        if character in _IN_ASCII:
            return _IN_ASCII[character]
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")

    def cut(self, text: str, width: int) -> str:
        """Return the text, or as much of it as fits into `width` columns with an ellipsis."""
        if columns(text) <= width:
            return text
        return _beginning(text, width - len(self.ellipsis)) + self.ellipsis

    def wrap(self, text: str, first: str = "", following: str = "") -> List[str]:
        """Return the text in lines, broken at spaces or, within long words, after commas.

        `first` and `following` are the indents of the first line and of the others.
        """
        lines: List[str] = []
        line, indent, room = "", first, max(1, self.width - columns(first))
        for word in text.split(" "):
            joined = f"{line} {word}" if line else word
            if columns(joined) <= room:
                line = joined
                continue
            if line:
                lines.append(indent + line)
                indent, room = following, max(1, self.width - columns(following))
            while columns(word) > room:
                part = _beginning(word, room)
                comma = part.rfind(",") + 1
                if comma > len(part) // 2:
                    part = part[:comma]
                lines.append(indent + part)
                indent, room = following, max(1, self.width - columns(following))
                word = word[len(part) :]
            line = word
        return [*lines, (indent + line).rstrip()]


def columns(text: str) -> int:
    """Return how many columns of a terminal a printable text takes.

    >>> columns("abc"), columns("年齢")
    (3, 4)
    """
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _beginning(text: str, width: int) -> str:
    """Return as many of the text's first characters as fit into `width` columns, at least one."""
    taken = 0
    for index, character in enumerate(text):
        taken += _columns_of(character)
        if taken > width:
            return text[: max(1, index)]
    return text
