"""JSON Lines, one record on each line, under each of the media types that servers know.

https://jsonlines.org/
"""

from __future__ import annotations

from typing import Any, Iterator, List, Optional, Sequence, Tuple

from mims.deadline import Check
from mims.fields import Field
from mims.formats.format import Body, Format, joined_pieces
from mims.formats.json_bodies import read_records
from mims.formats.json_rows import records, vectors
from mims.formats.json_text import loads
from mims.formats.table import Table
from mims.formats.template import RECORD_TEMPLATE, read_lines_of_a_template, write_lines
from mims.json_parsing import check_memory
from mims.limits import SAMPLES


def _write(table: Table) -> Iterator[bytes]:
    return joined_pieces(b"", records(table), b"\n", b"")


def _read(body: bytes, _fields: Optional[Sequence[Field]], check: Check) -> Body:
    return read_records(_lines(body, check), check)


def _write_features(table: Table) -> Iterator[bytes]:
    return joined_pieces(b"", vectors(table), b"\n", b"")


def _read_features(body: bytes, _fields: Optional[Sequence[Field]], check: Check) -> Body:
    lines = _lines(body, check)
    if any(list(line) != ["features"] for line in lines):
        raise ValueError("a line is not an object of features alone")
    return Body(None, [line["features"] for line in lines])


def _lines(body: bytes, check: Check) -> List[Any]:
    if body.count(b"\n") >= SAMPLES:
        raise ValueError(f"it has more than {SAMPLES:,} lines")
    check_memory(body.decode("utf-8"))  # lines are parsed one by one, but all are held
    lines = []
    for line in body.split(b"\n"):
        check()
        lines.append(loads(line))
    return lines


def _formats(media_type: str) -> Tuple[Format, ...]:
    return (
        Format(
            media_type,
            ".jsonl",
            _write_features,
            _read_features,
            ("format", "features"),
            is_default=False,
            holds_names=False,
            typed=True,
        ),
        Format(media_type, ".jsonl", _write, _read, typed=True),
        Format(
            media_type,
            ".jsonl",
            write_lines,
            read_lines_of_a_template,
            ("format", "template"),
            is_default=False,
            holds_names=False,
            typed=True,
            templates=(RECORD_TEMPLATE,),
        ),
    )


FORMATS = (
    *_formats("application/jsonlines"),
    *_formats("application/jsonl"),
    *_formats("application/x-ndjson"),
)
