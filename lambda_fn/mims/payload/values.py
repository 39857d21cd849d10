"""The values in a body: whether they fit their fields' types, and which values they stand for."""

from __future__ import annotations

from typing import Any, List, Sequence

from mims.deadline import Check, checked
from mims.fields import BOOLEAN, CATEGORICAL, INTEGER, NUMERIC, Field
from mims.formats.format import Format
from mims.samples import Value
from mims.shapes import folded, has_shape
from mims.values import BOOLEANS, number, text, whole_number


def fits(value: Any, field: Field, content_type: Format, numbers_alone: bool, check: Check) -> bool:
    """Say whether a body's value is of its field's type; a missing value always is.

    With `numbers_alone`, the server takes only numbers, also for text and categories.
    """
    if value is None:
        return True
    if field.shape and not content_type.flat:
        element = field._replace(shape=())
        return has_shape(
            value,
            field.shape,
            check,
            lambda item: fits(item, element, content_type, numbers_alone, check),
        )
    if content_type.typed:
        return _fits_typed(value, field.type, numbers_alone or content_type.own_types)
    if content_type.numbers_alone:  # an integer of any size is one
        return isinstance(value, int) or number(value) is not None
    return _fits_text(value, field.type)


def _fits_typed(value: Any, kind: str, numbers_too: bool) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == NUMERIC:
        return isinstance(value, float)
    if kind == INTEGER:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == BOOLEAN:
        return isinstance(value, bool)
    if kind == CATEGORICAL:
        return isinstance(value, (str, bool)) or is_number
    return isinstance(value, str) or (numbers_too and is_number)


def _fits_text(cell: str, kind: str) -> bool:
    if cell == "":
        return True
    if kind == NUMERIC:
        return number(cell) is not None
    if kind == INTEGER:
        return whole_number(cell) is not None
    if kind == BOOLEAN:
        return cell in BOOLEANS
    return True


def restored(
    rows: List[List[Any]], fields: Sequence[Field], content_type: Format, check: Check
) -> List[List[Value]]:
    """Return the samples' values, restored from those in a body of that content type."""
    if content_type.typed:
        return rows
    return [_restored_row(row, fields, content_type, check) for row in rows]


def _restored_row(
    row: List[Any], fields: Sequence[Field], content_type: Format, check: Check
) -> List[Value]:
    values: List[Value] = []
    at = 0
    for field in checked(fields, check):
        if not field.shape:
            values.append(_restored(row[at], field, content_type))
            at += 1
            continue
        elements = [_restored(item, field, content_type) for item in row[at : at + field.size]]
        at += field.size
        values.append(folded(elements, field.shape))
    return values


def _restored(item: Any, field: Field, content_type: Format) -> Value:
    if content_type.numbers_alone or item is None:
        return bool(item) if field.type == BOOLEAN and item in (0, 1) else item
    if item == "":
        return None
    if field.type == NUMERIC:
        return number(item)
    if field.type == INTEGER:
        return whole_number(item)
    if field.type == BOOLEAN:
        return BOOLEANS[item]
    return item


def same(found: Any, expected: Any, own_types: bool, check: Check) -> bool:
    """Say whether a value is as expected.

    With `own_types`, one of the two bodies states itself which type a value has, and so the other
    may spell it otherwise: 2.0 as 2, true as 1.
    """
    if found == expected:
        return True
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(
            same(one, other, own_types, check)
            for one, other in checked(zip(found, expected), check)
        )
    if not own_types:
        return False
    return (
        text(found) == text(expected) is not None
        or number(found) == number(expected) is not None
        or BOOLEANS.get(text(found) or "") == BOOLEANS.get(text(expected) or "") is not None
    )
