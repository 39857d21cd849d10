"""`application/x-npy`: a matrix of 32-bit floats, format version 1.0.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from ast import literal_eval
from typing import Any, Iterator, List, Optional, Sequence

from mims.deadline import Check
from mims.errors import InvalidSettingsError, shown
from mims.fields import Field
from mims.formats.carrying import as_number
from mims.formats.format import Body, Format, joined
from mims.formats.table import Table
from mims.limits import SAMPLES
from mims.samples import Value

_MAGIC = b"\x93NUMPY\x01\x00"
_ALIGNMENT = 64


def _as_float32(field: Field, value: Value, content_type: str) -> Optional[float]:
    carried = as_number(field, value, content_type)
    if carried is None:
        return None
    try:
        (rounded,) = struct.unpack("<f", struct.pack("<f", carried))
    except (OverflowError, struct.error):
        raise InvalidSettingsError(
            f"The content type {content_type} carries 32-bit floats, but the value of the field "
            f"'{shown(field.name)}' is beyond their range. Give it a smaller one."
        ) from None
    return float(rounded)


def _write(table: Table) -> Iterator[bytes]:
    width = sum(field.size for field in table.fields)
    header = (
        f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({table.count}, {width}), }}"
    ).encode()
    padding = -(len(_MAGIC) + 2 + len(header) + 1) % _ALIGNMENT
    header += b" " * padding + b"\n"
    head = _MAGIC + struct.pack("<H", len(header)) + header
    return joined(head, map(_float32s, table.rows()), b"", b"")


def _float32s(row: List[Any]) -> bytes:
    floats = array("f", [math.nan if value is None else value for value in row])
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tobytes()


def _read(body: bytes, _fields: Optional[Sequence[Field]], check: Check) -> Body:
    if not body.startswith(_MAGIC):
        raise ValueError("it does not begin as an npy file of version 1.0")
    start = len(_MAGIC) + 2
    end = start + struct.unpack("<H", body[start - 2 : start])[0]
    header = literal_eval(body[start:end].decode("latin-1").strip())
    if header["descr"] != "<f4" or header["fortran_order"]:
        raise ValueError("it is not a row-wise matrix of 32-bit floats")
    count, width = header["shape"]
    floats = array("f", body[end:])
    if sys.byteorder == "big":
        floats.byteswap()
    if width < 1 or not 1 <= count <= SAMPLES or len(floats) != count * width:
        raise ValueError(f"its numbers do not fill its shape, of at most {SAMPLES:,} rows")
    rows: List[List[Optional[float]]] = []
    for row in range(count):
        check()
        values = floats[row * width : (row + 1) * width]
        rows.append([None if math.isnan(value) else value for value in values])
    return Body(None, rows)


FORMATS = (
    Format(
        "application/x-npy",
        ".npy",
        _write,
        _read,
        carry=_as_float32,
        flat=True,
        holds_names=False,
        numbers_alone=True,
        binary=True,
    ),
)
