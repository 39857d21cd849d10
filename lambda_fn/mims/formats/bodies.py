"""The body of a request, for each media type: written from samples, and read back.

No body ends in a newline: serving containers read a newline inside JSON as NDJSON, and one after
CSV as another record.
"""

from __future__ import annotations

import json
import re
import struct
import sys
from array import array
from ast import literal_eval
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from mims.errors import InvalidSettingsError, shown
from mims.fields import Field
from mims.formats.content_types import ContentType
from mims.samples import Samples, Value
from mims.values import number

# What, beside a comma, needs quotes in a cell (RFC 4180, section 2). The csv module is not used: it
# leaves a carriage return bare on Python 3.8, and its reader refuses NUL there and cells over
# 131,072 characters.
_NEEDS_QUOTES = re.compile('["\r\n]')
_CELL = re.compile('(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\n|\\Z)')
_LIBSVM_PAIR = re.compile(r"([0-9]+):(\S+)\Z")
_NPY_MAGIC = b"\x93NUMPY\x01\x00"
_NPY_ALIGNMENT = 64


class Body(NamedTuple):
    """A body read back: the fields' names, where it has them, and each sample's values."""

    names: Optional[List[str]]
    rows: List[List[Any]]


class Format(NamedTuple):
    """How a media type carries samples.

    `carried` turns a field's value into what the body holds of it (a CSV cell's text, a 32-bit
    float), `write` yields the body of samples with such values in pieces, `read` reads it back and
    raises `ValueError` where it is none.
    """

    carried: Callable[[Field, Value, ContentType], Any]
    write: Callable[[Samples, ContentType], Iterator[bytes]]
    read: Callable[[bytes, ContentType], Body]


def read_body(body: bytes, content_type: ContentType) -> Body:
    """Read a body back; `ValueError` where it is not of that content type."""
    try:
        return FORMATS[content_type.media_type].read(body, content_type)
    except (LookupError, TypeError, AttributeError, RecursionError, SyntaxError, struct.error):
        raise ValueError(f"no body of {content_type}") from None


def _as_it_is(_field: Field, value: Value, _content_type: ContentType) -> Value:
    return value


def _as_number(field: Field, value: Value, content_type: ContentType) -> float:
    converted = number(value)
    if converted is None:
        raise InvalidSettingsError(
            f"The content type {content_type} carries numbers alone, but the {field.type} field "
            f"'{shown(field.name)}' has a text for its value. Give it a number, by "
            "DEFAULT_CATEGORICAL_VALUE, DEFAULT_TEXT_VALUE or SPECIAL_FIELD_*, or use another "
            "content type."
        )
    return converted


def _as_float32(field: Field, value: Value, content_type: ContentType) -> float:
    try:
        (rounded,) = struct.unpack("<f", struct.pack("<f", _as_number(field, value, content_type)))
    except OverflowError:
        raise InvalidSettingsError(
            f"The content type {content_type} carries 32-bit floats, but the value of the field "
            f"'{shown(field.name)}' is beyond their range. Give it a smaller one."
        ) from None
    return float(rounded)


def _as_cell(_field: Field, value: Value, _content_type: ContentType) -> str:
    return value if isinstance(value, str) else repr(value)


def _dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")


def _joined(head: bytes, pieces: Iterable[bytes], separator: bytes, tail: bytes) -> Iterator[bytes]:
    for piece in pieces:
        yield head + piece
        head = separator
    yield tail


def _write_json(samples: Samples, content_type: ContentType) -> Iterator[bytes]:
    names = samples.names
    objects = (_dumps(dict(zip(names, row))) for row in samples.rows())
    shape = content_type.parameter("format")
    if shape == "record":
        return _joined(b"", objects, b"", b"")
    if shape == "records":
        return _joined(b"[", objects, b", ", b"]")
    if shape == "dataframe_split":
        head = b'{"dataframe_split": {"columns": %s, "data": [' % _dumps(names)
        return _joined(head, map(_dumps, samples.rows()), b", ", b"]}}")
    if shape == "inputs":
        columns = (
            b"%s: [%s]" % (_dumps(name), b", ".join(map(_dumps, samples.column(index))))
            for index, name in enumerate(names)
        )
        return _joined(b'{"inputs": {', columns, b", ", b"}}")
    if shape == "features":
        vectors = (_dumps({"features": row}) for row in samples.rows())
        return _joined(b'{"instances": [', vectors, b", ", b"]}")
    return _joined(b'{"%s": [' % shape.encode(), objects, b", ", b"]}")


def _read_json(body: bytes, content_type: ContentType) -> Body:
    parsed = json.loads(body.decode("utf-8"))
    shape = content_type.parameter("format")
    if shape == "record":
        return _objects([parsed])
    if shape == "records":
        return _objects(parsed)
    (key,) = parsed
    if key != ("instances" if shape == "features" else shape):
        raise ValueError(f"the body holds {shown(key)}, not {shape}")
    inner = parsed[key]
    if shape == "dataframe_split":
        return Body(inner["columns"], inner["data"])
    if shape == "inputs":
        columns = list(inner.values())
        if any(len(column) != len(columns[0]) for column in columns):
            raise ValueError("its columns are not equally long")
        return Body(list(inner), [list(row) for row in zip(*columns)])
    if shape == "features":
        return Body(None, [vector["features"] for vector in inner])
    return _objects(inner)


