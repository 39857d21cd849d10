"""The bytes of a payload archive's `metadata.json` → what it says of the payload files."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Tuple

from mims.bundle import METADATA, SCHEMA_VERSION, wire_types
from mims.content_types import ContentType, parse_content_types
from mims.errors import InvalidSettingsError, shown
from mims.fields import CATEGORICAL, NUMERIC, TEXT
from mims.payload_members import fail, require
from mims.payload_report import ReportedField
from mims.samples import DEFAULT, FIELD_DEFAULT, FIELD_INFO, SPECIAL_FIELD, TRAINING
from mims.settings import MAX_SAMPLES
from mims.values import is_unicode

_TYPES = (NUMERIC, CATEGORICAL, TEXT)
_SOURCES = (SPECIAL_FIELD, FIELD_DEFAULT, FIELD_INFO, TRAINING, DEFAULT)


class ListedFile(NamedTuple):
    """A payload file as `metadata.json` lists it; `size` and `sha256` may be anything."""

    path: str
    content_type: ContentType
    size: Any
    sha256: Any


class Metadata(NamedTuple):
    """What `metadata.json` says; its parts agree with each other."""

    generator: str
    files: Tuple[ListedFile, ...]
    fields: Tuple[ReportedField, ...]
    sample_count: int
    warnings: Tuple[str, ...]


def read_metadata(content: bytes) -> Metadata:
    """Return what `metadata.json` says.

    Raises
    ------
    CorruptArchiveError
        It is not what the generator writes, or its parts contradict each other.
    """
    try:
        metadata = json.loads(content.decode("utf-8"))
        version = metadata["schema_version"]
        require(
            version == SCHEMA_VERSION,
            f"{METADATA} is of schema version '{shown(version)}', not {SCHEMA_VERSION}",
        )
        fields = tuple(_read_field(entry) for entry in metadata["fields"])
        names = {field.name for field in fields}
        require(len(names) == len(fields) > 0, f"{METADATA} gives a field twice, or none")
        require(
            metadata["input_variables"]
            == [[field.name, "NUMERIC" if field.type == NUMERIC else "TEXT"] for field in fields],
            f"input_variables in {METADATA} are not its fields",
        )
        files = tuple(_read_file(entry) for entry in metadata["payloads"])
        paths = {file.path for file in files}
        require(len(paths) == len(files) > 0, f"{METADATA} lists a file twice, or none")
        require(
            metadata["content_types"] == wire_types(file.content_type for file in files),
            f"content_types in {METADATA} are not those of its files",
        )
        count = metadata["sample_count"]
        require(
            type(count) is int and 1 <= count <= MAX_SAMPLES,
            f"sample_count in {METADATA} is no number from 1 to {MAX_SAMPLES:,}",
        )
        warnings = metadata["warnings"]
        generator = [metadata["generator"]["name"], metadata["generator"]["version"]]
        require(
            isinstance(warnings, list) and all(map(is_text, generator + warnings)),
            f"generator or warnings in {METADATA} are no texts",
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        fail(f"{METADATA} is not the JSON that the generator writes")
    return Metadata(" ".join(generator), files, fields, count, tuple(warnings))


def is_text(value: object) -> bool:
    """Say whether a value is a text of valid Unicode."""
    return isinstance(value, str) and is_unicode(value)


def _read_field(entry: Any) -> ReportedField:
    name, kind, source = entry["name"], entry["type"], entry["source"]
    require(
        is_text(name) and bool(name) and kind in _TYPES and source in _SOURCES,
        f"the field '{shown(name)}' in {METADATA} has no known type and source",
    )
    return ReportedField(name, kind, source)


def _read_file(entry: Any) -> ListedFile:
    path, media_type, parameters = entry["path"], entry["content_type"], entry["parameters"]
    written = "; ".join([media_type, *(f"{name}={value}" for name, value in parameters.items())])
    try:
        (content_type, *more) = parse_content_types(written, METADATA)
    except InvalidSettingsError:
        fail(f"{METADATA} lists the content type '{shown(written)}', which is not known")
    require(
        not more
        and content_type.media_type == media_type
        and dict(content_type.parameters) == parameters
        and path == f"{content_type.folder}/sample_payload{content_type.extension}",
        f"{METADATA} lists '{shown(path)}' as '{shown(written)}', which belongs elsewhere",
    )
    return ListedFile(path, content_type, entry["bytes"], entry["sha256"])
