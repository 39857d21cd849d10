"""Samples: records with a value for each field, and where the values came from."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import Any, Iterator, List, Sequence, Tuple

from mims.fields import Field

SPECIAL_FIELD, FIELD_DEFAULT, FIELD_INFO = "special_field", "field_default", "field_info"
TRAINING, DEFAULT = "training", "default"
VALUE_SOURCES = (SPECIAL_FIELD, FIELD_DEFAULT, FIELD_INFO, TRAINING, DEFAULT)

# A number, boolean or string; `None` for a missing value; nested lists for a field with a shape.
Value = Any


@dataclass(frozen=True)
class Samples:
    """`count` records with a value for each field.

    `values` holds, for each field, the values that the samples go through in turn, so a million
    equal values are held once; `sources` says where they came from.
    """

    fields: Tuple[Field, ...]
    values: Tuple[Tuple[Value, ...], ...]
    sources: Tuple[str, ...]
    count: int
    warnings: Tuple[str, ...] = ()

    @property
    def names(self) -> List[str]:
        return [field.name for field in self.fields]

    def rows(self) -> Iterator[List[Value]]:
        """Yield each sample's values in the order of the fields."""
        return rows(self.values, self.count)

    def one(self, index: int) -> Samples:
        """Return the sample of that index alone."""
        values = tuple((values[index % len(values)],) for values in self.values)
        return Samples(self.fields, values, self.sources, 1)

    def value_count(self) -> int:
        """Return how many values all samples have together, counting the elements of shapes."""
        return self.count * sum(field.size for field in self.fields)

    def list_count(self) -> int:
        """Return how many lists, counting nested ones, all samples together consist of."""
        return self.count * sum(field.list_count for field in self.fields)

    def fewest_bytes(self) -> int:
        """Return the fewest bytes that the values of all samples can take in any text format."""
        total = 0
        for field, values in zip(self.fields, self.values):
            rounds, rest = divmod(self.count, len(values))
            sizes = [_fewest_bytes(value, field) for value in values]
            total += rounds * sum(sizes) + sum(sizes[:rest])
        return total


def rows(values: Sequence[Sequence[Value]], count: int) -> Iterator[List[Value]]:
    """Yield `count` rows; each column goes through its values in turn.

    Most columns have one value, so a row is a copy of the one before with few changes.
    """
    row = [column[0] for column in values]
    changing = [(place, cycle(column)) for place, column in enumerate(values) if len(column) > 1]
    for _ in range(count):
        for place, column in changing:
            row[place] = next(column)
        yield row.copy()


def _fewest_bytes(value: Value, field: Field) -> int:
    if isinstance(value, list):
        return field.size
    return len(value) if isinstance(value, str) else 1
