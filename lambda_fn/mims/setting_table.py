"""Every setting: its names in the environment and in a request, and what reads its value."""

from __future__ import annotations

import json
from contextlib import suppress
from math import isfinite
from typing import Any, Callable, List, Mapping, NamedTuple, Sequence, Tuple, Union

from mims.deadline import Check, checked
from mims.errors import shown
from mims.fields import NamedFields
from mims.formats.format import Format
from mims.formats.registry import parse_content_types
from mims.inputs.field_lists import parse_fields
from mims.json_parsing import parse_json
from mims.limits import CHECKED_FIELDS, DIMENSIONS, SAMPLES, TEMPLATE_CHARACTERS, Limits
from mims.recipes import AUTO, NONE, RECIPES
from mims.values import TRUTHS, is_unicode, number, text, whole_number

CONTRACT, FLAT = "contract", "flat"
SPECIAL_FIELD = "SPECIAL_FIELD_"
_TRUTHS = {**TRUTHS, "yes": True, "no": False}


class MisfitError(Exception):
    """A value is not what its setting takes.

    `where` follows the setting's name (": 'age'"), `wanted` says what the value there must be.
    """

    def __init__(self, value: Any, where: str = "", wanted: str = "") -> None:
        super().__init__()
        self.value = value
        self.where = where
        self.wanted = wanted


class Setting(NamedTuple):
    """One setting.

    Attributes
    ----------
    variable, key
        Its name in the environment and in a request; empty where it has none there.
    read
        Value and name → the value as it is used, with the deadline looked at where a value may be
        long. Raises `MisfitError`, or `InvalidSettingsError`.
    wanted
        What a value must be, in words that follow "it must be".
    meaning
        What it does, in a line.
    default
        As a person would write it in the environment.
    limit
        Which of the `Limits` it is, if it is one.
    """

    variable: str
    key: str
    read: Callable[[Any, str, Check], Any]
    wanted: str
    meaning: str
    default: str = ""
    limit: str = ""

    @property
    def attribute(self) -> str:
        """Its name among settings that have been read."""
        return self.key or self.variable.lower()


def nearest_setting(name: str, known: Sequence[str]) -> str:
    """Return the known name that is nearest to one that is not known; empty where none is near."""
    import difflib  # a cold start need not pay for what only an error asks

    folded = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower()[:100], list(folded), n=1, cutoff=0.6)
    return folded[matches[0]] if matches else ""


def perhaps(nearest: str) -> str:
    """Return what an error adds on a name that is not known; nothing where no name is near."""
    return f"; perhaps {nearest} is meant" if nearest else ""


def _content_types(value: Any, name: str, _check: Check) -> Tuple[Format, ...]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = ",".join(value)
    if not isinstance(value, str):
        raise MisfitError(value)
    return parse_content_types(value, name)


def _number(value: Any, _name: str, _check: Check) -> Union[int, float]:
    converted = None if isinstance(value, bool) else number(value)
    if converted is None:
        raise MisfitError(value)
    whole = whole_number(value)  # with every digit, which a large one loses as a float
    return converted if whole is None or whole == converted else whole


def _text(value: Any, _name: str, _check: Check) -> str:
    converted = None if isinstance(value, bool) else text(value)
    if converted is None or not is_unicode(converted):
        raise MisfitError(value)
    return converted


def _text_or_number(value: Any, name: str, _check: Check) -> Any:
    _text(value, name, _check)
    return value


def _template(value: Any, name: str, _check: Check) -> str:
    if isinstance(value, (dict, list)):  # a request may hold it as JSON, not as text
        value = json.dumps(value, ensure_ascii=False)
    template = _text(value, name, _check)
    if len(template) > TEMPLATE_CHARACTERS:
        raise MisfitError(value, wanted=f"a text of at most {TEMPLATE_CHARACTERS:,} characters")
    return template


def _values(value: Any, _name: str, check: Check) -> Mapping[str, Any]:
    parsed = value
    if isinstance(value, str):
        try:
            parsed = parse_json(value)
        except (ValueError, RecursionError):
            raise MisfitError(value) from None
    if not isinstance(parsed, dict):
        raise MisfitError(value)
    if len(parsed) > CHECKED_FIELDS:
        raise MisfitError(parsed, "", f"an object of at most {CHECKED_FIELDS:,} names")
    for name, given in checked(parsed.items(), check):
        if not _is_value(given, check):
            raise MisfitError(
                given,
                f": '{shown(name)}'",
                "a text of valid Unicode, a finite number, true, false, null, or a list of them",
            )
    return parsed


_NUMBERS = {bool, int, float, type(None)}


def _is_value(given: Any, check: Check, depth: int = 0) -> bool:
    if isinstance(given, list):
        with suppress(OverflowError):  # an integer beyond the floats: it is looked at below
            if given and set(map(type, given)) <= _NUMBERS:  # most long lists; ten times as fast
                return depth < DIMENSIONS and all(map(isfinite, filter(None, given)))
        return (
            bool(given)
            and depth < DIMENSIONS
            and all(_is_value(item, check, depth + 1) for item in checked(given, check))
        )
    worded = text(given)
    return given is None or (worded is not None and is_unicode(worded))


