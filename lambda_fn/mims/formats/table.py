"""The samples as a body holds them: columns with names, and rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

from mims.deadline import Check, checked, no_deadline
from mims.errors import InvalidSettingsError, shown
from mims.fields import Field
from mims.samples import Samples, Value, rows
from mims.shapes import convert_elements, elements

# Field, value, and the name of the content type for an error → the value as a body holds it.
Carry = Callable[[Field, Value, str], Any]


@dataclass(frozen=True)
class Table:
    """`count` rows; `values` holds, for each field, the values that they go through in turn.

    With `flat`, a field with a shape has a column for each of its elements, and its values are
    lists of them.
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
            The name of an element of a field with a shape is the name of another field.
        """
        if self._is_spread:
            self._check_names()
        return column_names(self.fields, self.flat)

    def _check_names(self) -> None:
        """Refuse a field whose name is that of an element of another field."""
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
    """Return the names of a body's columns; in a flat one, each element of a field has its own."""
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
    samples: Samples, carry: Carry, content_type: str, flat: bool, check: Check = no_deadline
) -> Table:
    """Return the samples as a body of that content type holds them.

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
    field: Field,
    value: Value,
    carry: Carry,
    content_type: str,
    flat: bool,
    check: Check = no_deadline,
) -> Any:
    """Return a field's value as a body holds it; in a flat one, as the list of its elements."""
    if not field.shape:
        return carry(field, value, content_type)
    if flat:
        if value is None:
            return [carry(field, None, content_type)] * field.size
        return list(_carried_elements(field, value, carry, content_type, check))
    return convert_elements(value, lambda element: carry(field, element, content_type))


def _carried_elements(
    field: Field, value: Value, carry: Carry, content_type: str, check: Check
) -> Iterator[Any]:
    """Yield each element as a body holds it; most are alike, and are converted and held once."""
    # 1, 1.0 and true are equal, and so are 0.0 and -0.0; yet each is written in its own way.
    known: Dict[type, Dict[Any, Any]] = {}
    last: Any = known  # not an element
    for element in checked(elements(value), check):
        if element is not last:
            last = element
            of_type = known.setdefault(type(element), {})
            key = element or (repr(element),)
            if key not in of_type:
                of_type[key] = carry(field, element, content_type)
            held = of_type[key]
        yield held
