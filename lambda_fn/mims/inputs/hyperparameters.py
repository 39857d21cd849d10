"""The bytes of `hyperparameters.json` → a checked mapping."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Dict, NoReturn, Tuple

from mims.errors import InvalidHyperparametersError, shown

FILE_NAME = "hyperparameters.json"

_ABSENT = (None, "", "null", "None")
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


def parse_hyperparameters(member: Member) -> Dict[str, Any]:
    """Return the object that the member holds; `NaN` and `Infinity` are accepted.

    Raises
    ------
    InvalidHyperparametersError
        It is empty, no UTF-8, no JSON, too deep, or no object at its top. The message names the
        member, and line and column where there are any, but no content.
    """
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
        _invalid(member, "holds no JSON object at its top level", "")
    return parsed


def decode(value: Any) -> Any:
    """Return a hyperparameter's value, decoded where it is a JSON-encoded string.

    SageMaker passes every hyperparameter as a string, so lists and objects arrive encoded:
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TrainingJob.html. A string that
    is no JSON is returned as it is. `None` stands for an absent value.
    """
    for _ in range(_MAX_ENCODINGS):
        if not isinstance(value, str) or value in _ABSENT:
            break
        try:
            value = _parse(value)
        except (json.JSONDecodeError, _Unparsable):
            break
    return None if isinstance(value, str) and value in _ABSENT else value


def decode_text(value: Any) -> Any:
    """Return a hyperparameter that is one name or version: decoded only where that gives a string.

    So `"\\"returns\\""` is `returns`, while `"1.10"` stays a string and is no number.
    """
    decoded = decode(value)
    return decoded if decoded is None or isinstance(decoded, str) else value


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
