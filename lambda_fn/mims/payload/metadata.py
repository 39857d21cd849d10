"""The description of a payload ↔ `metadata.json`, which is written and read only here."""

from __future__ import annotations

from sys import intern
from typing import Any, Dict, Iterable, Iterator, List, Tuple

from mims.deadline import Check, checked, no_deadline
from mims.errors import ArchiveLimitError, InvalidSettingsError, PayloadTooLargeError, shown
from mims.fields import CATEGORICAL, TYPES
from mims.formats.json_text import dumps
from mims.formats.registry import media_types, parse_content_types
from mims.json_parsing import JsonCursor, TooManyValuesError
from mims.limits import CHECKED_FIELDS, DIMENSIONS, METADATA_BYTES, SAMPLES
from mims.payload.description import (
    NAMING,
    VARIABLES,
    DescribedField,
    DescribedFile,
    Description,
    FieldsFrom,
    variable_of,
)
from mims.payload.files import METADATA, contract_path
from mims.payload.members import fail, require
from mims.recipes import recipe_of
from mims.samples import VALUE_SOURCES
from mims.values import is_text

SCHEMA_VERSION = "1.1"
_READ_VERSIONS = (SCHEMA_VERSION, "1.0")  # 1.0 had no fields_from, family and recipe
_KEYS = 100  # more than it ever has


def write_metadata(description: Description, check: Check = no_deadline) -> bytes:
    """Return `metadata.json`. (It is put together from pieces: objects would take more memory.)

    Raises
    ------
    PayloadTooLargeError
        It would be larger than what a check reads.
    """
    name, _, version = description.generator.rpartition(" ")
    parts: Dict[str, bytes] = {
        "schema_version": dumps(SCHEMA_VERSION),
        "generator": dumps({"name": name, "version": version}),
        "content_types": dumps(media_types(file.content_type for file in description.files)),
        "payloads": _list(map(_file_entry, description.files), check),
        "fields": _list(map(_field_entry, description.fields), check),
        "fields_from": dumps(description.fields_from and description.fields_from._asdict()),
        "family": dumps(description.family),
        "recipe": dumps(description.recipe),
        "input_variables": _list(
            ([field.name, field.variable] for field in description.fields), check
        ),
        "sample_count": dumps(description.sample_count),
        "warnings": dumps(list(description.warnings)),
    }
    parts.update((key, dumps(value)) for key, value in description.naming.items())
    entries = b", ".join(b"%s: %s" % (dumps(key), part) for key, part in parts.items())
    metadata = b"{" + entries + b"}"
    if len(metadata) > METADATA_BYTES:
        raise PayloadTooLargeError(
            f"{METADATA} for {len(description.fields):,} fields has {len(metadata):,} bytes, over "
            f"the limit of {METADATA_BYTES:,}. Name fewer fields, or use the layout flat."
        )
    return metadata


def _list(entries: Iterable[Any], check: Check) -> bytes:
    return b"[" + b", ".join(map(dumps, checked(entries, check))) + b"]"


def _file_entry(file: DescribedFile) -> Dict[str, Any]:
    return {
        "path": file.path,
        "content_type": file.content_type.media_type,
        "parameters": dict(file.content_type.parameters),
        "bytes": file.size,
        "sha256": file.sha256,
    }


def _field_entry(field: DescribedField) -> Dict[str, Any]:
    shape = {"shape": list(field.shape)} if field.shape else {}
    return {"name": field.name, "type": field.type, **shape, "source": field.source}


def read_metadata(content: bytes, check: Check = no_deadline) -> Description:
    """Return the description in `metadata.json`, whose parts must agree with each other.

    Raises
    ------
    CorruptArchiveError
        It is not what the generator writes, or its parts contradict each other.
    ArchiveLimitError
        It describes more fields than are checked.
    """
    try:
        return _read(_parse(content.decode("utf-8"), check), check)
    except TooManyValuesError:
        raise ArchiveLimitError(
            f"{METADATA} in the payload archive holds more than the generator writes. Name a "
            "payload.tar.gz that it made."
        ) from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        fail(f"{METADATA} is not the JSON that the generator writes")


def _parse(text: str, check: Check) -> Dict[str, Any]:
    """Return the value of each key; the long lists are read entry by entry."""
    cursor = JsonCursor(text, check=check)
    metadata: Dict[str, Any] = {}
    for key in cursor.entries():
        check()
        if len(metadata) > _KEYS:
            raise TooManyValuesError
        if key == "fields":
            metadata[key] = [_read_field(entry) for entry in _entries(cursor, check)]
        elif key == "input_variables":
            metadata[key] = [_read_variable(entry) for entry in _entries(cursor, check)]
        else:
            metadata[key] = cursor.bounded_value()
    if not cursor.is_at_end():
        raise ValueError
    return metadata


