"""A payload file's body → the samples in it, checked, whatever the bytes are."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from mims.deadline import Check, checked
from mims.errors import ArchiveLimitError
from mims.fields import Field
from mims.formats.format import Body, Format
from mims.formats.registry import read_body
from mims.limits import DIMENSIONS, SAMPLE_VALUES
from mims.values import is_text, number


def read_table(
    content: bytes, content_type: Format, fields: Optional[Sequence[Field]], check: Check
) -> Body:
    """Read a body, whose rows must be of equal length, of strings, numbers and booleans.

    Raises
    ------
    ValueError
        It is something else.
    ArchiveLimitError
        It has more values in a sample than are checked.
    """
    try:
        names, rows = read_body(content, content_type, fields, check)
    except MemoryError:  # raised by older versions of Python for what is nested too deep
        raise ValueError("it is nested too deep") from None
    if rows is None:
        return Body(None, None)
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], list):
        raise ValueError("it has no samples")
    if not rows[0] and not leaves_out(content_type):
        raise ValueError("its samples have no values")
    width = len(rows[0])
    if width > SAMPLE_VALUES:
        raise ArchiveLimitError(
            f"A payload file has {width:,} values in a sample; at most {SAMPLE_VALUES:,} are "
            "checked."
        )
    if names is not None and not (
        isinstance(names, list) and len(names) == width and all(map(is_text, checked(names, check)))
    ):
        raise ValueError("it does not have one name for each value")
    for row in rows:
        if not isinstance(row, list) or len(row) != width:
            raise ValueError("its samples are not equally long")
        for value in checked(row, check):
            if not _is_value(value, 0, check):
                raise ValueError("a value is not a string, a finite number or a boolean")
    return Body(names, rows)


def leaves_out(content_type: Format) -> bool:
    """Say whether a body leaves missing values out, so that a row may have no value at all."""
    return content_type.numbers_alone and not content_type.binary


def _is_value(value: Any, depth: int, check: Check) -> bool:
    if value is None or isinstance(value, (bool, int)) or is_text(value):
        return True
    if isinstance(value, list):
        return depth < DIMENSIONS and all(
            _is_value(item, depth + 1, check) for item in checked(value, check)
        )
    return number(value) is not None
