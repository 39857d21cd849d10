"""The YAML of MLflow's `MLmodel` → the scalar under a path of keys.

Block mappings are read, and plain, quoted, literal and folded scalars in them, as PyYAML writes
them and people edit them (https://yaml.org/spec/1.1/). What is not on the path is skipped, and may
be any YAML.
"""

from __future__ import annotations

import re
from itertools import count
from typing import Callable, List, Match, NamedTuple, Optional, Tuple

from mims.inputs.escapes import ESCAPE, unescaped
from mims.inputs.member import UnreadableError, cut_short

_LINE = re.compile(r"( *)([^\r\n]*)(?:\r\n|\r|\n|\Z)")
_BREAK = re.compile(r"\r\n|\r|\n")
_BLANKS = re.compile(r"[ \t]*")
_KEY_END = re.compile(r":(?=[ \t\r\n]|\Z)")
_SPECIAL = re.compile(r'["\\]')
_BLOCK = re.compile(r"([|>])(?:[+-]?([1-9])|([1-9])[+-]|[+-])?[ \t]*(?:#|\Z)")
_COMMENT = re.compile(r"(?:\A|[ \t])#")
_ESCAPED = dict(zip('0abtnvfre "/\\NLP_\t', '\0\a\b\t\n\v\f\r\x1b "/\\\x85\u2028\u2029\xa0\t'))
_NULLS = ("", "~", "null", "Null", "NULL")
_LINES_OF_A_SCALAR = 200_000
_ESCAPES_A_STEP = 32

Step = Callable[[int], None]


class _Line(NamedTuple):
    indentation: int
    content: str
    start: int  # offset of the content in the text
    end: int  # where the next line begins


def string_at(yaml: str, path: Tuple[str, ...], step: Step) -> Optional[str]:
    """Return the scalar under a path of keys; `None` if there is none, or it is null.

    `step` is called with the number of lines and marks that are looked at, and may raise.

    Raises
    ------
    UnreadableError
        What is looked at cannot be read.
    """
    at, indentation = 0, 0
    for key in path[:-1]:
        value_at = _find(yaml, at, indentation, key, step)
        if value_at is None:
            return None
        rest = _line(yaml, value_at)
        nested = _next_content(yaml, rest.end, step)
        if _without_comment(rest.content) not in _NULLS:
            raise UnreadableError(f"has something other than keys and values under '{key}'")
        if nested is None or nested.indentation <= indentation:
            return None
        at, indentation = rest.end, nested.indentation
    value_at = _find(yaml, at, indentation, path[-1], step)
    return None if value_at is None else _scalar(yaml, value_at, indentation, step)


def has_key(yaml: str, key: str, step: Step) -> bool:
    """Say whether a key is at the top level of a text; raises as `string_at`."""
    return _find(yaml, 0, 0, key, step) is not None


def _find(yaml: str, at: int, indentation: int, wanted: str, step: Step) -> Optional[int]:
    """Return the position of the value of a key in the block mapping at `at`."""
    while True:
        line = _next_content(yaml, at, step)
        if line is None or line.indentation < indentation:
            return None
        at = line.end
        # Lines with more indentation, and those of a list, belong to the value of the key before.
        if line.indentation > indentation or line.content == "-" or line.content[:2] == "- ":
            continue
        if not indentation and line.content[:3] in ("---", "..."):
            continue
        if line.content[0] in "'\"":
            key, end = _quoted(yaml, line.start, step)
            colon = _KEY_END.match(yaml, _after_blanks(yaml, end))
        else:
            colon = _KEY_END.search(yaml, line.start, line.start + len(line.content))
            key = yaml[line.start : colon.start()].rstrip(" \t") if colon else ""
        if colon is None:
            raise UnreadableError("is not YAML as MLflow writes it")
        if key == wanted:
            return colon.end()
        value_at = _after_blanks(yaml, colon.end())
        if yaml[value_at : value_at + 1] in ("'", '"'):
            at = _line(yaml, _quoted(yaml, value_at, step)[1]).end


