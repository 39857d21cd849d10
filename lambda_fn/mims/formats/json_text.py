"""JSON as the bodies hold it: one line, strict, UTF-8 that is not escaped to ASCII."""

from __future__ import annotations

import json
from typing import Any, Iterable, Iterator

from mims.json_parsing import parse_json


def dumps(value: Any) -> bytes:
    """Return a value as JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")


def loads(body: bytes) -> Any:
    """Return the value that a JSON text holds.

    `ValueError` for what strict JSON does not have, and for more than one line, which servers take
    for JSON Lines.
    """
    if b"\n" in body or b"\r" in body:
        raise ValueError("it is more than one line")
    return parse_json(body.decode("utf-8"), parse_constant=_not_json)


def _not_json(constant: str) -> None:
    raise ValueError(f"it holds {constant}, which JSON does not have")


def joined_rows(
    head: bytes, rows: Iterable[Iterable[bytes]], separator: bytes, tail: bytes
) -> Iterator[bytes]:
    """Yield each row's pieces, with the separator between rows, between head and tail."""
    for pieces in rows:
        for piece in pieces:
            yield head + piece
            head = b""
        head = separator
    yield tail


def joined(head: bytes, pieces: Iterable[bytes], separator: bytes, tail: bytes) -> Iterator[bytes]:
    """Yield the pieces with the separator between them, between head and tail."""
    for piece in pieces:
        yield head + piece
        head = separator
    yield tail
