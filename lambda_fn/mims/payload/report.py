"""What is in a payload archive, as values and as text for a reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from mims.fields import Field
from mims.formats.format import Format
from mims.formats.table import tabulate
from mims.limits import ASYNCHRONOUS_BYTES, REQUEST_BYTES, SERVERLESS_BYTES
from mims.payload.metadata import DescribedField, FieldsFrom
from mims.samples import Samples, Value

ENDPOINT_LIMITS = {
    "real-time": REQUEST_BYTES,
    "serverless": SERVERLESS_BYTES,
    "asynchronous": ASYNCHRONOUS_BYTES,
}
_SOURCES = {
    "special_field": "SPECIAL_FIELD_* or field_values",
    "field_default": "FIELD_DEFAULTS",
    "field_info": "field_info of the hyperparameters",
    "training": "what training recorded",
    "default": "the default of its type",
    "": "not recorded in this layout",
}
_SAMPLE_CHARACTERS = 400
_NAME_CHARACTERS = 60
_FIELDS = 200


@dataclass(frozen=True)
class ReportedPayload:
    """The payload files of a content type: `bytes` is the size of the largest of `file_count`.

    `path` is that of the first; `first_sample` shows the first sample alone, cut where it is long.
    """

    path: str
    content_type: Format
    file_count: int
    bytes: int
    first_sample: str


@dataclass(frozen=True)
class Report:
    """What a payload archive holds, all of it verified. `generator` is empty in the layout flat."""

    layout: str
    generator: str
    fields: Tuple[DescribedField, ...]
    payloads: Tuple[ReportedPayload, ...]
    sample_count: int
    warnings: Tuple[str, ...]
    fields_from: Optional[FieldsFrom] = None
    family: Optional[str] = None
    recipe: Optional[str] = None


def first_sample(
    fields: Sequence[Field],
    values: Optional[Sequence[Value]],
    content_type: Format,
    content: bytes = b"",
) -> str:
    """Return a sample as a body of its own, fit to be shown and cut where it is long.

    Of a body that is only known to be JSON, `content` is shown, `values` being `None`; of a binary
    one the numbers are listed.
    """
    if values is None:
        written = content.decode("utf-8")
    elif content_type.binary:
        written = ", ".join(map(repr, values))
    else:
        samples = Samples(tuple(fields), tuple((value,) for value in values), (), 1)
        flat = content_type.flat
        table = tabulate(samples, content_type.carry, str(content_type), flat)
        written = b"".join(content_type.write(table)).decode("utf-8")
    return _cut(written, _SAMPLE_CHARACTERS)


def describe_report(report: Report) -> str:
    """Return the report as lines of text, without a newline at the end."""
    files = sum(payload.file_count for payload in report.payloads)
    by = f", made by {_shown(report.generator)}" if report.generator else ""
    lines = [
        f"The payload archive is valid: layout {report.layout}, {_count(files, 'payload file')}, "
        f"{_count(report.sample_count, 'sample')} of {_count(len(report.fields), 'field')}{by}.",
        "",
        "Fields (name, type, where the value came from):",
    ]
    named = report.fields[:_FIELDS]
    width = max((len(_name(field.name)) for field in named), default=0)
    for field in named:
        source = _SOURCES.get(field.source, field.source)
        lines.append(f"  {_name(field.name):{width}}  {field.type:11}  {source}")
    if len(report.fields) > _FIELDS:
        lines.append(f"  … and {len(report.fields) - _FIELDS:,} more")
    limits = ", ".join(f"{name} {limit:,}" for name, limit in ENDPOINT_LIMITS.items())
    lines += ["", f"The most bytes that an endpoint's request may have: {limits}."]
    for payload in report.payloads:
        lines += ["", *_describe_payload(payload)]
    if report.warnings:
        lines += ["", "Warnings:"]
        lines += [f"  - {_shown(warning)}" for warning in report.warnings]
    return "\n".join(lines)


def _describe_payload(payload: ReportedPayload) -> List[str]:
    size = f"{payload.bytes:,} bytes"
    if payload.file_count > 1:
        size = f"the first of {payload.file_count:,} files, the largest of {size}"
    over = [name for name, limit in ENDPOINT_LIMITS.items() if payload.bytes > limit]
    fits = f"too large for: {', '.join(over)}" if over else "fits every endpoint"
    lines = [f"{payload.content_type}: {payload.path}, {size}, {fits}; the first sample:"]
    return lines + [f"  {_shown(line)}" for line in payload.first_sample.split("\n")]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _name(name: str) -> str:
    return _cut(_shown(name), _NAME_CHARACTERS)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def _shown(text: str) -> str:
    """Return the text with what a terminal would not print escaped."""
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text
    )
