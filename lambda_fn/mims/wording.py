"""The wording of warnings: few and short enough for every place they end up in."""

from __future__ import annotations

import re
from typing import Iterable, List, Sequence

from mims.errors import shown
from mims.limits import WARNING_CHARACTERS, WARNINGS

_NAMED = 5  # how many names a warning lists
_NAME_CHARACTERS = 40  # of each name
_MORE = re.compile(r"… and ([0-9,]{1,15}) more warnings?\Z")


def bounded(warnings: Sequence[str]) -> List[str]:
    """Return no more than `WARNINGS` of the warnings, each cut; the last counts the others.

    Bounded lists may be joined and bounded again: the count of those left out is kept.

    >>> bounded(["a"] * 25)[-1]
    '… and 6 more warnings'
    """
    kept: List[str] = []
    left_out = 0
    for warning in warnings:
        match = _MORE.match(warning)
        if match:
            left_out += int(match.group(1).replace(",", ""))
        else:
            kept.append(warning)
    most = WARNINGS - 1 if left_out or len(kept) > WARNINGS else WARNINGS
    left_out += max(0, len(kept) - most)
    told = [cut(warning, WARNING_CHARACTERS) for warning in kept[:most]]
    return [*told, count_left_out(left_out)] if left_out else told


def count_left_out(count: int) -> str:
    """Return the line that stands for `count` more warnings."""
    return f"… and {count:,} more warning{'' if count == 1 else 's'}"


def cut(text: str, characters: int) -> str:
    """Return the text, or as much of it as fits with an ellipsis at its end."""
    return text if len(text) <= characters else f"{text[: characters - 1]}…"


def of_names(words: str, names: Iterable[str]) -> List[str]:
    """Return one warning for all of the names, with the first few of them for `{names}`, or none.

    >>> of_names("not inputs: {names}.", ["a", "b"])
    ["not inputs: 'a', 'b'."]
    """
    listed = list(names)
    shown_names = [f"'{shown_short(name)}'" for name in listed[:_NAMED]]
    return _of_kind(words, shown_names, len(listed))


def of_kind(words: str, cases: Sequence[str]) -> List[str]:
    """Return one warning for all cases of a kind, with the first few for `{names}`, or none.

    >>> of_kind("Too large: {names}.", [f"{number} bytes" for number in range(9)])
    ['Too large: 0 bytes, 1 bytes, 2 bytes, 3 bytes, 4 bytes and 4 more.']
    """
    return _of_kind(words, cases[:_NAMED], len(cases))


def _of_kind(words: str, first: Sequence[str], count: int) -> List[str]:
    """Return the warning for `count` cases, of which the first are shown: there may be many."""
    if not count:
        return []
    more = f" and {count - _NAMED:,} more" if count > _NAMED else ""
    return [words.replace("{names}", ", ".join(first) + more)]


def shown_short(name: object) -> str:
    """Return a name fit for a warning that names several."""
    return cut(shown(name), _NAME_CHARACTERS)


def counted(number: int, noun: str) -> str:
    """Return the number with its noun, singular or plural.

    >>> counted(1, "field"), counted(2_000, "field")
    ('1 field', '2,000 fields')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
