"""Values of fields with a shape: nested lists, all of one depth, whose elements are single values.

Of a field without a shape the value is its own only element.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, Callable, Iterator, List, Sequence

from mims.deadline import Check, checked, no_deadline


def elements(value: Any) -> Iterator[Any]:
    """Yield the elements of a value, row by row."""
    if not isinstance(value, list):
        yield value
        return
    while value and isinstance(value[0], list):
        value = list(chain.from_iterable(value))
    yield from value


def element_count(value: Any) -> int:
    """Return how many elements a value has."""
    count = 1
    while isinstance(value, list) and value:
        count *= len(value)
        value = value[0]
    return count


def convert_elements(value: Any, convert: Callable[[Any], Any], check: Check = no_deadline) -> Any:
    """Return the value with each of its elements converted."""
    if isinstance(value, list):
        return [convert_elements(item, convert, check) for item in checked(value, check)]
    return convert(value)


def filled(shape: Sequence[int], element: Any) -> Any:
    """Return a value of that shape, each of whose elements is the one given."""
    value = element
    for length in reversed(shape):
        value = [value] * length
    return value


def folded(elements: List[Any], shape: Sequence[int]) -> List[Any]:
    """Return the value of that shape, which is not empty, with these elements, row by row."""
    value = elements
    for length in reversed(shape[1:]):
        value = [value[at : at + length] for at in range(0, len(value), length)]
    return value


def is_single(value: Any) -> bool:
    """Say whether a value is not a list."""
    return not isinstance(value, list)


def has_shape(
    value: Any,
    shape: Sequence[int],
    check: Check,
    is_element: Callable[[Any], bool] = is_single,
) -> bool:
    """Say whether a value has that shape, and elements for which `is_element` is true."""
    if not shape:
        return is_element(value)
    return (
        isinstance(value, list)
        and len(value) == shape[0]
        and all(has_shape(item, shape[1:], check, is_element) for item in checked(value, check))
    )
