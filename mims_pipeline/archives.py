"""Checks that an archive is what one step of a pipeline promises the next.

The rules are the generator's own, in `mims`: a model archive is valid if a payload can be made from
it, and a payload archive if `--check` accepts it. Nothing is extracted, and no archive, however
broken, makes a check raise.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, Union

from mims import find_inputs
from mims.errors import ArchiveLimitError, PayloadError
from mims.limits import MIB, PAYLOAD_ARCHIVE_BYTES
from mims.payload import metadata
from mims.payload.check import check_payload_archive
from mims.payload.files import METADATA
from mims.payload.members import read_members
from mims.setting_table import CONTRACT, FLAT
from mims.settings import GivenSettings

from mims_pipeline.script_contract import ValidationResult

AnyPath = Union[str, "os.PathLike[str]"]


def validate_model_archive(path: AnyPath) -> ValidationResult:
    """Check that the payload step can make a payload from the `model.tar.gz` at `path`.

    The model is read as that step reads it: only until its input fields are known. So damage
    further on is not found.

    Returns
    -------
    ValidationResult
        The error that the payload step would end with, or its warnings about the model.
    """
    try:
        with _file(path).open("rb") as archive:
            inputs = find_inputs(iter(lambda: archive.read(MIB), b""), GivenSettings())
    except (PayloadError, OSError) as error:
        return ValidationResult(errors=[_described(error)])
    return ValidationResult(warnings=list(inputs.warnings))


def validate_payload_archive(path: AnyPath, layout: str = CONTRACT) -> ValidationResult:
    """Check that the `payload.tar.gz` at `path` is as the payload step makes it.

    Layout `contract`: with `metadata.json`, which describes each payload file. Layout `flat`: only
    the payload files, of one content type, as a load test needs them.

    Raises
    ------
    ValueError
        `layout` is neither.
    """
    if layout not in (CONTRACT, FLAT):
        raise ValueError(f"layout is {layout!r}; it must be {CONTRACT!r} or {FLAT!r}.")
    try:
        report = check_payload_archive(_archive(path))
    except (PayloadError, OSError) as error:
        return ValidationResult(errors=[_described(error)])
    errors = []
    if report.layout != layout:
        errors.append(
            f"The archive's layout is {report.layout}, not {layout}. Make the payload with "
            f"PAYLOAD_LAYOUT={layout} (layout in a request's settings)."
        )
    return ValidationResult(errors, list(report.warnings))


def read_metadata(path: AnyPath) -> Dict[str, Any]:
    """Return the content of `metadata.json` in the payload archive at `path`.

    Raises
    ------
    ValueError
        The archive or its `metadata.json` is invalid, or it has none (layout `flat`).
    """
    try:
        for member in read_members(_archive(path)):
            if member.name == METADATA:
                metadata.read_metadata(member.content)
                content: Dict[str, Any] = json.loads(member.content)
                return content
    except (PayloadError, OSError) as error:
        raise ValueError(_described(error)) from error
    raise ValueError(
        f"{os.fspath(path)} has no {METADATA}: the layout flat has none. Make the payload with "
        "PAYLOAD_LAYOUT=contract (layout in a request's settings)."
    )


def _archive(path: AnyPath) -> bytes:
    file = _file(path)
    if file.stat().st_size > PAYLOAD_ARCHIVE_BYTES:
        raise ArchiveLimitError(
            f"{file} is larger than {PAYLOAD_ARCHIVE_BYTES:,} bytes, so it is not a payload "
            "archive. Name a payload.tar.gz."
        )
    return file.read_bytes()


def _file(path: AnyPath) -> Path:
    file = Path(path)
    if not file.is_file():  # reading a device or a pipe might never end
        raise FileNotFoundError(f"There is no file at {file}.")
    return file


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if isinstance(error, PayloadError) else str(error)
