"""The bytes of `hyperparameters.json` → a checked mapping."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, NoReturn, Optional, Tuple, Union

from mims.errors import ArchiveLimitError, InvalidHyperparametersError, shown
from mims.inputs.python_literals import NotALiteral, literal_as_json
from mims.limits import RAISED_BYTES, RAISED_PARTS, RAISED_WIDE_BYTES, Limits

FILE_NAME = "hyperparameters.json"

_ABSENT = ("", "null", "None")
# CPython's own limit (sys.set_int_max_str_digits): beyond it, parsing takes quadratic time.
_MAX_INTEGER_DIGITS = 4300
# A value may have been encoded once by its author and once more by the SageMaker SDK.
_MAX_ENCODINGS = 3
_JSON_MARK = re.compile(r'\\.|["\[\]{}]', re.DOTALL)


@dataclass(frozen=True)
class Member:
    """A file `hyperparameters.json`: its name in the model, bytes, and modification time.

    `modified` is in seconds since the epoch; `warnings` say what to know of the choice.
    """

    name: str
    content: bytes
    modified: int
    warnings: Tuple[str, ...] = ()


class Hyperparameters(Mapping[str, Any]):
    """The hyperparameters as they stand in the file, key → value.

    The methods decode a value: SageMaker passes every hyperparameter as a text, so lists and
    objects arrive as JSON, or as what Python's `str` made of them. `None` stands for an absent one:
    no such key, null, or one of the texts that stand for it. A value of the wrong form is an
    `InvalidHyperparametersError` that names the key, never the value.
    """

    def __init__(self, values: Optional[Mapping[str, Any]] = None) -> None:
        self._values: Mapping[str, Any] = {} if values is None else values

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def value(self, key: str) -> Any:
        """Return the value of `key`, decoded, whatever it is."""
        return decode(self._values.get(key))

    def scalar(self, key: str) -> Union[str, int, float, bool, None]:
        """Return a text, number or truth; `None` where `key` is absent or holds something else.

        It is decoded only where that gives a text: `"\\"returns\\""` is `returns`, while the
        version `"1.10"` stays a text.
        """
        decoded = self.value(key)
        value = decoded if decoded is None or isinstance(decoded, str) else self._values[key]
        return value if isinstance(value, (str, int, float)) else None

    def name(self, key: str) -> Optional[str]:
        """Return a name: a text, or an integer as text."""
        if self.value(key) is None:
            return None
        name = as_name(self.scalar(key))
        if name is None:
            invalid_hyperparameter(key, "must be a non-empty text, the name of a field")
        return name

    def names(self, key: str) -> Optional[Tuple[str, ...]]:
        """Return a list of names, each of them once."""
        names = self.value(key)
        if names is None:
            return None
        if not isinstance(names, list):
            invalid_hyperparameter(key, "must be a list of names")
        for index, name in enumerate(names):
            if as_name(name) is None:
                invalid_hyperparameter(f"{key}[{index}]", "must be a name, a non-empty text")
        return tuple(dict.fromkeys(map(str, names)))

    def object(self, key: str) -> Optional[Mapping[str, Any]]:
        """Return an object."""
        value = self.value(key)
        if value is not None and not isinstance(value, dict):
            invalid_hyperparameter(key, "must be an object")
        return value


def parse_hyperparameters(member: Member) -> Hyperparameters:
    """Return the object that the member holds; `NaN` and `Infinity` are accepted.

    Raises
    ------
    InvalidHyperparametersError
        It is empty, no UTF-8, no JSON, too deep, or no object at its top. The message names the
        member, and line and column where there are any, but no content.
    """
    _check_memory(member)
    content = member.content[3:] if member.content.startswith(b"\xef\xbb\xbf") else member.content
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        utf16 = " (it looks like UTF-16)" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        _invalid(member, f"is not UTF-8{utf16}", content[: error.start].decode("utf-8"))
    if not text.strip():
        _invalid(member, "is empty", "")
    try:
        parsed = _parse(text)
    except json.JSONDecodeError as error:
        _invalid(member, f"is no valid JSON ({error.msg})", text[: error.pos])
    except _Unparsable as error:
        _invalid(member, str(error), text[: error.place])
    if not isinstance(parsed, dict):
        _invalid(member, "must hold a JSON object at its top level", "")
    return Hyperparameters(parsed)


def _check_memory(member: Member) -> None:
    """Refuse what would not fit into memory once it is parsed, though a raised limit allows it."""
    content = member.content
    if len(content) <= Limits().hyperparameters_bytes:
        return
    most = RAISED_BYTES if content.isascii() else RAISED_WIDE_BYTES
    if len(content) > most or sum(map(content.count, (b"[", b"{", b","))) > RAISED_PARTS:
        raise ArchiveLimitError(
            f"'{shown(member.name)}' has {len(content):,} bytes, more values than fit into memory, "
            "though MAX_HYPERPARAMETERS_BYTES allows them. Keep bulk data elsewhere."
        )


def decode(value: Any) -> Any:
    """Return a hyperparameter's value, decoded where it is JSON or a Python literal in a text.

    A text that is neither is returned as it is. `None` stands for an absent value.
    """
    for _ in range(_MAX_ENCODINGS):
        if not isinstance(value, str) or is_absent(value):
            break
        try:
            value = _parse(value)
        except (json.JSONDecodeError, _Unparsable):
            try:
                return _parse(literal_as_json(value))
            except (json.JSONDecodeError, _Unparsable, NotALiteral):
                break
    return None if is_absent(value) else value


def is_absent(value: Any) -> bool:
    """Say whether a value counts as absent: null, or a text that stands for it."""
    return value is None or (isinstance(value, str) and value in _ABSENT)


def as_name(value: Any) -> Optional[str]:
    """Return a field's name: a non-empty text, or an integer as text; `None` where it is none.

    pandas names the columns of a table without a header by integers: 0, 1, …
    """
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def invalid_hyperparameter(key: str, must: str) -> NoReturn:
    """Raise the error for a hyperparameter that has the wrong form, without its value."""
    raise InvalidHyperparametersError(
        f"The hyperparameter {shown(key)} {must}. Correct it in the training job."
    )


class _Unparsable(Exception):
    """JSON that is beyond what the parser can hold, at the character `place`."""

    def __init__(self, what: str, place: int) -> None:
        super().__init__(what)
        self.place = place


def _parse(text: str) -> Any:
    def integer(digits: str) -> int:
        try:
            if len(digits) <= _MAX_INTEGER_DIGITS:
                return int(digits)
        except ValueError:  # the process sets a lower limit
            pass
        raise _Unparsable("holds an integer of too many digits", text.find(digits))

    try:
        return json.loads(text, parse_int=integer)
    except RecursionError:
        raise _Unparsable("is nested too deep", _deepest(text)) from None


def _deepest(text: str) -> int:
    """Return where the innermost array or object of a JSON text begins."""
    depth = deepest = place = 0
    quoted = False
    for match in _JSON_MARK.finditer(text):
        mark = match.group()
        if mark == '"':
            quoted = not quoted
        elif not quoted and mark in "[{":
            depth += 1
            if depth > deepest:
                deepest, place = depth, match.start()
        elif not quoted and mark in "]}":
            depth -= 1
    return place


def _invalid(member: Member, what: str, before: str) -> NoReturn:
    """Raise the error for a fault that stands behind the text `before`."""
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    raise InvalidHyperparametersError(
        f"'{shown(member.name)}' {what}, line {line}, column {column}. "
        "Have the training job write its hyperparameters as one JSON object in UTF-8."
    )
