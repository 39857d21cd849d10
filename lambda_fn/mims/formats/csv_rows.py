"""`text/csv`: RFC 4180 quoting, `\\n` between rows, with or without a row of names.

https://www.rfc-editor.org/rfc/rfc4180
"""

from __future__ import annotations

import re
from typing import Any, Iterable, Iterator, List, Optional, Sequence, Tuple

from mims.deadline import Check
from mims.fields import BOOLEAN, Field
from mims.formats.format import Body, Format, joined
from mims.formats.table import Table
from mims.limits import SAMPLES
from mims.samples import Value

_CELLS_A_CHECK = 1024
# What needs quotes in a cell besides a comma (RFC 4180, section 2). The csv module is not used: on
# Python 3.8 it does not quote a carriage return, and its reader refuses NUL there, and cells of
# more than 131,072 characters.
_NEEDS_QUOTES = re.compile('["\r\n]')
_PLAIN_CELL = re.compile('([^",\r\n]*)(,|\n|\\Z)')


def _as_cell(_field: Field, value: Value, _content_type: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def _as_bare_cell(field: Field, value: Value, content_type: str) -> str:
    # Without names the rows go to readers of numbers, which know no booleans.
    if field.type == BOOLEAN and isinstance(value, bool):
        value = int(value)
    return _as_cell(field, value, content_type)


def _write_with_names(table: Table) -> Iterator[bytes]:
    rows: Iterable[List[Any]] = (row for part in ([table.names], table.rows()) for row in part)
    return joined(b"", map(_row, rows), b"\n", b"")


def _write_rows(table: Table) -> Iterator[bytes]:
    return joined(b"", map(_row, table.rows()), b"\n", b"")


def _row(cells: List[str]) -> bytes:
    if cells == [""]:
        return b'""'  # to a reader, an empty line would not be a row
    row = ",".join(cells)
    if _NEEDS_QUOTES.search(row) or row.count(",") >= len(cells):
        row = ",".join(
            '"' + cell.replace('"', '""') + '"'
            if "," in cell or _NEEDS_QUOTES.search(cell)
            else cell
            for cell in cells
        )
    return row.encode("utf-8")


def _read_with_names(body: bytes, _fields: Optional[Sequence[Field]], check: Check) -> Body:
    rows = _read(body, check)
    return Body(rows.pop(0), rows)


def _read_rows(body: bytes, _fields: Optional[Sequence[Field]], check: Check) -> Body:
    return Body(None, _read(body, check))


def _read(body: bytes, check: Check) -> List[List[Any]]:
    text = body.decode("utf-8")
    rows: List[List[Any]] = []
    at = 0
    while at <= len(text):
        check()
        end = text.find("\n", at)
        line = text[at:] if end < 0 else text[at:end]
        if not line:
            raise ValueError("an empty line is no row")
        if _NEEDS_QUOTES.search(line):
            row, end = _read_quoted_row(text, at, check)
        else:
            row, end = line.split(","), at + len(line)
        rows.append(row)
        if len(rows) > SAMPLES + 1:  # one of them of names
            raise ValueError(f"it has more than {SAMPLES:,} rows")
        at = end + 1
    return rows


def _read_quoted_row(text: str, at: int, check: Check) -> Tuple[List[str], int]:
    """Return the cells of the row at `at`, and where it ends."""
    row: List[str] = []
    while True:
        if len(row) % _CELLS_A_CHECK == 0:
            check()
        if text.startswith('"', at):
            end = _closing_quote(text, at + 1, check)
            row.append(text[at + 1 : end].replace('""', '"'))
            at = end + 1
            separator = text[at : at + 1]
            if separator not in ("", ",", "\n"):
                raise ValueError("a quote is out of place")
        else:
            match = _PLAIN_CELL.match(text, at)
            if match is None:
                raise ValueError("a quote is out of place")
            row.append(match.group(1))
            separator = match.group(2)
            at = match.end(1)
        if separator != ",":
            return row, at
        at += 1


def _closing_quote(text: str, at: int, check: Check) -> int:
    """Return the position of the quote that closes a cell; two in a row stand for one in it."""
    pairs = 0
    while True:
        pairs += 1
        if pairs % _CELLS_A_CHECK == 0:
            check()
        at = text.find('"', at)
        if at < 0:
            raise ValueError("a quote is not closed")
        if not text.startswith('"', at + 1):
            return at
        at += 2


FORMATS = (
    Format(
        "text/csv",
        ".csv",
        _write_with_names,
        _read_with_names,
        ("header", "present"),
        carry=_as_cell,
        flat=True,
    ),
    Format(
        "text/csv",
        ".csv",
        _write_rows,
        _read_rows,
        ("header", "absent"),
        is_default=False,
        carry=_as_bare_cell,
        flat=True,
        holds_names=False,
    ),
)
