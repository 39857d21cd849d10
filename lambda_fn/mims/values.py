"""What a field's value may be: a finite number, or valid Unicode text."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Optional

from mims.limits import INTEGER_DIGITS

# How a string spells a boolean, in lower case.
BOOLEANS = {"true": True, "false": False, "1": True, "0": False}

_INTEGER = re.compile(rf"[-+]?[0-9]{{1,{INTEGER_DIGITS}}}\Z")
# Sign, digits before and after the point, power of ten: never an integer of too many digits.
_DECIMAL = re.compile(r"([-+]?)([0-9]{0,999})\.?([0-9]{0,999})(?:[eE]([-+]?[0-9]{1,3}))?\Z")


def number(value: Any) -> Optional[float]:
    """Return a JSON value, or what a string spells in ASCII, as a finite float; else `None`."""
    if not isinstance(value, (bool, int, float, str)):
        return None
    # Python also reads 1_000 and the digits of other scripts, which no server does.
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        return None
    try:
        converted = float(value)
    except (ValueError, OverflowError):
        return None
    return converted if math.isfinite(converted) else None


def text(value: Any) -> Optional[str]:
    """Return a JSON value as text: a string as it is, a number or boolean as JSON writes it.

    `None` stands for what cannot be written as text: null, an object, a list, a number that is not
    finite, an integer of more digits than Python writes.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    try:
        return json.dumps(value) if isinstance(value, (bool, int, float)) else None
    except ValueError:
        return None


def is_unicode(string: str) -> bool:
    """Say whether a string can be written as UTF-8, that is, without half of a surrogate pair."""
    try:
        string.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def as_unicode(path: str) -> str:
    """Return a path as text that can be written as UTF-8: bytes of another encoding as `\\xff`.

    >>> as_unicode(b"mod\\xe8le".decode("utf-8", "surrogateescape"))
    'mod\\\\xe8le'
    """
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_text(value: object) -> bool:
    """Say whether a value is a string that can be written as UTF-8."""
    return isinstance(value, str) and is_unicode(value)


def integer(digits: str) -> int:
    """Return a JSON integer; `ValueError` for one of more digits than are parsed."""
    if len(digits) > INTEGER_DIGITS:
        raise ValueError(f"an integer of more than {INTEGER_DIGITS:,} digits")
    return int(digits)


def whole_number(value: Any) -> Optional[int]:
    """Return a JSON value, or what a string spells, as an integer; `None` where it is not one.

    No digit of it is lost.
    """
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) and _INTEGER.match(value.strip()):
        return int(value)
    converted = number(value)
    if converted is None or not converted.is_integer():
        return None
    decimal = _DECIMAL.match(value.strip()) if isinstance(value, str) else None
    return int(converted) if decimal is None else _shifted(*decimal.groups(""))


def _shifted(sign: str, whole: str, fraction: str, power: str) -> Optional[int]:
    """Return the integer that a decimal spells; `None` if a fraction is left."""
    digits = whole + fraction
    places = len(fraction) - int(power or 0)
    if places <= 0:
        return int(sign + digits + "0" * -places)
    if digits[-places:].strip("0"):
        return None
    return int(sign + (digits[:-places] or "0"))
