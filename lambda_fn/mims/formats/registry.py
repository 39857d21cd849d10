"""The one list of all content types, and look-ups in it.

Among the formats of one extension, the more specific come first: only its body shows what a file of
the flat layout is.
"""

from __future__ import annotations

import struct
from typing import Dict, Iterable, List, NoReturn, Optional, Sequence, Tuple

from mims.deadline import Check, no_deadline
from mims.errors import InvalidSettingsError, shown
from mims.fields import Field
from mims.formats import (
    csv_rows,
    json_bodies,
    json_lines,
    libsvm,
    npy,
    open_inference,
    template,
)
from mims.formats.format import Body, Format

FORMATS: Tuple[Format, ...] = (
    *open_inference.FORMATS,
    *json_bodies.FORMATS,
    *template.FORMATS,
    *json_lines.FORMATS,
    *csv_rows.FORMATS,
    *libsvm.FORMATS,
    *npy.FORMATS,
)
# What a reader may raise, besides ValueError, for bytes that are not of its format.
_READ_ERRORS = (LookupError, TypeError, AttributeError, RecursionError, SyntaxError, struct.error)
_CHARSET = ("charset", "utf-8")  # accepted and ignored: all text is UTF-8


def parse_content_types(text: str, setting: str) -> Tuple[Format, ...]:
    """Return the content types in a comma-separated list, each once, in their order.

    >>> [str(t) for t in parse_content_types("text/csv; header=absent, application/json", "x")]
    ['text/csv; header=absent', 'application/json']

    Raises
    ------
    InvalidSettingsError
        One is not supported, or there is none; the message names `setting`.
    """
    items = dict.fromkeys(item for item in text.split(",") if item.strip())
    found = {_parse(item, setting): None for item in items}
    if not found:
        raise InvalidSettingsError(
            f"{setting} names no content type. Supported types: {', '.join(supported_types())}."
        )
    return tuple(found)


def read_body(
    body: bytes,
    content_type: Format,
    fields: Optional[Sequence[Field]] = None,
    check: Check = no_deadline,
) -> Body:
    """Read a body back; `ValueError` if it is not of that content type.

    `fields` are those that it should hold, if they are known.
    """
    try:
        return content_type.read(body, fields, check)
    except _READ_ERRORS:
        raise ValueError(f"it is not a body of {content_type}") from None


def media_types(content_types: Iterable[Format]) -> List[str]:
    """Return the media types without parameters, as requests name them, each once."""
    return list(dict.fromkeys(content_type.media_type for content_type in content_types))


def _parse(item: str, setting: str) -> Format:  # noqa: RET503 - _refuse raises
    media_type, *pairs = (part.strip().lower() for part in item.split(";"))
    given: Dict[str, str] = {}
    for pair in filter(None, pairs):
        name, _, value = (part.strip() for part in pair.partition("="))
        value = value.strip('"')
        if given.setdefault(name, value) != value:
            _refuse(setting, item)
    if given.pop(*_CHARSET) != _CHARSET[1]:
        _refuse(setting, item)
    for content_type in FORMATS:
        if content_type.media_type == media_type and (
            list(given.items()) == [content_type.parameter]
            or (not given and content_type.is_default)
        ):
            return content_type
    _refuse(setting, item)


def _refuse(setting: str, item: str) -> NoReturn:
    raise InvalidSettingsError(
        f"{setting} has the content type '{shown(item.strip())}', which is not supported. "
        f"Supported types: {', '.join(supported_types())}."
    )


def supported_types() -> List[str]:
    """Return each media type with the values of its parameter, the default first."""
    values: Dict[str, List[str]] = {}
    names: Dict[str, str] = {}
    for content_type in FORMATS:
        listed = values.setdefault(content_type.media_type, [])
        if content_type.parameter:
            names[content_type.media_type], value = content_type.parameter
            listed.insert(0 if content_type.is_default else len(listed), value)
    return [
        media_type + (f"; {names[media_type]}={'|'.join(listed)}" if listed else "")
        for media_type, listed in values.items()
    ]
