"""The values given for a field → values of its type, or an error saying where to correct them."""

from __future__ import annotations

from collections import deque
from functools import partial
from itertools import islice
from typing import (
    Any,
    Dict,
    Iterable,
    Iterator,
    NamedTuple,
    NoReturn,
    Optional,
    Tuple,
)

from mims.deadline import Check, checked
from mims.errors import InvalidHyperparametersError, InvalidSettingsError, shown
from mims.fields import BOOLEAN, CATEGORICAL, INTEGER, NUMERIC, Field
from mims.inputs.hyperparameters import decode
from mims.limits import SAMPLES
from mims.samples import Value
from mims.shapes import convert_elements, filled, has_shape
from mims.values import BOOLEANS, is_unicode, number, text, whole_number

_WANTED = {
    NUMERIC: "a finite number",
    INTEGER: "a whole number",
    BOOLEAN: "true, false, 1 or 0",
}


class Given(NamedTuple):
    """A value that is given for a field.

    Attributes
    ----------
    source
        One of `VALUE_SOURCES`.
    origin
        The place where it can be corrected.
    is_hyperparameter
        It comes from the model itself, whose values are never shown.
    """

    value: Any
    source: str
    origin: str
    is_hyperparameter: bool = False


def typed_values(field: Field, given: Given, count: int, check: Check) -> Tuple[Value, ...]:
    """Return the values, which `count` samples go through in turn, converted to the field's type.

    Raises
    ------
    InvalidSettingsError, InvalidHyperparametersError
        One does not fit the field.
    """
    value = given.value
    if isinstance(value, str) and field.shape:
        value = decode(value, check)  # a variable is a string: a list in it is JSON
    as_typed = partial(_element, field, given, Categories(field))
    if not isinstance(value, list):
        return (filled(field.shape, as_typed(value)),)
    if not value:
        _misfit(field, given, value, "an empty list")
    if not field.shape:
        # Every value is checked, but only as many are kept as there are samples.
        typed = map(as_typed, checked(value, check))
        kept = tuple(islice(typed, count))
        deque(typed, maxlen=0)
        return kept
    if has_shape(value, field.shape, check):
        return (convert_elements(value, as_typed, check),)
    if all(has_shape(item, field.shape, check) for item in value):
        return tuple(convert_elements(item, as_typed, check) for item in value)
    wanted = " × ".join(map(str, field.shape))
    return _misfit(field, given, value, f"not of the field's shape ({wanted})")


def fitting_values(field: Field, values: Iterable[Any], check: Check) -> Iterator[Any]:
    """Yield the values that are of the field's type and shape."""
    categories = Categories(field)

    def is_of_type(value: Any) -> bool:
        if isinstance(value, list):
            return all(map(is_of_type, checked(value, check)))
        return value is not None and _converted(field, categories, value) is not None

    for value in checked(values, check):
        if has_shape(value, field.shape, check) and is_of_type(value):
            yield value


class Categories:
    """The categories of a field, looked up by their text: there may be half a million."""

    def __init__(self, field: Field) -> None:
        self._texts = {category for category in field.categories if isinstance(category, str)}
        self._spelled: Dict[Optional[str], Value] = {}
        for category in field.categories[:SAMPLES]:
            if not isinstance(category, str):
                self._spelled.setdefault(text(category), category)

    def given(self, item: Any) -> Value:
        """Return a category as given; a string that spells one of the field's becomes that one."""
        if not isinstance(item, str) or item in self._texts:
            return item
        return self._spelled.get(item, item)


def _element(field: Field, given: Given, categories: Categories, item: Any) -> Value:
    """Return one element converted to the field's type."""
    if item is None:
        return None
    value = _converted(field, categories, item)
    if value is None:
        return _misfit(field, given, item, f"not {_WANTED.get(field.type, 'a string or a number')}")
    if isinstance(value, str) and not is_unicode(value):
        return _misfit(field, given, item, "not valid Unicode (half of a surrogate pair)")
    return value


def _converted(field: Field, categories: Categories, item: Any) -> Value:
    """Return an item converted to the field's type; `None` if it does not fit."""
    if field.type == NUMERIC:
        return number(item)
    if field.type == INTEGER:
        return whole_number(item)
    if field.type == BOOLEAN:
        return _boolean(item)
    if field.type == CATEGORICAL:
        return categories.given(item) if text(item) is not None else None
    return text(item)


def _boolean(item: Any) -> Optional[bool]:
    if isinstance(item, str):
        return BOOLEANS.get(item.strip().lower())
    return bool(item) if item in (0, 1) else None


def _misfit(field: Field, given: Given, item: Any, what: str) -> NoReturn:
    fault = f"The {field.type} field '{shown(field.name)}' is given a value that is {what}"
    if given.is_hyperparameter:
        raise InvalidHyperparametersError(f"{fault}. Correct it in {given.origin}.")
    raise InvalidSettingsError(f"{fault}: '{shown(item)}'. Correct it in {given.origin}.")
