"""A value that a field is given → the values that its samples carry, as its type has them."""

from __future__ import annotations

from collections import deque
from functools import partial
from itertools import islice
from typing import Any, Callable, Dict, NamedTuple, NoReturn, Optional, Sequence, Tuple

from mims.deadline import Check, checked
from mims.errors import InvalidHyperparametersError, InvalidSettingsError, PayloadError, shown
from mims.fields import BOOLEAN, CATEGORICAL, INTEGER, NUMERIC, Field
from mims.inputs.hyperparameters import decode
from mims.limits import SAMPLES
from mims.samples import FIELD_DEFAULT, FIELD_INFO, SPECIAL_FIELD, Value
from mims.setting_layers import PAYLOAD_SETTINGS
from mims.values import TRUTHS, is_unicode, number, text, whole_number


class GivenValue(NamedTuple):
    """A value that a field is given, its source, and the place where it can be corrected."""

    value: Any
    source: str
    origin: str


def typed_values(field: Field, given: GivenValue, count: int, check: Check) -> Tuple[Value, ...]:
    """Return the values, which `count` samples go through in turn, as the field's type has them."""
    value = given.value
    if isinstance(value, str) and field.shape:
        value = decode(value, check)  # a variable holds a text: a list in it is JSON
    as_typed = partial(_element, field, given, Categories(field))
    if not isinstance(value, list):
        return (of_shape(field.shape, as_typed(value)),)
    if not value:
        _misfit(field, given, value, "an empty list")
    if not field.shape:
        # Every value is judged, and no more are held than samples show.
        typed = map(as_typed, checked(value, check))
        shown_ones = tuple(islice(typed, count))
        deque(typed, maxlen=0)
        return shown_ones
    if _has_shape(value, field.shape, check):
        return (_nested(value, as_typed, check),)
    if all(_has_shape(item, field.shape, check) for item in value):
        return tuple(_nested(item, as_typed, check) for item in value)
    wanted = " × ".join(map(str, field.shape))
    return _misfit(field, given, value, f"not of the field's shape ({wanted})")


def of_shape(shape: Sequence[int], value: Value) -> Value:
    """Return nested lists of that shape, every element of which is the value."""
    for length in reversed(shape):
        value = [value] * length
    return value


def is_numeric(value: Value) -> bool:
    if isinstance(value, list):
        return all(map(is_numeric, value))
    return value is None or number(value) is not None


def _has_shape(value: Any, shape: Sequence[int], check: Check) -> bool:
    if not shape:
        return not isinstance(value, list)
    return (
        isinstance(value, list)
        and len(value) == shape[0]
        and all(_has_shape(item, shape[1:], check) for item in checked(value, check))
    )


def _nested(value: Any, as_typed: Callable[[Any], Value], check: Check) -> Value:
    if isinstance(value, list):
        return [_nested(item, as_typed, check) for item in checked(value, check)]
    return as_typed(value)


class Categories:
    """The categories of a field, looked up by text: they may be half a million."""

    def __init__(self, field: Field) -> None:
        self._texts = {category for category in field.categories if isinstance(category, str)}
        self._spelled: Dict[Optional[str], Value] = {}
        for category in field.categories[:SAMPLES]:
            if not isinstance(category, str):
                self._spelled.setdefault(text(category), category)

    def given(self, item: Any) -> Value:
        """Return a category as given; a text that spells one of the field's is that one."""
        if not isinstance(item, str) or item in self._texts:
            return item
        return self._spelled.get(item, item)


def _element(field: Field, given: GivenValue, categories: Categories, item: Any) -> Value:
    """Return one value as the field's type has it."""
    if item is None:
        if given.source in (SPECIAL_FIELD, FIELD_DEFAULT, FIELD_INFO):
            return None
        return _misfit(field, given, item, "missing")
    value: Value
    wanted = "a text or a number"
    if field.type == NUMERIC:
        value, wanted = number(item), "a finite number"
    elif field.type == INTEGER:
        value, wanted = whole_number(item), "a whole number"
    elif field.type == BOOLEAN:
        value, wanted = _truth(item), "true, false, 1 or 0"
    elif field.type == CATEGORICAL:
        value = categories.given(item) if text(item) is not None else None
    else:
        value = text(item)
    if value is None:
        return _misfit(field, given, item, f"not {wanted}")
    if isinstance(value, str) and not is_unicode(value):
        return _misfit(field, given, item, "not valid Unicode (half of a surrogate pair)")
    return value


def _truth(item: Any) -> Optional[bool]:
    if isinstance(item, str):
        return TRUTHS.get(item.strip().lower())
    return bool(item) if item in (0, 1) else None


def _misfit(field: Field, given: GivenValue, item: Any, what: str) -> NoReturn:
    fault = f"The {field.type} field '{shown(field.name)}' is given a value that is {what}"
    error: PayloadError
    if given.source in (SPECIAL_FIELD, FIELD_DEFAULT) and given.origin != PAYLOAD_SETTINGS:
        error = InvalidSettingsError(f"{fault}: '{shown(item)}'. Correct it in {given.origin}.")
    else:  # a hyperparameter's value is never named
        origin = "payload_settings.field_values" if given.source == SPECIAL_FIELD else given.origin
        error = InvalidHyperparametersError(
            f"{fault}. Correct it in {origin} of the hyperparameters."
        )
    raise error
