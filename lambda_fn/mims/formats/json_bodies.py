"""`application/json`: a table of the shapes in which servers take records."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence

from mims.deadline import Check, checked
from mims.errors import shown
from mims.fields import Field
from mims.formats.format import Body, Format, joined_pieces
from mims.formats.json_rows import (
    column,
    flat_pieces,
    lists,
    pieces,
    records,
    vectors,
)
from mims.formats.json_text import dumps, loads
from mims.formats.table import Table
from mims.limits import SAMPLES

_Fields = Optional[Sequence[Field]]


class _Shape(NamedTuple):
    """How records are arranged in JSON: what writes it, and what reads it once it is parsed."""

    write: Callable[[Table], Iterator[bytes]]
    read: Callable[[Any, _Fields, Check], Body]
    holds_names: bool = True
    one_sample: bool = False
    one_field: bool = False


def _lists(table: Table) -> Iterator[Iterable[bytes]]:
    """Yield a list of values a sample; of a single field with a shape, its nested value alone."""
    return column(table, 0) if _is_one_shaped(table.fields) else lists(table)


def _is_one_shaped(fields: _Fields) -> bool:
    return fields is not None and len(fields) == 1 and bool(fields[0].shape)


def read_records(records: Any, check: Check) -> Body:
    """Return the body whose records are flat objects with the same names in the same order."""
    names = list(records[0].keys())
    if not isinstance(records, list) or len(records) > SAMPLES:
        raise ValueError(f"it is not a list of at most {SAMPLES:,} records")
    rows: List[List[Any]] = []
    for record in records:
        check()
        if list(record.keys()) != names:
            raise ValueError("its records have different names")
        rows.append(list(record.values()))
    return Body(names, rows)


def _read_lists(rows: Any, fields: _Fields, check: Check) -> Body:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in checked(rows, check)):
        raise ValueError("its samples are not lists of values")
    if _is_one_shaped(fields):
        return Body(None, [[value] for value in rows])
    return Body(None, rows)


def _only(parsed: Any, key: str) -> Any:
    """Return the value of the only key of an object."""
    (found,) = parsed
    if not isinstance(parsed, dict) or found != key:
        raise ValueError(f"the body has {shown(found)}, not {key}")
    return parsed[key]


def _under(key: str, rows: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    return joined_pieces(b'{"%s": [' % key.encode(), rows, b", ", b"]}")


def _write_features(table: Table) -> Iterator[bytes]:
    return _under("instances", vectors(table))


def _read_features(parsed: Any, _fields: _Fields, check: Check) -> Body:
    vectors = checked(_only(parsed, "instances"), check)
    return Body(None, [_only(vector, "features") for vector in vectors])


def _write_split(table: Table) -> Iterator[bytes]:
    yield b'{"columns": '
    yield from pieces(table.names)
    yield from joined_pieces(b', "data": [', lists(table), b", ", b"]}")


def _read_split(parsed: Any, _fields: _Fields, _check: Check) -> Body:
    if set(parsed) != {"columns", "data"}:
        raise ValueError("the body is not an object of columns and data")
    return Body(parsed["columns"], parsed["data"])


def _write_dataframe_split(table: Table) -> Iterator[bytes]:
    yield b'{"dataframe_split": '
    yield from _write_split(table)
    yield b"}"


def _write_columns(table: Table) -> Iterator[bytes]:
    head = b'{"inputs": {'
    for index, name in enumerate(table.names):
        yield head + dumps(name) + b": "
        if table.fields[index].shape:
            yield from joined_pieces(b"[", column(table, index), b", ", b"]")
        else:
            yield from flat_pieces(table.column(index))
        head = b", "
    yield b"}}"


def _read_columns(parsed: Any, _fields: _Fields, check: Check) -> Body:
    columns = _only(parsed, "inputs")
    values = list(columns.values())
    if any(not isinstance(column, list) or len(column) != len(values[0]) for column in values):
        raise ValueError("its columns are not equally long")
    if values and len(values[0]) > SAMPLES:
        raise ValueError(f"it has more than {SAMPLES:,} samples")
    rows = []
    for row in zip(*values):
        check()
        rows.append(list(row))
    return Body(list(columns), rows)


def _write_tensor(table: Table) -> Iterator[bytes]:
    return _under("inputs", column(table, 0))


def _read_tensor(parsed: Any, _fields: _Fields, check: Check) -> Body:
    values = _only(parsed, "inputs")
    if not isinstance(values, list) or not values:
        raise ValueError("its inputs are not a list")
    return Body(None, [[value] for value in checked(values, check)])


def _write_task(table: Table) -> Iterator[bytes]:
    samples = column(table, 0) if len(table.fields) == 1 else records(table)
    if table.count == 1:
        return joined_pieces(b'{"inputs": ', samples, b"", b"}")
    return _under("inputs", samples)


def _read_task(parsed: Any, fields: _Fields, check: Check) -> Body:
    inputs = _only(parsed, "inputs")
    if isinstance(inputs, dict):
        return read_records([inputs], check)
    if fields is None:  # a file of one sample, of an unknown model
        return Body(None, [[inputs]])
    if len(fields) > 1:
        return read_records(inputs, check)
    if isinstance(inputs, list) and _depth(inputs) > len(fields[0].shape):
        return Body(None, [[value] for value in checked(inputs, check)])
    return Body(None, [[inputs]])


def _depth(value: Any) -> int:
    depth = 0
    while isinstance(value, list):
        depth += 1
        value = value[0] if value else None
    return depth


_SHAPES: Dict[str, _Shape] = {
    # The most specific first: only its body shows what a file of the flat layout is.
    "features": _Shape(_write_features, _read_features, holds_names=False),
    "instances": _Shape(
        lambda table: _under("instances", records(table)),
        lambda parsed, _, check: read_records(_only(parsed, "instances"), check),
    ),
    "rows": _Shape(
        lambda table: _under("instances", _lists(table)),
        lambda parsed, fields, check: _read_lists(_only(parsed, "instances"), fields, check),
        holds_names=False,
    ),
    "inputs": _Shape(_write_columns, _read_columns),
    "tensor": _Shape(_write_tensor, _read_tensor, holds_names=False, one_field=True),
    "task": _Shape(_write_task, _read_task),
    "dataframe_records": _Shape(
        lambda table: _under("dataframe_records", records(table)),
        lambda parsed, _, check: read_records(_only(parsed, "dataframe_records"), check),
    ),
    "dataframe_split": _Shape(
        _write_dataframe_split,
        lambda parsed, fields, check: _read_split(_only(parsed, "dataframe_split"), fields, check),
    ),
    "split": _Shape(_write_split, _read_split),
    "records": _Shape(
        lambda table: joined_pieces(b"[", records(table), b", ", b"]"),
        lambda parsed, _, check: read_records(parsed, check),
    ),
    "lists": _Shape(
        lambda table: joined_pieces(b"[", _lists(table), b", ", b"]"),
        _read_lists,
        holds_names=False,
    ),
    "record": _Shape(
        lambda table: joined_pieces(b"", records(table), b"", b""),
        lambda parsed, _, check: read_records([parsed], check),
        one_sample=True,
    ),
}


def _format(name: str, shape: _Shape) -> Format:
    def read(body: bytes, fields: _Fields, check: Check) -> Body:
        parsed = loads(body)
        check()
        return shape.read(parsed, fields, check)

    return Format(
        "application/json",
        ".json",
        shape.write,
        read,
        ("format", name),
        is_default=name == "instances",
        holds_names=shape.holds_names,
        one_sample=shape.one_sample,
        one_field=shape.one_field,
        typed=True,
    )


FORMATS = tuple(_format(name, shape) for name, shape in _SHAPES.items())
