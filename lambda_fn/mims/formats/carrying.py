"""How several formats carry a value: as a number, or not at all, with an error."""

from __future__ import annotations

from typing import Union

from mims.errors import InvalidSettingsError, shown
from mims.fields import Field
from mims.samples import Value
from mims.values import number


def as_number(field: Field, value: Value, content_type: str) -> Union[int, float, None]:
    """Carry a value as a number: a boolean as 1 or 0, a string as the number that it spells."""
    if value is None:
        return None
    if isinstance(value, int):  # with every digit; a boolean too
        return int(value)
    converted = number(value)
    if converted is None:
        raise InvalidSettingsError(
            f"The content type {content_type} carries only numbers, but the {field.type} field "
            f"'{shown(field.name)}' has a string as its value. Give it a number, by "
            "DEFAULT_CATEGORICAL_VALUE, DEFAULT_TEXT_VALUE or SPECIAL_FIELD_*, or use another "
            "content type."
        )
    return converted


def missing_value(field: Field, content_type: str) -> InvalidSettingsError:
    """Return the error for a body that has no way to say that a value is missing."""
    return InvalidSettingsError(
        f"The content type {content_type} cannot carry a missing value, but the field "
        f"'{shown(field.name)}' has one (null). Give it a value, or use another content type."
    )
