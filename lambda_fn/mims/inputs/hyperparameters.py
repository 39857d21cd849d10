"""The bytes of `hyperparameters.json` → a mapping that decodes its values."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, NamedTuple, NoReturn, Optional, Tuple, Union

from mims.deadline import Check, checked, no_deadline
from mims.errors import ArchiveLimitError, InvalidHyperparametersError, shown
from mims.inputs.python_literals import NotALiteral, literal_as_json
from mims.json_parsing import JsonCursor, TooManyValuesError, most_bytes, parse_json
from mims.limits import RAISED_BYTES, RAISED_VALUES, RAISED_WIDE_BYTES, Limits
from mims.values import integer

FILE_NAME = "hyperparameters.json"

_ABSENT = ("", "null", "None")
# A value may have been encoded once by its author and once more by the SageMaker SDK.
_MAX_ENCODINGS = 3
# A list or object of more characters is kept as text: few of them are ever needed.
_BUILT_CHARACTERS = 4096
_JSON_MARK = re.compile(r'\\.|["\[\]{}]', re.DOTALL)


@dataclass(frozen=True)
class Member:
    """A file `hyperparameters.json`: its path in the model, its bytes and modification time.

    `modified` is in seconds since the epoch.
    """

    name: str
    content: bytes
    modified: int


class _Packed(NamedTuple):
    """A list or object that is kept as a part of the file's text."""

    text: str
    start: int
    end: int


class Hyperparameters(Mapping[str, Any]):
    """The hyperparameters as they are in the file, key → value; large values are built on demand.

    The methods decode a value: SageMaker passes every hyperparameter as a string, so lists and
    objects arrive as JSON, or as Python's `str` writes them. `None` stands for an absent one:
    no such key, null, or one of the strings that stand for it. A value of the wrong form is an
    `InvalidHyperparametersError` that names the key, never the value. `check` is called meanwhile.
    """

    def __init__(
        self, values: Optional[Mapping[str, Any]] = None, check: Check = no_deadline
    ) -> None:
        self._values: Mapping[str, Any] = {} if values is None else values
        self._check = check

    def __getitem__(self, key: str) -> Any:
        value = self._values[key]
        if isinstance(value, _Packed):
            self._check()
            return _parse(value.text[value.start : value.end])
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def value(self, key: str) -> Any:
        """Return the decoded value of `key`, of any type."""
        return decode(self.get(key), self._check)

    def scalar(self, key: str) -> Union[str, int, float, bool, None]:
        """Return a string, number or boolean; `None` if `key` is absent or has another type.

        It is decoded only where that gives a string: `"\\"returns\\""` is `returns`, while the
        version `"1.10"` stays as it is.
        """
        decoded = self.value(key)
        value = decoded if decoded is None or isinstance(decoded, str) else self[key]
        return value if isinstance(value, (str, int, float)) else None

    def name(self, key: str) -> Optional[str]:
        """Return a name: a string, or an integer as a string."""
        if self.value(key) is None:
            return None
        name = as_name(self.scalar(key))
        if name is None:
            invalid_hyperparameter(key, "must be a non-empty string, the name of a field")
        return name

    def names(self, key: str) -> Optional[Tuple[str, ...]]:
        """Return a list of names, each once."""
        names = self.value(key)
        if names is None:
            return None
        if not isinstance(names, list):
            invalid_hyperparameter(key, "must be a list of names")
        for index, name in enumerate(checked(names, self._check)):
            if as_name(name) is None:
                invalid_hyperparameter(f"{key}[{index}]", "must be a name, a non-empty string")
        return tuple(dict.fromkeys(map(str, checked(names, self._check))))

    def object(self, key: str) -> Optional[Mapping[str, Any]]:
        """Return an object."""
        value = self.value(key)
        if value is not None and not isinstance(value, dict):
            invalid_hyperparameter(key, "must be an object")
        return value


def parse_hyperparameters(member: Member, check: Check = no_deadline) -> Hyperparameters:
    """Return the object in the file; `NaN` and `Infinity` are accepted.

    Raises
    ------
    InvalidHyperparametersError
        It is empty, not UTF-8, not JSON, nested too deep, has too many values, or is not an object.
        The message names the file, and line and column if they are known, but no content.
    """
    _check_memory(member)
    content = member.content[3:] if member.content.startswith(b"\xef\xbb\xbf") else member.content
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        utf16 = " (it looks like UTF-16)" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        _invalid(member, f"is not UTF-8{utf16}", content[: error.start].decode("utf-8"))
    if not text or text.isspace():
        _invalid(member, "is empty", "")
    try:
        parsed = _parse_object(text, check)
    except json.JSONDecodeError as error:
        _invalid(member, f"is not valid JSON ({error.msg})", text[: error.pos])
    except _Unparsable as error:
        _invalid(member, str(error), text[: error.place])
    if not isinstance(parsed, dict):
        _invalid(member, "must hold a JSON object at its top level", "")
    return Hyperparameters(parsed, check)