def _scalar(yaml: str, at: int, indentation: int, step: Step) -> Optional[str]:
    """Return the scalar after `at`, which is the value of a key of that indentation."""
    rest = _line(yaml, at)
    if not _without_comment(rest.content):  # it is on the next line, or null
        below = _next_content(yaml, rest.end, step)
        if below is None or below.indentation <= indentation:
            return None
        rest = below
    if rest.content[0] in "'\"":
        scalar, end = _quoted(yaml, rest.start, step)
        if _without_comment(_line(yaml, end).content):
            raise UnreadableError("is not YAML as MLflow writes it")
        return scalar
    block = _BLOCK.match(rest.content)
    if block:
        explicit = block.group(2) or block.group(3)
        lines = _block(yaml, rest.end, indentation, int(explicit) if explicit else 0, step)
        return "\n".join(lines) if block.group(1) == "|" else _folded(lines, False)
    lines = [_without_comment(rest.content)]
    following = _next_content(yaml, rest.end, step)
    while following is not None and following.indentation > indentation:
        lines.append(_without_comment(following.content))
        following = _next_content(yaml, following.end, step)
    plain = _folded(lines, False)
    return None if plain in _NULLS else plain


def _quoted(yaml: str, at: int, step: Step) -> Tuple[str, int]:
    """Return the quoted scalar at `at`, and its end."""
    end = at + 1
    if yaml[at] == "'":
        while True:
            step(1)
            end = yaml.find("'", end)
            if end < 0:
                raise cut_short()
            if yaml[end + 1 : end + 2] != "'":
                break
            end += 2
        return _folded(_lines(yaml[at + 1 : end], step), False).replace("''", "'"), end + 1
    while True:
        step(1)
        mark = _SPECIAL.search(yaml, end)
        if mark is None:
            raise cut_short()
        end = mark.start()
        if mark.group() == '"':
            break
        end += 2
    return _without_escapes(_folded(_lines(yaml[at + 1 : end], step), True), step), end + 1


def _block(yaml: str, at: int, indentation: int, explicit: int, step: Step) -> List[str]:
    """Return the lines of a literal or folded scalar, without their indentation."""
    lines: List[str] = []
    depth = indentation + explicit if explicit else 0
    while at < len(yaml):
        step(1)
        line = _line(yaml, at)
        if line.content:
            depth = depth or max(line.indentation, indentation + 1)
            if line.indentation < depth:
                break
        lines.append(" " * (line.indentation - depth) + line.content)
        if len(lines) > _LINES_OF_A_SCALAR:
            raise UnreadableError(f"has a text of more than {_LINES_OF_A_SCALAR:,} lines")
        at = line.end
    return lines


def _folded(lines: List[str], escapes: bool) -> str:
    """Return lines as one text: a line break becomes a space, and an empty line a line break.

    With `escapes`, a line break after a backslash is dropped.
    """
    parts = [lines[0] if lines else ""]
    empty = 0
    for index, line in enumerate(lines[1:], 2):
        text = line.lstrip(" \t")
        if not text and index < len(lines):
            empty += 1
            continue
        before = parts[-1]
        if escapes and (len(before) - len(before.rstrip("\\"))) % 2:
            parts[-1] = before[:-1]
            parts.append("\n" * empty)
        else:
            parts[-1] = before.rstrip(" \t")
            parts.append("\n" * empty or " ")
        parts.append(text)
        empty = 0
    return "".join(parts)


def _lines(text: str, step: Step) -> List[str]:
    count = text.count("\n") + text.count("\r")
    step(count)
    if count > _LINES_OF_A_SCALAR:
        raise UnreadableError(f"has a text of more than {_LINES_OF_A_SCALAR:,} lines")
    return _BREAK.split(text)


def _without_escapes(text: str, step: Step) -> str:
    escapes = count()

    def character(escape: Match[str]) -> str:
        if next(escapes) % _ESCAPES_A_STEP == 0:  # each was a step when the end was looked for
            step(1)
        return _unescaped(escape)

    return ESCAPE.sub(character, text)


def _unescaped(escape: Match[str]) -> str:
    character = unescaped(escape, _ESCAPED)
    if character is None:
        raise UnreadableError("holds an escape that YAML does not know")
    return character


def _next_content(yaml: str, at: int, step: Step) -> Optional[_Line]:
    """Return the next line with more than white space and a comment; `None` at the end."""
    while at < len(yaml):
        step(1)
        line = _line(yaml, at)
        if line.content.strip(" \t") and line.content[0] not in "#%":
            return line
        at = line.end
    return None


def _line(yaml: str, at: int) -> _Line:
    """Return the line at `at`, or the rest of it."""
    match = _LINE.match(yaml, at)
    assert match is not None  # it matches an empty text too
    return _Line(len(match.group(1)), match.group(2), match.start(2), match.end())


def _after_blanks(yaml: str, at: int) -> int:
    blanks = _BLANKS.match(yaml, at)
    return blanks.end() if blanks else at


def _without_comment(content: str) -> str:
    return _COMMENT.split(content, maxsplit=1)[0].strip(" \t")