def _objects(records: List[Dict[str, Any]]) -> Body:
    names = list(records[0])
    if any(list(record) != names for record in records):
        raise ValueError("its records have different names")
    return Body(names, [list(record.values()) for record in records])


def _write_jsonlines(samples: Samples, _content_type: ContentType) -> Iterator[bytes]:
    names = samples.names
    return _joined(b"", (_dumps(dict(zip(names, row))) for row in samples.rows()), b"\n", b"")


def _read_jsonlines(body: bytes, _content_type: ContentType) -> Body:
    return _objects([json.loads(line) for line in body.decode("utf-8").split("\n")])


def _write_csv(samples: Samples, content_type: ContentType) -> Iterator[bytes]:
    rows: Iterable[List[Any]] = samples.rows()
    if content_type.parameter("header") == "present":
        rows = (row for part in ([samples.names], rows) for row in part)
    return _joined(b"", map(_csv_row, rows), b"\n", b"")


def _csv_row(cells: List[str]) -> bytes:
    if cells == [""]:
        return b'""'  # an empty line would be no row to a reader
    row = ",".join(cells)
    if _NEEDS_QUOTES.search(row) or row.count(",") >= len(cells):
        row = ",".join(
            '"' + cell.replace('"', '""') + '"'
            if "," in cell or _NEEDS_QUOTES.search(cell)
            else cell
            for cell in cells
        )
    return row.encode("utf-8")


def _read_csv(body: bytes, content_type: ContentType) -> Body:
    text = body.decode("utf-8")
    rows: List[List[Any]] = []
    at = 0
    while at <= len(text):
        end = text.find("\n", at)
        line = text[at:] if end < 0 else text[at:end]
        if _NEEDS_QUOTES.search(line):
            row, end = _read_quoted_row(text, at)
        else:
            row, end = line.split(","), at + len(line)
        rows.append(row)
        at = end + 1
    names = rows.pop(0) if content_type.parameter("header") == "present" else None
    return Body(names, rows)


def _read_quoted_row(text: str, at: int) -> Tuple[List[str], int]:
    """Return the cells of the row that begins there, and where it ends."""
    row: List[str] = []
    separator = ","
    while separator == ",":
        match = _CELL.match(text, at)
        if match is None:
            raise ValueError("a quote is not closed, or out of place")
        quoted, plain, separator = match.groups()
        row.append(plain if quoted is None else quoted.replace('""', '"'))
        at = match.end()
    return row, at - len(separator)


def _write_libsvm(samples: Samples, content_type: ContentType) -> Iterator[bytes]:
    first = int(content_type.parameter("index"))
    lines = (
        " ".join(("0", *(f"{index}:{value!r}" for index, value in enumerate(row, first)))).encode()
        for row in samples.rows()
    )
    return _joined(b"", lines, b"\n", b"")


def _read_libsvm(body: bytes, content_type: ContentType) -> Body:
    first = int(content_type.parameter("index"))
    rows: List[List[Any]] = []
    for line in body.decode("ascii").split("\n"):
        _label, *pairs = line.split(" ")
        matches = [_LIBSVM_PAIR.match(pair) for pair in pairs]
        numbers = [match and int(match.group(1)) for match in matches]
        if numbers != list(range(first, first + len(pairs))):
            raise ValueError(f"its features are not numbered from {first} on")
        rows.append([float(match.group(2)) for match in matches if match])
    return Body(None, rows)


def _write_npy(samples: Samples, _content_type: ContentType) -> Iterator[bytes]:
    """Write a matrix, format version 1.0: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html"""
    header = (
        "{'descr': '<f4', 'fortran_order': False, "
        f"'shape': ({samples.count}, {len(samples.fields)}), }}"
    ).encode()
    padding = -(len(_NPY_MAGIC) + 2 + len(header) + 1) % _NPY_ALIGNMENT
    header += b" " * padding + b"\n"
    head = _NPY_MAGIC + struct.pack("<H", len(header)) + header
    return _joined(head, map(_float32s, samples.rows()), b"", b"")


def _float32s(row: List[Any]) -> bytes:
    floats = array("f", row)
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tobytes()


def _read_npy(body: bytes, _content_type: ContentType) -> Body:
    if not body.startswith(_NPY_MAGIC):
        raise ValueError("it does not begin as an npy file of version 1.0")
    start = len(_NPY_MAGIC) + 2
    end = start + struct.unpack("<H", body[start - 2 : start])[0]
    header = literal_eval(body[start:end].decode("latin-1").strip())
    if header["descr"] != "<f4" or header["fortran_order"]:
        raise ValueError("it is no row-wise matrix of 32-bit floats")
    count, width = header["shape"]
    floats = array("f", body[end:])
    if sys.byteorder == "big":
        floats.byteswap()
    if width < 1 or len(floats) != count * width:
        raise ValueError("its numbers do not fill its shape")
    return Body(None, [floats[row * width : (row + 1) * width].tolist() for row in range(count)])


FORMATS: Dict[str, Format] = {
    "application/json": Format(_as_it_is, _write_json, _read_json),
    "application/jsonlines": Format(_as_it_is, _write_jsonlines, _read_jsonlines),
    "text/csv": Format(_as_cell, _write_csv, _read_csv),
    "text/libsvm": Format(_as_number, _write_libsvm, _read_libsvm),
    "application/x-npy": Format(_as_float32, _write_npy, _read_npy),
}
