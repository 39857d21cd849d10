"""The bytes of a payload archive's `metadata.json` → what it says of the payload files."""

from __future__ import annotations

import json
from typing import Any, Dict, NamedTuple, Sequence, Tuple

from mims.errors import InvalidHyperparametersError, InvalidSettingsError, shown
from mims.fields import CATEGORICAL, NUMERIC, TEXT
from mims.formats.content_types import ContentType, parse_content_types, wire_types
from mims.inputs.hyperparameters import Hyperparameters
from mims.limits import SAMPLES
from mims.payload.files import METADATA, PayloadFile
from mims.payload.members import fail, require
from mims.payload.report import ReportedField
from mims.samples import DEFAULT, FIELD_DEFAULT, FIELD_INFO, SPECIAL_FIELD, TRAINING, Samples
from mims.values import is_unicode, text
from mims.version import GENERATOR, VERSION

SCHEMA_VERSION = "1.0"

_DESCRIBING = ("model_class", "pipeline_name", "pipeline_version", "model_objective")
_TYPES = (NUMERIC, CATEGORICAL, TEXT)
_SOURCES = (SPECIAL_FIELD, FIELD_DEFAULT, FIELD_INFO, TRAINING, DEFAULT)


def describe(
    files: Sequence[PayloadFile],
    samples: Samples,
    hyperparameters: Hyperparameters,
    warnings: Sequence[str],
) -> Dict[str, Any]:
    """Return the content of `metadata.json`.

    No location and no wall-clock time stands in it, and of the hyperparameters' values only those
    that name the model.
    """
    metadata: Dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "generator": {"name": GENERATOR, "version": VERSION},
        "content_types": wire_types(file.content_type for file in files),
        "payloads": [
            {
                "path": file.path,
                "content_type": file.content_type.media_type,
                "parameters": dict(file.content_type.parameters),
                "bytes": len(file.content),
                "sha256": file.sha256,
            }
            for file in files
        ],
        "fields": [
            {"name": field.name, "type": field.type, "source": source}
            for field, source in zip(samples.fields, samples.sources)
        ],
        "input_variables": [
            [field.name, "NUMERIC" if field.type == NUMERIC else "TEXT"] for field in samples.fields
        ],
        "sample_count": samples.count,
        "warnings": list(warnings),
    }
    for key in _DESCRIBING:
        value = hyperparameters.scalar(key)
        if text(value) is None:
            continue
        if isinstance(value, str) and not is_unicode(value):
            raise InvalidHyperparametersError(
                f"The hyperparameter {key} is no valid Unicode (it holds half of a surrogate "
                "pair). Correct it in the training job."
            )
        metadata[key] = value
    return metadata


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
            type(count) is int and 1 <= count <= SAMPLES,
            f"sample_count in {METADATA} is no number from 1 to {SAMPLES:,}",
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
