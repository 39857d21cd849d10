"""The rows of a table as JSON, each in pieces: between two of them the deadline is looked at.

A row of few values, as most are, is one piece.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import Any, Iterable, Iterator, Sequence, Tuple

from mims.fields import Field
from mims.formats.json_text import dumps
from mims.formats.table import Table
from mims.shapes import element_count

VALUES_A_PIECE = 1024


def records(table: Table) -> Iterator[Iterable[bytes]]:
    """Yield each sample as an object, name → value."""
    names = table.names
    if row_size(table.fields) > VALUES_A_PIECE:
        return (object_pieces(names, row) for row in table.rows())
    return zip(dumps(dict(zip(names, row))) for row in table.rows())


def vectors(table: Table) -> Iterator[Iterable[bytes]]:
    """Yield each sample as an object of features alone, a list of its values."""
    return (chain((b'{"features": ',), row, (b"}",)) for row in lists(table))


def lists(table: Table) -> Iterator[Iterable[bytes]]:
    """Yield each sample as a list of its values."""
    return _each_in_pieces(table.rows(), row_size(table.fields))


def column(table: Table, index: int) -> Iterator[Iterable[bytes]]:
    """Yield the values of the field of that index, sample by sample."""
    return _each_in_pieces(table.column(index), table.fields[index].size)


def row_size(fields: Sequence[Field]) -> int:
    """Return how many values a row over the fields has, those within shapes counted."""
    return sum(field.size for field in fields)


def _each_in_pieces(values: Iterable[Any], size: int) -> Iterator[Iterable[bytes]]:
    if size > VALUES_A_PIECE:
        return map(pieces, values)
    return zip(map(dumps, values))


def pieces(value: Any) -> Iterator[bytes]:
    """Yield what `dumps` returns in pieces of about a thousand values.

    A list in it is of lists that are all of one shape, or of strings, numbers and booleans.
    """
    if not isinstance(value, list):
        yield dumps(value)
        return
    head = b"["
    for start, end in _parts(value):
        if element_count(value[start]) > VALUES_A_PIECE:
            yield head
            yield from pieces(value[start])
        else:
            yield head + dumps(value[start:end])[1:-1]
        head = b", "
    yield b"]"


def flat_pieces(values: Iterable[Any]) -> Iterator[bytes]:
    """Yield a list of strings, numbers and booleans, which come one by one, as `pieces` does."""
    each = iter(values)
    head = b"["
    while True:
        part = list(islice(each, VALUES_A_PIECE))
        if not part:
            break
        yield head + dumps(part)[1:-1]
        head = b", "
    yield b"]"


def object_pieces(names: Sequence[str], values: Sequence[Any]) -> Iterator[bytes]:
    """Yield the object of these names and values as `pieces` yields a list."""
    head = b"{"
    for start, end in _parts(values):
        if element_count(values[start]) > VALUES_A_PIECE:
            yield head + dumps(names[start]) + b": "
            yield from pieces(values[start])
        else:
            yield head + dumps(dict(zip(names[start:end], values[start:end])))[1:-1]
        head = b", "
    yield b"}"


def _parts(values: Sequence[Any]) -> Iterator[Tuple[int, int]]:
    """Yield the beginning and end of each part that is written at once, or is one large list."""
    for start in range(0, len(values), VALUES_A_PIECE):
        end = min(start + VALUES_A_PIECE, len(values))
        part = values[start:end]
        largest = max(map(element_count, part)) if list in set(map(type, part)) else 1
        step = max(1, VALUES_A_PIECE // largest)
        for at in range(start, end, step):
            yield at, min(at + step, end)
