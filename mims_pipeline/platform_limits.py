"""Checks a request against AWS's limits before it is sent.

Names, types, sizes, patterns and enumerations are those of the service's own model in botocore.
botocore itself checks only names, types and minima; the service refuses the rest as well. Only what
the model does not say is here: what to do about a fault.

>>> [fault] = faults("sagemaker", "StopProcessingJob", {"ProcessingJobName": "a_b"})
>>> str(fault)
"ProcessingJobName is 'a_b', which does not match [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Iterator, List, Mapping, NamedTuple, Optional, Pattern

# https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps.html
STEP_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_REFERENCES = {"Get", "Std:Join", "Std:JsonGet"}
_SHOWN_CHARACTERS = 100

_KINDS: Mapping[str, Any] = {
    "structure": Mapping,
    "map": Mapping,
    "list": (list, tuple),
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
}
# Java's character classes in Python's terms. Python's \w is all letters, all numbers and '_', which
# each pattern with one of the first two allows as well.
_CHARACTER_CLASSES = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\w",
    r"\p{Z}": " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
    r"\p{Alnum}": "0-9A-Za-z",
    r"\p{ASCII}": r"[\0-\x7f]",
}

# The beginning of a fault's path → what to do. The first that fits is used.
_REMEDIES = {
    "Environment.FIELD_DEFAULTS": (
        "Give its fields one by one as SPECIAL_FIELD_<name>, or have the Lambda function make the "
        "payload of this model: its request has no such limit."
    ),
    "Environment.": (
        "A variable is a string of at most 256 characters. Shorten it, or have the Lambda function "
        "make the payload of this model: its request has no such limit."
    ),
    "Environment key": (
        "Write '_' for each character of a field's name that a variable's name cannot have: "
        "SPECIAL_FIELD_<name> finds its field; or put the field into FIELD_DEFAULTS, which takes "
        "any name."
    ),
    "Environment": "Put the values of many fields into one FIELD_DEFAULTS, a JSON object.",
    "RoleArn": "Give the role's ARN (arn:aws:iam::123456789012:role/Name), not its name.",
    "NetworkConfig.VpcConfig": "A job in a VPC needs both subnets and security groups, by id.",
}


class Fault(NamedTuple):
    """A part of a request that a service would refuse: its path (`Tags[team].Value`), and why."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} {self.reason}"


def faults(service: str, operation: str, request: Any) -> List[Fault]:
    """Return what the service would refuse in a request for an operation, with boto3's names.

    A pipeline's reference is accepted instead of a string or a number.

    Raises
    ------
    ImportError
        botocore is not installed.
    """
    shape = _service(service).operation_model(operation).input_shape
    return list(_faults(shape, request, ""))


def remedy(fault: Fault) -> str:
    """Return what to do about a fault in a Processing job's request; empty if that is obvious."""
    return next((text for path, text in _REMEDIES.items() if fault.path.startswith(path)), "")


def folder_faults(kind: str, paths: Mapping[str, str]) -> Iterator[str]:
    """Yield a message for each contract path that a Processing job cannot mount, such as a file."""
    for name, path in paths.items():
        if not path.startswith("/opt/ml/processing/"):
            yield (
                f"The {kind} {name} is {path}; a Processing job mounts only folders below "
                "/opt/ml/processing/."
            )
        elif re.search(r"\.[A-Za-z0-9]+/*\Z", path):
            yield (
                f"The {kind} {name} is {path}, a file. SageMaker makes a folder at any path: name "
                f"the folder {path.rstrip('/').rpartition('/')[0]} instead."
            )


def is_reference(value: Any) -> bool:
    """Say whether `value` is a reference, whose value only a running pipeline knows.

    It is either data, `{"Get": "Parameters.ModelUri"}`, or an object of the SageMaker SDK.
    """
    if isinstance(value, Mapping):
        return len(value) == 1 and next(iter(value)) in _REFERENCES
    return hasattr(value, "expr")


@lru_cache(maxsize=None)
def _service(name: str) -> Any:
    try:
        import botocore.session
    except ImportError as error:
        raise ImportError(
            "Checking a request needs AWS's service models, which are in botocore: "
            "pip install boto3."
        ) from error
    return botocore.session.Session().get_service_model(name)


def _faults(shape: Any, value: Any, path: str) -> Iterator[Fault]:
    kind = shape.type_name
    if kind not in ("structure", "map", "list") and is_reference(value):
        return
    if not isinstance(value, _KINDS[kind]) or (kind != "boolean" and isinstance(value, bool)):
        yield Fault(
            path, f"is {_shown(value)}; it must be {'an' if kind[0] == 'i' else 'a'} {kind}"
        )
    elif kind == "structure":
        inside = f"{path}." if path else ""
        for name in shape.required_members:
            if name not in value:
                yield Fault(inside + name, "is missing")
        for name, part in value.items():
            if name in shape.members:
                yield from _faults(shape.members[name], part, inside + name)
            else:
                yield Fault(f"{inside}{name}", "is unknown")
    elif kind == "map":
        yield from _size_faults(shape, len(value), "items", path)
        for name, part in value.items():
            yield from _faults(shape.key, name, f"{path} key")
            yield from _faults(shape.value, part, f"{path}.{name}")
    elif kind == "list":
        yield from _size_faults(shape, len(value), "items", path)
        for index, part in enumerate(value):
            yield from _faults(shape.member, part, f"{path}[{_name(part, index)}]")
    elif kind == "string":
        yield from _string_faults(shape, value, path)
    elif kind != "boolean":
        yield from _size_faults(shape, value, "", path)


def _name(item: Any, index: int) -> Any:
    """Return what identifies an item of a list: a tag's key, an input's name, else its index."""
    names = item if isinstance(item, Mapping) else {}
    return next((names[key] for key in ("Key", "InputName", "OutputName") if key in names), index)


def _string_faults(shape: Any, value: str, path: str) -> Iterator[Fault]:
    wrong_size = list(_size_faults(shape, len(value), "characters", path))
    source = shape._shape_model.get("pattern", r"[\s\S]*")  # Shape.metadata leaves it out
    pattern = _pattern(source)
    if wrong_size:
        yield wrong_size[0]
    elif pattern and not pattern.fullmatch(value):
        yield Fault(path, f"is {_shown(value)}, which does not match {source}")
    elif shape.enum and value not in shape.enum:
        yield Fault(
            path,
            f"is {_shown(value)}, which botocore does not know; upgrade botocore if AWS has added "
            f"it, or use another value, such as {shape.enum[0]}",
        )


def _size_faults(shape: Any, size: Any, unit: str, path: str) -> Iterator[Fault]:
    limits = shape._shape_model
    of_size = f"has {size:,} {unit if size != 1 else unit[:-1]}" if unit else f"is {size:,}"
    if size < limits.get("min", size):
        yield Fault(path, f"{of_size}; the least is {limits['min']:,}")
    if size > limits.get("max", size):
        yield Fault(path, f"{of_size}; the most is {limits['max']:,}")


@lru_cache(maxsize=None)
def _pattern(source: str) -> Optional[Pattern[str]]:
    """Return a service model's pattern for `re`; `None` if only Java understands it."""
    for java, python in _CHARACTER_CLASSES.items():
        source = source.replace(java, python)
    try:
        return re.compile(source)
    except re.error:
        return None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