def _entries(cursor: JsonCursor, check: Check) -> Iterator[Any]:
    for index, _ in enumerate(checked(cursor.items(), check)):
        if index >= CHECKED_FIELDS:
            raise ArchiveLimitError(
                f"{METADATA} in the payload archive describes more than {CHECKED_FIELDS:,} fields. "
                "Name a payload.tar.gz that the generator made."
            )
        yield cursor.bounded_value()


def _read(metadata: Dict[str, Any], check: Check) -> Description:
    version = metadata["schema_version"]
    require(
        version in _READ_VERSIONS,
        f"{METADATA} is of schema version '{shown(version)}', not {SCHEMA_VERSION}",
    )
    fields = _with_variables(metadata["fields"], metadata["input_variables"], check)
    files = tuple(_read_file(entry) for entry in metadata["payloads"])
    paths = {file.path for file in files}
    require(len(paths) == len(files) > 0, f"{METADATA} lists a file twice, or none")
    require(
        metadata["content_types"] == media_types(file.content_type for file in files),
        f"content_types in {METADATA} are not those of its files",
    )
    count = metadata["sample_count"]
    require(
        type(count) is int and 1 <= count <= SAMPLES,
        f"sample_count in {METADATA} is not a number from 1 to {SAMPLES:,}",
    )
    warnings = metadata["warnings"]
    generator = [metadata["generator"]["name"], metadata["generator"]["version"]]
    require(
        isinstance(warnings, list) and all(map(is_text, generator + warnings)),
        f"generator or warnings in {METADATA} are not strings",
    )
    fields_from, family, recipe = None, None, None
    if version == SCHEMA_VERSION:
        fields_from = _read_fields_from(metadata["fields_from"])
        family, recipe = metadata["family"], metadata["recipe"]
        require(family is None or is_text(family), f"family in {METADATA} is not a string")
        require(
            recipe is None or recipe_of(recipe) is not None,
            f"recipe in {METADATA} is '{shown(recipe)}', which is not known",
        )
    naming = {key: metadata[key] for key in NAMING if key in metadata}
    return Description(
        " ".join(generator),
        files,
        fields,
        fields_from,
        family,
        recipe,
        count,
        tuple(warnings),
        naming,
    )


def _read_field(entry: Any) -> DescribedField:
    name, kind, source = entry["name"], entry["type"], entry["source"]
    shape = entry.get("shape", [])
    require(
        is_text(name) and bool(name) and kind in TYPES and source in VALUE_SOURCES,
        f"the field '{shown(name)}' in {METADATA} does not have a known type and source",
    )
    require(
        isinstance(shape, list)
        and len(shape) <= DIMENSIONS
        and all(type(n) is int and 0 < n < 2**31 for n in shape),
        f"the field '{shown(name)}' in {METADATA} has a shape that is not a list of numbers",
    )
    # The words are interned: a hundred thousand fields share a few of them.
    return DescribedField(name, intern(kind), intern(source), tuple(shape))


def _read_variable(entry: Any) -> Tuple[str, str]:
    name, word = entry
    require(
        isinstance(entry, list) and isinstance(name, str) and word in VARIABLES,
        f"input_variables in {METADATA} are invalid",
    )
    return name, intern(word)


def _with_variables(
    fields: List[DescribedField], variables: List[Tuple[str, str]], check: Check
) -> Tuple[DescribedField, ...]:
    """Return the fields with each one's kind of variable."""
    agree = len(fields) == len(variables) and all(
        name == field.name and (field.type == CATEGORICAL or word == variable_of(field.type))
        for field, (name, word) in checked(zip(fields, variables), check)
    )
    require(agree, f"input_variables in {METADATA} are not its fields")
    names = {field.name for field in checked(fields, check)}
    require(len(names) == len(fields) > 0, f"{METADATA} gives a field twice, or none")
    described = checked(zip(fields, variables), check)
    return tuple(field._replace(variable=word) for field, (_, word) in described)


def _read_fields_from(entry: Any) -> FieldsFrom:
    source, member = entry["source"], entry["member"]
    require(
        is_text(source) and (member is None or is_text(member)),
        f"fields_from in {METADATA} does not have a source and a member",
    )
    return FieldsFrom(source, member)


def _read_file(entry: Any) -> DescribedFile:
    path, media_type, parameters = entry["path"], entry["content_type"], entry["parameters"]
    require(len(parameters) <= 1, f"{METADATA} lists a file with several parameters")
    written = "; ".join([media_type, *(f"{name}={value}" for name, value in parameters.items())])
    try:
        (content_type, *more) = parse_content_types(written, METADATA)
    except InvalidSettingsError:
        fail(f"{METADATA} lists the content type '{shown(written)}', which is not known")
    require(
        not more
        and content_type.media_type == media_type
        and dict(content_type.parameters) == parameters
        and path == contract_path(content_type),
        f"{METADATA} lists '{shown(path)}' as '{shown(written)}', which belongs elsewhere",
    )
    return DescribedFile(path, content_type, entry["bytes"], entry["sha256"])
