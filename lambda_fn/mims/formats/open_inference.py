"""`application/json; format=v2`: the Open Inference Protocol of Triton, KServe and MLServer.

https://github.com/kserve/open-inference-protocol (specification/protocol/inference_rest.md)
"""

from __future__ import annotations

import math
import struct
from itertools import chain
from typing import Any, Iterator, List, Optional, Sequence, Union

from mims.deadline import Check
from mims.errors import InvalidSettingsError, shown
from mims.fields import BOOLEAN, CATEGORICAL, INTEGER, NUMERIC, Field, list_count
from mims.formats.carrying import as_number, missing_value
from mims.formats.format import Body, Format
from mims.formats.json_rows import flat_pieces
from mims.formats.json_text import dumps, loads
from mims.formats.table import Table
from mims.limits import LISTS, SAMPLES
from mims.samples import Value
from mims.shapes import elements, folded
from mims.values import text

_BYTES = "BYTES"
_DATATYPE_OF = {NUMERIC: "FP64", INTEGER: "INT64", BOOLEAN: "BOOL"}
# Each datatype of floats, and the code that packs its range (BF16 has that of FP32).
_FLOATS = {"FP16": "<e", "FP32": "<f", "FP64": "<d", "BF16": "<f"}
_BITS = (8, 16, 32, 64)
# Each datatype of integers, and the range of its values.
_INTEGERS = {
    **{f"INT{bits}": range(-(2 ** (bits - 1)), 2 ** (bits - 1)) for bits in _BITS},
    **{f"UINT{bits}": range(2**bits) for bits in _BITS},
}


def _datatype(field: Field) -> str:
    """Return the datatype that the model gives, else the widest for the field's type."""
    if field.datatype:
        return field.datatype
    if field.type == CATEGORICAL and field.categories:
        if all(isinstance(category, bool) for category in field.categories):
            return "BOOL"
        if all(isinstance(category, int) for category in field.categories):
            return "INT64"
        if all(isinstance(category, (int, float)) for category in field.categories):
            return "FP64"
    return _DATATYPE_OF.get(field.type, _BYTES)


def _as_datatype(field: Field, value: Value, content_type: str) -> Value:
    if value is None:
        raise missing_value(field, content_type)
    datatype = _datatype(field)
    if datatype == _BYTES:
        return text(value)
    number = as_number(field, value, content_type)
    assert number is not None
    if datatype == "BOOL" and number in (0, 1):
        return bool(number)
    whole = int(number)
    if number == whole and whole in _INTEGERS.get(datatype, ()):
        return whole
    if not _fits_float(number, datatype):
        raise InvalidSettingsError(
            f"The content type {content_type} carries the field '{shown(field.name)}' as "
            f"{datatype}, which its value does not fit. Give it another value."
        )
    return float(number)


def _fits_float(number: Union[int, float], datatype: str) -> bool:
    try:
        struct.pack(_FLOATS[datatype], number)
    except (KeyError, OverflowError, struct.error):
        return False
    return True


def _write(table: Table) -> Iterator[bytes]:
    head = b'{"inputs": ['
    for index, field in enumerate(table.fields):
        shape = dumps([table.count, *field.shape])
        yield head + b'{"name": %s, "shape": %s, "datatype": "%s", "data": ' % (
            dumps(field.name),
            shape,
            _datatype(field).encode(),
        )
        yield from flat_pieces(chain.from_iterable(map(elements, table.column(index))))
        yield b"}"
        head = b", "
    yield b"]}"


def _read(body: bytes, _fields: Optional[Sequence[Field]], check: Check) -> Body:
    parsed = loads(body)
    if list(parsed) != ["inputs"] or not isinstance(parsed["inputs"], list):
        raise ValueError("the body is not an object of inputs alone")
    names: List[str] = []
    columns: List[List[Any]] = []
    lists = 0
    for tensor in parsed["inputs"]:
        check()
        if set(tensor) != {"name", "shape", "datatype", "data"}:
            raise ValueError("an input does not have name, shape, datatype and data")
        count, *shape = tensor["shape"]
        if not all(type(length) is int and length > 0 for length in (count, *shape)):
            raise ValueError("a shape is not a list of whole numbers")
        lists += list_count([count, *shape])
        if count > SAMPLES or lists > LISTS:
            raise ValueError(f"it has more than {SAMPLES:,} samples, or {LISTS:,} nested lists")
        values = tensor["data"]
        if not isinstance(values, list) or len(values) != count * math.prod(shape):
            raise ValueError("the data of an input do not fill its shape")
        names.append(tensor["name"])
        columns.append(folded(values, [count, *shape]))
    if len({len(column) for column in columns}) > 1:
        raise ValueError("its inputs have different numbers of samples")
    rows = []
    for row in zip(*columns):
        check()
        rows.append(list(row))
    return Body(names, rows)


FORMATS = (
    Format(
        "application/json",
        ".json",
        _write,
        _read,
        ("format", "v2"),
        is_default=False,
        carry=_as_datatype,
        typed=True,
        own_types=True,
    ),
)
