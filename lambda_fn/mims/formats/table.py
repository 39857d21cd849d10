"""What a body holds of the samples: columns with names, and rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, cycle, islice
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

from mims.deadline import Check, checked, nothing
from mims.errors import InvalidSettingsError, shown
from mims.fields import Field
from mims.samples import Samples, Value, rows

# Field, value, and the content type's name for an error → what a body holds of the value.
Carry = Callable[[Field, Value, str], Any]


@dataclass(frozen=True)
class Table:
    """`count` rows over the fields; `values` holds field by field what the rows go through in turn.

    With `flat`, a field with a shape is as many columns as it has elements, and its values are
    lists of that many.
    """

    fields: Tuple[Field, ...]
    values: Tuple[Tuple[Any, ...], ...]
    count: int
    flat: bool

    @property
    def names(self) -> List[str]:
        """The columns' names.

        Raises
        ------
        InvalidSettingsError
            An element of a field with a shape would have a name that is taken already.
        """
        if self._is_spread:
            self._check_names()
        return column_names(self.fields, self.flat)

    def _check_names(self) -> None:
        """Refuse a field whose name is that of an element of another."""
        sizes = {field.name: field.size for field in self.fields if field.shape}
        for field in self.fields:
            prefix, _, index = field.name.rpartition("_")
            is_index = len(index) < 10 and index.isdecimal() and index == str(int(index))
            if not field.shape and is_index and int(index) < sizes.get(prefix, 0):
                raise InvalidSettingsError(
                    f"The columns of '{shown(prefix)}', a field with a shape, would take the name "
                    f"'{shown(field.name)}', which is taken already. Rename a field, or use a "
                    "content type of JSON."
                )

    def rows(self) -> Iterator[List[Any]]:
        """Yield each sample's values, column by column."""
        each = rows(self.values, self.count)
        return map(self._spread, each) if self._is_spread else each

    def column(self, index: int) -> Iterator[Any]:
        """Yield the values of the field of that index, sample by sample."""
        return islice(cycle(self.values[index]), self.count)

    @property
    def _is_spread(self) -> bool:
        return self.flat and any(field.shape for field in self.fields)

    def _spread(self, row: List[Any]) -> List[Any]:
        spread: List[Any] = []
        for field, value in zip(self.fields, row):
            if field.shape:
                spread.extend(value)
            else:
                spread.append(value)
        return spread


def column_names(fields: Sequence[Field], flat: bool) -> List[str]:
    """Return the names of a body's columns; of a flat one those of a shaped field's elements."""
    names: List[str] = []
    for field in fields:
        if flat and field.shape:
            names.extend(f"{field.name}_{index}" for index in range(field.size))
        else:
            names.append(field.name)
    return names


def as_it_is(_field: Field, value: Value, _content_type: str) -> Value:
    """Carry a value as it is."""
    return value


def tabulate(
    samples: Samples, carry: Carry, content_type: str, flat: bool, check: Check = nothing
) -> Table:
    """Return what a body of that content type holds of the samples.

    Raises
    ------
    InvalidSettingsError
        The body cannot hold a value; the message names the field.
    """
    if carry is as_it_is and not flat:
        return Table(samples.fields, samples.values, samples.count, flat)
    table: List[Tuple[Any, ...]] = []
    for field, values in checked(zip(samples.fields, samples.values), check):
        each = checked(values, check) if len(values) > 1 else values
        table.append(
            tuple(carried(field, value, carry, content_type, flat, check) for value in each)
        )
    return Table(samples.fields, tuple(table), samples.count, flat)


def carried(
    field: Field, value: Value, carry: Carry, content_type: str, flat: bool, check: Check = nothing
) -> Any:
    """Return what a body holds of a field's value; of a flat one the list of its elements."""
    if not field.shape:
        return carry(field, value, content_type)
    if flat:
        if value is None:
            return [carry(field, None, content_type)] * field.size
        return list(_carried_elements(field, value, carry, content_type, check))
    return _nested(field, value, carry, content_type)


def _carried_elements(
    field: Field, value: Value, carry: Carry, content_type: str, check: Check
) -> Iterator[Any]:
    """Yield what a body holds of each element; most are alike, and are carried and held once."""
    # 1, 1.0 and true are equal, and so are 0.0 and -0.0; and yet each is written otherwise.
    known: Dict[type, Dict[Any, Any]] = {}
    last: Any = known  # no element
    for element in checked(elements(value), check):
        if element is not last:
            last = element
            of_type = known.setdefault(type(element), {})
            key = element or (repr(element),)
            if key not in of_type:
                of_type[key] = carry(field, element, content_type)
            held = of_type[key]
        yield held


def _nested(field: Field, value: Value, carry: Carry, content_type: str) -> Any:
    if isinstance(value, list):
        return [_nested(field, item, carry, content_type) for item in value]
    return carry(field, value, content_type)


def elements(value: Value) -> Iterator[Any]:
    """Yield the elements of nested lists of one depth, row by row."""
    if not isinstance(value, list):
        yield value
        return
    while value and isinstance(value[0], list):
        value = list(chain.from_iterable(value))
    yield from value
