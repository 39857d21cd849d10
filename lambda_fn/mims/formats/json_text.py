"""JSON as it is in bodies: one line, strict, in UTF-8 without escapes for what is not ASCII."""

from __future__ import annotations

import json
from typing import Any

from mims.json_parsing import parse_json


def as_json(value: Any) -> str:
    """Return a value as JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def dumps(value: Any) -> bytes:
    """Return a value as JSON in UTF-8."""
    return as_json(value).encode("utf-8")


def loads(body: bytes) -> Any:
    """Return the value of a JSON text.

    `ValueError` for what is not in strict JSON, and for more than one line, which servers take for
    JSON Lines.
    """
    if b"\n" in body or b"\r" in body:
        raise ValueError("it is more than one line")
    return parse_json(body.decode("utf-8"), parse_constant=_not_json)


def _not_json(constant: str) -> None:
    raise ValueError(f"it holds {constant}, which JSON does not have")
