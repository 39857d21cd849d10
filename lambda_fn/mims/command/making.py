"""A model and settings → `payload.tar.gz` in a folder, or a body on standard output."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from typing import Any, Dict, List, NamedTuple, Optional

try:
    import resource
except ImportError:  # not on Windows; the figure of peak memory is left out there
    resource = None  # type: ignore[assignment]

from mims import Payload, generate_from
from mims.command import console
from mims.command.models import check_exists, find_model_inputs
from mims.command.progress import Reading
from mims.command.writing import check_writable, write_whole
from mims.payload.check import check_payload_archive
from mims.payload.files import METADATA
from mims.payload.members import read_members
from mims.payload.metadata import read_metadata
from mims.payload.page import Page
from mims.payload.report import describe_report
from mims.settings import GivenSettings
from mims.wording import bounded, counted

PAYLOAD_NAME = "payload.tar.gz"


class Made(NamedTuple):
    """A payload that was written, and the figures of its making."""

    payload: Payload
    path: str
    warnings: List[str]
    figures: Dict[str, Any]


def make_payload(
    model: str, output: str, given: GivenSettings, reading: Optional[Reading] = None
) -> Made:
    """Write the payload of a model into the folder `output`.

    Raises
    ------
    PayloadError
        One of its classes. Nothing has changed in the folder then.
    """
    started = time.monotonic()
    reading = reading or Reading()
    check_exists(model)
    check_writable(output)
    try:
        found = find_model_inputs(model, given, reading)
    finally:
        reading.end()
    archive_seconds = time.monotonic() - started
    payload = generate_from(found.inputs, given)
    there = os.path.lexists(os.path.join(output, PAYLOAD_NAME))
    path = write_whole(output, PAYLOAD_NAME, payload.archive)
    status = "updated" if there else "created"
    warnings = bounded([*found.notes, *payload.all_warnings])
    figures = {
        "status": status,
        "payload_path": path,
        "content_types": payload.content_types,
        "field_count": payload.field_count,
        "sample_count": payload.sample_count,
        "fields_from": payload.fields_from._asdict(),
        "family": payload.family,
        "recipe": payload.recipe,
        "warnings": warnings,
        f"Payloads{status.capitalize()}": 1,
        "GenerationTime": round(time.monotonic() - started, 3),
        "ArchiveTime": round(archive_seconds, 3),
        "ArchiveBytesRead": reading.bytes,
    }
    if resource is not None:
        figures["PeakMemory"] = round(_peak_memory(), 1)
    return Made(payload, path, warnings, figures)


def say_figures(made: Made) -> None:
    """Print the figures as one JSON line."""
    console.say(json.dumps(made.figures))


def say_report(made: Made, page: Page) -> None:
    """Print what was made for a person to read, each body and each warning once."""
    size, seconds = len(made.payload.archive), made.figures["GenerationTime"]
    line = f"Wrote {made.path}: {counted(size, 'byte')} in {seconds:.2f} s."
    report = check_payload_archive(made.payload.archive)
    report = replace(report, warnings=tuple(made.warnings))
    console.say("\n".join(page.wrap(page.shown(line), "", "  ")))
    console.say(describe_report(report, page))


def show_body(model: str, given: GivenSettings) -> None:
    """Write the first body of the model's payload on standard output, and nothing else.

    Raises
    ------
    PayloadError
        One of its classes. Nothing is written then.
    """
    reading = Reading(sys.stderr)
    try:
        found = find_model_inputs(model, given, reading)
    finally:
        reading.end()
    payload = generate_from(found.inputs, given)
    console.warn([*found.notes, *payload.all_warnings], sys.stderr)
    console.say_bytes(first_body(payload.archive))


def first_body(archive: bytes) -> bytes:
    """Return the body of the first content type; in the layout flat the first file's."""
    bodies = {member.name: member.content for member in read_members(archive)}
    if METADATA in bodies:
        return bodies[read_metadata(bodies[METADATA]).files[0].path]
    return bodies[min(bodies)]


def _peak_memory() -> float:
    """Return the most memory that the process held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024**2 if sys.platform == "darwin" else peak / 1024  # bytes there, KiB here