def beyond_memory(name: str, size: int) -> ArchiveLimitError:
    """Return the error for a file that a raised limit allows, but that does not fit into memory."""
    return ArchiveLimitError(
        f"'{shown(name)}' has {size:,} bytes, more values than fit into memory, though "
        "MAX_HYPERPARAMETERS_BYTES allows them. Keep bulk data elsewhere."
    )


def _check_memory(member: Member) -> None:
    """Refuse a file that a raised limit allows, but that does not fit into memory once parsed."""
    size = len(member.content)
    if size <= Limits().hyperparameters_bytes:
        return
    most = RAISED_BYTES if member.content.isascii() else RAISED_WIDE_BYTES
    if size > most or most_bytes(member.content.decode("latin-1")) > RAISED_VALUES:
        raise beyond_memory(member.name, size)


def decode(value: Any, check: Check = no_deadline) -> Any:
    """Return a hyperparameter's value, decoded if it is a string of JSON or a Python literal.

    Any other string is returned unchanged. `None` stands for an absent value.
    """
    for _ in range(_MAX_ENCODINGS):
        if not isinstance(value, str) or is_absent(value):
            break
        if len(value) > _BUILT_CHARACTERS:
            check()
        try:
            value = _parse(value, check)
        except (json.JSONDecodeError, _Unparsable):
            try:
                return _parse(literal_as_json(value, check), check)
            except (json.JSONDecodeError, _Unparsable, NotALiteral):
                break
    return None if is_absent(value) else value


def is_absent(value: Any) -> bool:
    """Say whether a value counts as absent: null, or a string that stands for it."""
    return value is None or (isinstance(value, str) and value in _ABSENT)


def as_name(value: Any) -> Optional[str]:
    """Return a field's name: a non-empty string, or an integer as a string; else `None`.

    pandas names the columns of a table without a header by integers: 0, 1, …
    """
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def invalid_hyperparameter(key: str, must: str) -> NoReturn:
    """Raise the error for a hyperparameter of the wrong form, without its value."""
    raise InvalidHyperparametersError(
        f"The hyperparameter {shown(key)} {must}. Correct it in the training job."
    )


class _Unparsable(Exception):
    """JSON that the parser cannot take; the fault is at the character `place`."""

    def __init__(self, what: str, place: int) -> None:
        super().__init__(what)
        self.place = place


class _TooManyDigitsError(ValueError):
    """An integer of more digits than are parsed."""

    def __init__(self, digits: str) -> None:
        super().__init__()
        self.digits = digits


def _parse_object(text: str, check: Check) -> Any:
    """Return the value of a JSON text; large values of an object are left packed."""
    try:
        return dict(checked(_values(text), check))
    except (ValueError, RecursionError):
        check()
        return _parse(text, check)  # parsed as a whole, it says what is wrong, and where


def _values(text: str) -> Iterator[Tuple[str, Any]]:
    """Yield the keys and values of the object that a JSON text is."""
    cursor = JsonCursor(text, _integer)
    for key in cursor.entries():
        start = cursor.at
        value = cursor.value()
        if cursor.at - start > _BUILT_CHARACTERS and isinstance(value, (dict, list)):
            value = _Packed(text, start, cursor.at)
        yield key, value
    if not cursor.is_at_end():
        raise ValueError


def _integer(digits: str) -> int:
    try:
        return integer(digits)
    except ValueError:  # more than are parsed; or the process sets a lower limit
        raise _TooManyDigitsError(digits) from None


def _parse(text: str, check: Check = no_deadline) -> Any:
    try:
        return parse_json(text, parse_int=_integer)
    except _TooManyDigitsError as error:
        what = "holds an integer of too many digits"
        raise _Unparsable(what, text.find(error.digits)) from None
    except TooManyValuesError as error:
        raise _Unparsable(str(error), 0) from None
    except RecursionError:
        raise _Unparsable("is nested too deep", _deepest(text, check)) from None


def _deepest(text: str, check: Check) -> int:
    """Return where the innermost array or object of a JSON text begins."""
    depth = deepest = place = 0
    quoted = False
    for match in checked(_JSON_MARK.finditer(text), check):
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
    """Raise the error for a fault after the text `before`."""
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    raise InvalidHyperparametersError(
        f"'{shown(member.name)}' {what}, line {line}, column {column}. "
        "Have the training job write its hyperparameters as one JSON object in UTF-8."
    )
