"""`text/libsvm`: a label, then `column:value` for each value that is not missing.

https://www.csie.ntu.edu.tw/~cjlin/libsvm/
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from mims.deadline import Check, checked
from mims.fields import Field
from mims.formats.carrying import as_number
from mims.formats.format import Body, Format, joined
from mims.formats.table import Table
from mims.limits import CELLS, SAMPLE_VALUES, SAMPLES

_LABEL = "0"
_PAIR = re.compile(r"([0-9]{1,9}):(\S+)\Z")
_WHOLE = re.compile(r"-?[0-9]+\Z")


def _write(first: int, table: Table) -> Iterator[bytes]:
    lines = (
        " ".join(
            (
                _LABEL,
                *(
                    f"{index}:{value!r}"
                    for index, value in enumerate(row, first)
                    if value is not None
                ),
            )
        ).encode()
        for row in table.rows()
    )
    return joined(b"", lines, b"\n", b"")


def _read(first: int, body: bytes, fields: Optional[Sequence[Field]], check: Check) -> Body:
    if body.count(b"\n") >= SAMPLES:
        raise ValueError(f"it has more than {SAMPLES:,} rows")
    width = sum(field.size for field in fields) if fields is not None else 0
    rows: List[List[Any]] = []
    cells = 0
    for line in body.decode("ascii").split("\n"):
        rows.append(_read_line(line, first, width, check))
        cells += len(rows[-1])
        if cells > CELLS:  # values left out take no byte of a line, but a place in its row
            raise ValueError(f"it has more than {CELLS:,} values, those left out counted")
    return Body(None, rows)


def _read_line(line: str, first: int, width: int, check: Check) -> List[Any]:
    """Return the values of a line; `None` for those that it leaves out."""
    _label, *pairs = line.split(" ")
    values: Dict[int, Any] = {}
    last = first - 1
    check()
    for pair in checked(pairs, check):
        match = _PAIR.match(pair)
        index = int(match.group(1)) if match else -1
        if match is None or index <= last or index - first >= SAMPLE_VALUES:
            raise ValueError(f"its features are not numbered from {first} on")
        text = match.group(2)
        values[index] = int(text) if _WHOLE.match(text) else float(text)
        last = index
    return [values.get(index) for index in range(first, max(first + width, last + 1))]


def _formats(media_type: str) -> Tuple[Format, ...]:
    return tuple(
        Format(
            media_type,
            ".libsvm",
            partial(_write, first),
            partial(_read, first),
            ("index", str(first)),
            is_default=first == 1,
            carry=as_number,
            flat=True,
            holds_names=False,
            numbers_alone=True,
        )
        for first in (1, 0)
    )


FORMATS = (*_formats("text/libsvm"), *_formats("text/x-libsvm"))
