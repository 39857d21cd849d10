"""A report of what is in a payload archive: as values, as JSON, and as lines for a reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from mims.deadline import Check, no_deadline
from mims.fields import Field
from mims.formats.format import Format
from mims.formats.table import tabulate
from mims.inputs.model_inputs import SETTINGS
from mims.limits import ASYNCHRONOUS_BYTES, REQUEST_BYTES, SERVERLESS_BYTES
from mims.payload.description import DescribedField, FieldsFrom
from mims.payload.page import Page, columns
from mims.samples import (
    DEFAULT,
    FIELD_DEFAULT,
    FIELD_INFO,
    SPECIAL_FIELD,
    TRAINING,
    Samples,
    Value,
)
from mims.wording import counted

ENDPOINT_LIMITS = {
    "real-time": REQUEST_BYTES,
    "serverless": SERVERLESS_BYTES,
    "asynchronous": ASYNCHRONOUS_BYTES,
}
_SOURCES = {
    SPECIAL_FIELD: "by SPECIAL_FIELD_* or field_values",
    FIELD_DEFAULT: "by FIELD_DEFAULTS",
    FIELD_INFO: "by field_info of the hyperparameters",
    TRAINING: "as training recorded it",
    DEFAULT: "the type's default",
    "": "",
}
_SAMPLE_CHARACTERS = 300
_NAME_COLUMNS = 60
_NAME_LINES = 5  # the most for a group of fields
_BODY_LINES = 6  # lines of a body that are shown
_BODY_ROWS = 6  # the most lines of the page for each of them
_INDENT = "    "


@dataclass(frozen=True)
class ReportedPayload:
    """The payload files of a content type; `bytes` is the size of the largest of them.

    `path` is that of the first file; `first_sample` shows only the first sample, cut if it is long.
    """

    path: str
    content_type: Format
    file_count: int
    bytes: int
    first_sample: str


@dataclass(frozen=True)
class Report:
    """What is in a payload archive, all verified. `generator` is empty in the layout flat."""

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
    check: Check = no_deadline,
) -> str:
    """Return a sample as a body of its own, for a reader, cut if it is long.

    If a body is only known to be JSON, `values` is `None`, and `content` is shown; of a binary one,
    the numbers are listed.
    """
    if values is None:
        written = content.decode("utf-8")
    elif content_type.binary:
        written = ", ".join(map(repr, values))
    else:
        samples = Samples(tuple(fields), tuple((value,) for value in values), (), 1)
        flat = content_type.flat
        table = tabulate(samples, content_type.carry, str(content_type), flat, check)
        parts = []
        for part in content_type.write(table):
            check()
            parts.append(part)
        written = b"".join(parts).decode("utf-8")
    if len(written) <= _SAMPLE_CHARACTERS:
        return written
    return f"{written[:_SAMPLE_CHARACTERS]}… ({len(written):,} characters)"


def report_as_json(report: Report) -> Dict[str, Any]:
    """Return the report as an object for JSON, with the names of `metadata.json`."""
    return {
        "valid": True,
        "layout": report.layout,
        "generator": report.generator or None,
        "fields": [
            {
                "name": field.name,
                "type": field.type,
                **({"shape": list(field.shape)} if field.shape else {}),
                **({"source": field.source} if field.source else {}),
            }
            for field in report.fields
        ],
        "fields_from": report.fields_from._asdict() if report.fields_from else None,
        "family": report.family,
        "recipe": report.recipe,
        "payloads": [
            {
                "path": payload.path,
                "content_type": payload.content_type.media_type,
                "parameters": dict(payload.content_type.parameters),
                "file_count": payload.file_count,
                "bytes": payload.bytes,
                "too_large_for": too_large_for(payload),
                "first_sample": payload.first_sample,
            }
            for payload in report.payloads
        ],
        "sample_count": report.sample_count,
        "warnings": list(report.warnings),
    }


def too_large_for(payload: ReportedPayload) -> List[str]:
    """Return the kinds of endpoints whose requests cannot be so large."""
    return [name for name, limit in ENDPOINT_LIMITS.items() if payload.bytes > limit]


def describe_report(report: Report, page: Page = Page()) -> str:  # noqa: B008 - it is immutable
    """Return the report as lines that fit the page, without a newline at the end."""
    return "\n".join(_lines(report, page))


def _lines(report: Report, page: Page) -> Iterator[str]:
    files = sum(payload.file_count for payload in report.payloads)
    summary = page.wrap(
        page.shown(
            f"The payload archive is valid: {counted(files, 'payload file')}, "
            f"{counted(report.sample_count, 'sample')} of {counted(len(report.fields), 'field')}."
        )
    )
    yield from (page.styled(line, "bold") for line in summary)
    for name, value in _facts(report):
        yield from page.wrap(page.shown(value), f"  {name:11}  ", " " * 15)
    yield ""
    yield page.styled("Fields", "bold")
    yield from _describe_fields(report, page)
    for payload in report.payloads:
        yield ""
        yield from _describe_payload(payload, page)
    if report.warnings:
        yield ""
        yield page.styled("Warning" if len(report.warnings) == 1 else "Warnings", "bold")
        for warning in report.warnings:
            first, *others = page.wrap(page.shown(warning), "  - ", _INDENT)
            yield page.styled(first[:3], "warning") + first[3:]
            yield from others


def _facts(report: Report) -> Iterator[Tuple[str, str]]:
    yield "Layout", report.layout
    if report.generator:
        yield "Made by", report.generator
    if report.fields_from is not None:
        member, source = report.fields_from.member, report.fields_from.source
        yield "Fields from", f"{member} ({source})" if member else source
    if report.family is not None:
        yield "Family", report.family
    if report.recipe is not None:
        yield "Recipe", report.recipe


def _describe_fields(report: Report, page: Page) -> Iterator[str]:
    """Yield the fields, grouped by type and source, in the order in which these first occur."""
    groups: Dict[Tuple[str, str], List[DescribedField]] = {}
    for field in report.fields:
        groups.setdefault((field.type, field.source), []).append(field)
    for (kind, source), group in groups.items():
        where = _SOURCES.get(source, source)
        if source == FIELD_INFO and report.fields_from and report.fields_from.source == SETTINGS:
            where = "by FIELDS"
        heading = counted(len(group), f"{kind} field") + (f", {where}" if where else "")
        yield from page.wrap(page.shown(heading), "  ", _INDENT)
        yield from _list_names(group, page)


def _list_names(group: Sequence[DescribedField], page: Page) -> Iterator[str]:
    """Yield as many names as fit into a few lines, and how many more there are."""
    room = page.width - len(_INDENT) - 1  # for the comma
    lines = [""]
    listed = 0
    for field in group:
        shape = f" {list(field.shape)}" if field.shape else ""
        widest = max(1, min(_NAME_COLUMNS, room) - len(shape))
        name = f"{page.cut(page.shown(field.name), widest)}{shape}"
        joined = f"{lines[-1]}, {name}" if lines[-1] else name
        if columns(joined) <= room:
            lines[-1] = joined
        elif len(lines) < _NAME_LINES:
            lines[-1] += ","
            lines.append(name)
        else:
            break
        listed += 1
    yield from (_INDENT + line for line in lines)
    if listed < len(group):
        yield f"{_INDENT}{page.ellipsis} and {len(group) - listed:,} more"


def _describe_payload(payload: ReportedPayload, page: Page) -> Iterator[str]:
    yield page.styled(page.cut(str(payload.content_type), page.width), "bold")
    size = counted(payload.bytes, "byte")
    if payload.file_count > 1:
        size = f"the first of {payload.file_count:,} files, the largest of {size}"
    over = too_large_for(payload)
    fits = "fits every endpoint"
    if over:
        limits = " and ".join(f"{name} ({ENDPOINT_LIMITS[name]:,} bytes)" for name in over)
        fits = f"too large for {limits} endpoints"
    yield from page.wrap(page.shown(f"{payload.path}, {size}, {fits}"), "  ", _INDENT)
    yield from show_body(payload.first_sample, page)


def show_body(body: str, page: Page) -> Iterator[str]:
    """Yield a body's lines, indented; a long one is shortened."""
    lines = body.split("\n")
    for line in lines[:_BODY_LINES]:
        rows = page.wrap(page.shown(line), _INDENT, f"{_INDENT}  ")
        if len(rows) > _BODY_ROWS:
            last = f"{rows[_BODY_ROWS - 1]} {rows[_BODY_ROWS].strip()}"
            rows = [*rows[: _BODY_ROWS - 1], page.cut(last, page.width)]
        yield from rows
    if len(lines) > _BODY_LINES:
        yield f"{_INDENT}{page.ellipsis} and {counted(len(lines) - _BODY_LINES, 'more line')}"
