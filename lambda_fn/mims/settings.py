"""Environment and request → settings.

A request's settings win over the environment, which wins over the defaults. Everything that can be
judged without the model is judged here, before anything is read.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Dict, Mapping, NoReturn, Tuple

from mims.errors import InvalidSettingsError, shown
from mims.formats.content_types import ContentType, parse_content_types
from mims.limits import SAMPLES, Limits
from mims.values import is_unicode, number, text

CONTRACT, FLAT = "contract", "flat"
_SPECIAL_FIELD = "SPECIAL_FIELD_"
_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_LIMITS = {
    "MAX_HYPERPARAMETERS_BYTES": "hyperparameters_bytes",
    "MAX_ARCHIVE_BYTES": "archive_bytes",
    "MAX_MEMBERS": "members",
}


@dataclass(frozen=True)
class Settings:
    """How payloads are made.

    `special_fields` holds the environment's `SPECIAL_FIELD_<name>`, name → value; `field_values`
    the request's values and `field_defaults` those of `FIELD_DEFAULTS`, field name → value or list
    of values.
    """

    content_types: Tuple[ContentType, ...] = (ContentType("application/json"),)
    default_numeric_value: float = 0.0
    default_text_value: str = "DEFAULT_TEXT"
    default_categorical_value: str = "DEFAULT_TEXT"
    special_fields: Mapping[str, str] = field(default_factory=dict)
    field_values: Mapping[str, Any] = field(default_factory=dict)
    field_defaults: Mapping[str, Any] = field(default_factory=dict)
    layout: str = CONTRACT
    sample_count: int = 1
    realistic_values: bool = False
    limits: Limits = field(default_factory=Limits)

    def sha256(self, version: str) -> str:
        """Return a digest of all that shapes a payload, the generator's `version` included."""
        shaping = asdict(self)
        del shaping["limits"]
        canonical = json.dumps([version, shaping], sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()


def read_settings(environment: Mapping[str, str], request: Any = None) -> Settings:
    """Return the settings that the environment's variables and a request's `settings` make.

    Raises
    ------
    InvalidSettingsError
        A value is no good, or a request's key is unknown; the message names setting and value.
    """
    requested = _requested(request)
    chosen: Dict[str, Any] = {}
    for key, (variable, read) in _SETTINGS.items():
        if requested.get(key) is not None:
            chosen[key] = read(requested[key], key)
        elif variable and environment.get(variable):
            chosen[key] = read(environment[variable], variable)
    # A categorical field without a default of its own takes that of text.
    if "default_text_value" in chosen:
        chosen.setdefault("default_categorical_value", chosen["default_text_value"])
    special_fields = {
        name[len(_SPECIAL_FIELD) :]: value
        for name, value in environment.items()
        if name.startswith(_SPECIAL_FIELD) and name != _SPECIAL_FIELD
    }
    limits = {
        attribute: _positive(environment[variable], variable)
        for variable, attribute in _LIMITS.items()
        if environment.get(variable)
    }
    settings = Settings(special_fields=special_fields, limits=Limits(**limits), **chosen)
    _check_layout(settings)
    return settings


def _requested(request: Any) -> Mapping[str, Any]:
    if request is None:
        return {}
    if not isinstance(request, dict):
        _bad("settings", request, "an object")
    known = [key for key in _SETTINGS if key != "field_defaults"]
    for key in request:
        if key not in known:
            raise InvalidSettingsError(
                f"settings holds the unknown key '{shown(key)}'. Known are: {', '.join(known)}."
            )
    return request


def _check_layout(settings: Settings) -> None:
    if settings.layout == FLAT and len(settings.content_types) > 1:
        raise InvalidSettingsError(
            f"The layout flat takes one content type, not {len(settings.content_types)} "
            f"({', '.join(map(str, settings.content_types))}): every file of the archive is sent "
            "as a request. Name one, or use the layout contract."
        )
    if settings.layout == CONTRACT and settings.sample_count > 1:
        for content_type in settings.content_types:
            if ("format", "record") in content_type.parameters:
                raise InvalidSettingsError(
                    f"The content type {content_type} holds one sample, but SAMPLE_COUNT "
                    f"(sample_count) is {settings.sample_count}. Use format=records, the layout "
                    "flat, or one sample."
                )


def _content_types(value: Any, setting: str) -> Tuple[ContentType, ...]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = ",".join(value)
    if not isinstance(value, str):
        _bad(setting, value, "a comma-separated text or a list of texts")
    return parse_content_types(value, setting)


def _number(value: Any, setting: str) -> float:
    converted = None if isinstance(value, bool) else number(value)
    if converted is None:
        _bad(setting, value, "a finite number")
    return converted


def _text(value: Any, setting: str) -> str:
    converted = None if isinstance(value, bool) else text(value)
    if converted is None or not is_unicode(converted):
        _bad(setting, value, "a text of valid Unicode")
    return converted


def _values(value: Any, setting: str) -> Mapping[str, Any]:
    parsed = value
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            _bad(setting, value, "a JSON object")
    if not isinstance(parsed, dict):
        _bad(setting, value, "a JSON object")
    for name, given in parsed.items():
        items = given if isinstance(given, list) else [given]
        if not items or not all(_is_value(item) for item in items):
            _bad(f"{setting}: '{shown(name)}'", given, "a text, a finite number, or a list of them")
    return parsed


def _is_value(item: Any) -> bool:
    worded = text(item)
    return worded is not None and is_unicode(worded)


def _layout(value: Any, setting: str) -> str:
    if not isinstance(value, str) or value.strip().lower() not in (CONTRACT, FLAT):
        _bad(setting, value, f"{CONTRACT} or {FLAT}")
    return value.strip().lower()


def _sample_count(value: Any, setting: str) -> int:
    count = _positive(value, setting)
    if count > SAMPLES:
        _bad(setting, value, f"a whole number from 1 to {SAMPLES:,}")
    return count


def _positive(value: Any, setting: str) -> int:
    if isinstance(value, str) and value.strip().isdecimal() and len(value.strip()) <= 18:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        _bad(setting, value, "a whole number of 1 or more")
    return value


def _truth(value: Any, setting: str) -> bool:
    if isinstance(value, str):
        value = _TRUTHS.get(value.strip().lower(), value)
    if not isinstance(value, bool):
        _bad(setting, value, "true or false")
    return value


def _bad(setting: str, value: Any, wanted: str) -> NoReturn:
    raise InvalidSettingsError(f"{setting} is '{shown(value)}'; it must be {wanted}.")


# request key → environment variable, and what reads a value of either; FIELD_DEFAULTS belongs to
# the environment alone, the request's field_values to the request.
_SETTINGS: Dict[str, Tuple[str, Callable[[Any, str], Any]]] = {
    "content_types": ("CONTENT_TYPES", _content_types),
    "default_numeric_value": ("DEFAULT_NUMERIC_VALUE", _number),
    "default_text_value": ("DEFAULT_TEXT_VALUE", _text),
    "default_categorical_value": ("DEFAULT_CATEGORICAL_VALUE", _text),
    "field_values": ("", _values),
    "field_defaults": ("FIELD_DEFAULTS", _values),
    "layout": ("PAYLOAD_LAYOUT", _layout),
    "sample_count": ("SAMPLE_COUNT", _sample_count),
    "realistic_values": ("REALISTIC_VALUES", _truth),
}