def _fields(value: Any, name: str, check: Check) -> NamedFields:
    return parse_fields(value, name, check)


def _recipe(value: Any, _name: str, _check: Check) -> str:
    folded = value.strip().lower() if isinstance(value, str) else ""
    if folded not in _RECIPE_NAMES:
        raise MisfitError(value)
    return folded


_RECIPE_NAMES = [recipe.name for recipe in RECIPES] + [AUTO, NONE]


def _layout(value: Any, _name: str, _check: Check) -> str:
    folded = value.strip().lower() if isinstance(value, str) else ""
    if folded not in (CONTRACT, FLAT):
        raise MisfitError(value)
    return folded


def _sample_count(value: Any, name: str, _check: Check) -> int:
    count = _positive(value, name, _check)
    if count > SAMPLES:
        raise MisfitError(value)
    return count


def _positive(value: Any, _name: str, _check: Check) -> int:
    if isinstance(value, str) and value.strip().isdecimal() and len(value.strip()) <= 18:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise MisfitError(value)
    return value


def _truth(value: Any, _name: str, _check: Check) -> bool:
    if isinstance(value, str):
        value = _TRUTHS.get(value.strip().lower(), value)
    if not isinstance(value, bool):
        raise MisfitError(value)
    return value


_A_TEXT = "a text of valid Unicode"
_AN_OBJECT = "a JSON object"
_A_NUMBER_OF = "a whole number of 1 or more"

SETTINGS: Tuple[Setting, ...] = (
    Setting(
        "CONTENT_TYPES",
        "content_types",
        _content_types,
        "a comma-separated text or a list of supported content types",
        "the content types, one payload file each",
        "application/json",
    ),
    Setting(
        "RECIPE",
        "recipe",
        _recipe,
        f"one of {', '.join(_RECIPE_NAMES)}",
        "a family's name, or auto: the content types and defaults that its own server reads",
    ),
    Setting(
        "FIELDS",
        "fields",
        _fields,
        "names, a number of inputs, or an object name → type",
        "the model's inputs, where nothing in its archive tells them",
    ),
    Setting(
        "DEFAULT_NUMERIC_VALUE",
        "default_numeric_value",
        _number,
        "a finite number",
        "the value of numeric and integer fields",
        "0.0",
    ),
    Setting(
        "DEFAULT_TEXT_VALUE",
        "default_text_value",
        _text,
        _A_TEXT,
        "the value of text fields",
        "DEFAULT_TEXT",
    ),
    Setting(
        "DEFAULT_CATEGORICAL_VALUE",
        "default_categorical_value",
        _text_or_number,
        _A_TEXT,
        "the value of categorical fields; unset: a field's first category, else the text default",
    ),
    Setting(
        "",
        "field_values",
        _values,
        _AN_OBJECT,
        "values of single fields, name → value or list of values",
    ),
    Setting(
        "FIELD_DEFAULTS",
        "",
        _values,
        _AN_OBJECT,
        "values of single fields, name → value; SPECIAL_FIELD_<name> wins over it",
        "{}",
    ),
    Setting(
        "PAYLOAD_LAYOUT",
        "layout",
        _layout,
        f"{CONTRACT} or {FLAT}",
        f"{CONTRACT} (a folder a content type, and metadata.json) or {FLAT} (a file a sample)",
        CONTRACT,
    ),
    Setting(
        "SAMPLE_COUNT",
        "sample_count",
        _sample_count,
        f"a whole number from 1 to {SAMPLES:,}",
        "how many samples",
        "1",
    ),
    Setting(
        "REALISTIC_VALUES",
        "realistic_values",
        _truth,
        "true or false",
        "take values from what training recorded",
        "false",
    ),
    Setting(
        "CONTENT_TEMPLATE",
        "content_template",
        _template,
        _A_TEXT,
        "the JSON body of format=template, with $records or $record",
    ),
    Setting(
        "RECORD_TEMPLATE",
        "record_template",
        _template,
        _A_TEXT,
        "a record of format=template, with $features, $features_kvp or ${field name}",
    ),
    Setting(
        "MAX_HYPERPARAMETERS_BYTES",
        "",
        _positive,
        _A_NUMBER_OF,
        "the most bytes that hyperparameters.json may have",
        str(Limits().hyperparameters_bytes),
        limit="hyperparameters_bytes",
    ),
    Setting(
        "MAX_ARCHIVE_BYTES",
        "",
        _positive,
        _A_NUMBER_OF,
        "the most bytes that the archive may have, decompressed",
        str(Limits().archive_bytes),
        limit="archive_bytes",
    ),
    Setting(
        "MAX_MEMBERS",
        "",
        _positive,
        _A_NUMBER_OF,
        "the most members that the archive may have",
        str(Limits().members),
        limit="members",
    ),
)


def setting_names() -> List[str]:
    """Return the names of all settings in the environment."""
    return [setting.variable for setting in SETTINGS if setting.variable]
