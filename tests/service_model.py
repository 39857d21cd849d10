"""Requests judged by AWS's own service models, strictly and offline.

botocore's validator checks names, types and minima; the service itself also refuses what breaks a
pattern, an enumeration or a maximum, and so does this one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Iterator, List

import botocore.session
import regex  # type: ignore[import-untyped]  # AWS's patterns use \p{L}, unknown to `re`


def faults(service: str, operation: str, request: Any) -> List[str]:
    """Return what the service would refuse in a request, one text for each fault."""
    shape = _service(service).operation_model(operation).input_shape
    return list(_faults(shape, request, operation))


@lru_cache(maxsize=None)
def _service(name: str) -> Any:
    return botocore.session.Session().get_service_model(name)


def _faults(shape: Any, value: Any, path: str) -> Iterator[str]:
    kinds = {
        "structure": dict,
        "map": dict,
        "list": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "long": int,
        "float": float,
        "double": float,
    }
    kind: Any = kinds[shape.type_name]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        yield f"{path}: {value!r} is no {shape.type_name}"
        return
    if shape.type_name == "structure":
        members = shape.members
        missing = [name for name in shape.required_members if name not in value]
        yield from (f"{path}: {name} is missing" for name in missing)
        for name, part in value.items():
            if name not in members:
                yield f"{path}: {name} is unknown"
            else:
                yield from _faults(members[name], part, f"{path}.{name}")
    elif shape.type_name == "map":
        yield from _size_faults(shape, len(value), path)
        for name, part in value.items():
            yield from _faults(shape.key, name, f"{path} key")
            yield from _faults(shape.value, part, f"{path}.{name}")
    elif shape.type_name == "list":
        yield from _size_faults(shape, len(value), path)
        for index, part in enumerate(value):
            yield from _faults(shape.member, part, f"{path}[{index}]")
    elif shape.type_name == "string":
        yield from _size_faults(shape, len(value), path)
        pattern = _raw(shape).get("pattern")
        if pattern and not regex.fullmatch(pattern, value):
            yield f"{path}: {value!r} does not match {pattern}"
        if shape.enum and value not in shape.enum:
            yield f"{path}: {value!r} is none of {shape.enum}"
    elif kind is not bool:
        yield from _size_faults(shape, value, path)


def _size_faults(shape: Any, size: Any, path: str) -> Iterator[str]:
    limits = _raw(shape)
    if size < limits.get("min", size):
        yield f"{path}: {size} is under {limits['min']}"
    if size > limits.get("max", size):
        yield f"{path}: {size} is over {limits['max']}"


def _raw(shape: Any) -> Any:
    # Shape.metadata leaves the pattern out.
    return shape._shape_model
