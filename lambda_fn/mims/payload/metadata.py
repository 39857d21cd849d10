"""`metadata.json`: what a payload archive says of its files, written and read here alone."""

from __future__ import annotations

from sys import intern
from typing import (
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from mims.deadline import Check, checked, nothing
from mims.errors import (
    ArchiveLimitError,
    InvalidHyperparametersError,
    InvalidSettingsError,
    shown,
)
from mims.fields import BOOLEAN, CATEGORICAL, INTEGER, NUMERIC, TYPES, Field
from mims.formats.format import Format
from mims.formats.json_text import dumps
from mims.formats.registry import media_types, parse_content_types
from mims.inputs.hyperparameters import Hyperparameters
from mims.json_parsing import JsonCursor, TooManyValuesError
from mims.limits import CHECKED_FIELDS, DIMENSIONS, SAMPLES
from mims.payload.files import METADATA, PayloadFile, contract_path
from mims.payload.members import fail, require
from mims.recipes import recipe_of
from mims.samples import VALUE_SOURCES, Samples
from mims.values import is_unicode, text
from mims.version import GENERATOR, VERSION

SCHEMA_VERSION = "1.1"
_READ_VERSIONS = (SCHEMA_VERSION, "1.0")  # the first version's had no fields_from, family, recipe
# Of the hyperparameters' values only these stand in it: they name the model.
_NAMING = ("model_class", "pipeline_name", "pipeline_version", "model_objective")
_KEYS = 100  # more than it has
_VARIABLES = ("NUMERIC", "TEXT")


class FieldsFrom(NamedTuple):
    """What named the fields, and the model's file that did, if one did."""

    source: str
    member: Optional[str]


class DescribedField(NamedTuple):
    """A field, where its value came from, and what it is to a model registration.

    `source` and `variable` are empty where the archive does not tell them (layout flat).
    """

    name: str
    type: str
    source: str = ""
    shape: Tuple[int, ...] = ()
    variable: str = ""


class DescribedFile(NamedTuple):
    """A payload file as it is listed; `size` and `sha256` are as it says, whatever that is."""

    path: str
    content_type: Format
    size: Any
    sha256: Any


class Description(NamedTuple):
    """All that `metadata.json` says.

    `naming` holds the hyperparameters that name the model.
    """

    generator: str
    files: Tuple[DescribedFile, ...]
    fields: Tuple[DescribedField, ...]
    fields_from: Optional[FieldsFrom]
    family: Optional[str]
    recipe: Optional[str]
    sample_count: int
    warnings: Tuple[str, ...]
    naming: Mapping[str, Any] = {}


def describe(
    files: Iterable[PayloadFile],
    samples: Samples,
    hyperparameters: Hyperparameters,
    fields_from: FieldsFrom,
    family: Optional[str],
    recipe: Optional[str],
    warnings: Sequence[str],
    check: Check = nothing,
) -> Description:
    """Return what there is to say of a payload; `check` is called meanwhile.

    Raises
    ------
    InvalidHyperparametersError
        A hyperparameter that names the model is not valid Unicode.
    """
    return Description(
        f"{GENERATOR} {VERSION}",
        tuple(
            DescribedFile(file.path, file.content_type, len(file.content), file.sha256)
            for file in files
        ),
        tuple(
            DescribedField(field.name, field.type, source, field.shape, _variable(field))
            for field, source in checked(zip(samples.fields, samples.sources), check)
        ),
        fields_from,
        family,
        recipe,
        samples.count,
        tuple(warnings),
        _naming(hyperparameters),
    )


def write_metadata(description: Description, check: Check = nothing) -> bytes:
    """Return `metadata.json`. (Piece by piece: a hundred thousand objects are never held.)"""
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
    return b"{" + b", ".join(b"%s: %s" % (dumps(key), part) for key, part in parts.items()) + b"}"


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


def _variable(field: Field) -> str:
    """Return what the field is to a model registration."""
    if field.type == CATEGORICAL and field.categories:
        are_numbers = all(
            isinstance(category, (int, float)) and not isinstance(category, bool)
            for category in field.categories
        )
        return "NUMERIC" if are_numbers else "TEXT"
    return _variable_of(field.type)


def _variable_of(kind: str) -> str:
    return _VARIABLE_OF.get(kind, "TEXT")


_VARIABLE_OF = {NUMERIC: "NUMERIC", INTEGER: "NUMERIC", BOOLEAN: "NUMERIC"}


def _naming(hyperparameters: Hyperparameters) -> Dict[str, Any]:
    naming: Dict[str, Any] = {}
    for key in _NAMING:
        value = hyperparameters.scalar(key)
        if text(value) is None:
            continue
        if isinstance(value, str) and not is_unicode(value):
            raise InvalidHyperparametersError(
                f"The hyperparameter {key} is not valid Unicode (it has half of a surrogate "
                "pair). Correct it in the training job."
            )
        naming[key] = value
    return naming


def read_metadata(content: bytes, check: Check = nothing) -> Description:
    """Return what `metadata.json` says; its parts agree with each other.

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
    """Return what stands under each key, the long lists of it entry by entry."""
    cursor = JsonCursor(text)
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
        f"generator or warnings in {METADATA} are not texts",
    )
    fields_from, family, recipe = None, None, None
    if version == SCHEMA_VERSION:
        fields_from = _read_fields_from(metadata["fields_from"])
        family, recipe = metadata["family"], metadata["recipe"]
        require(family is None or is_text(family), f"family in {METADATA} is not a text")
        require(
            recipe is None or recipe_of(recipe) is not None,
            f"recipe in {METADATA} is '{shown(recipe)}', which is not known",
        )
    naming = {key: metadata[key] for key in _NAMING if key in metadata}
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


def is_text(value: object) -> bool:
    """Say whether a value is a text of valid Unicode."""
    return isinstance(value, str) and is_unicode(value)


def _read_field(entry: Any) -> DescribedField:
    name, kind, source = entry["name"], entry["type"], entry["source"]
    shape = entry.get("shape", [])
    require(
        is_text(name) and bool(name) and kind in TYPES and source in VALUE_SOURCES,
        f"the field '{shown(name)}' in {METADATA} has no known type and source",
    )
    require(
        isinstance(shape, list)
        and len(shape) <= DIMENSIONS
        and all(type(n) is int and 0 < n < 2**31 for n in shape),
        f"the field '{shown(name)}' in {METADATA} has a shape that is not a list of numbers",
    )
    # The words are shared: a hundred thousand fields have one of them each.
    return DescribedField(name, intern(kind), intern(source), tuple(shape))


def _read_variable(entry: Any) -> Tuple[str, str]:
    name, word = entry
    require(
        isinstance(entry, list) and isinstance(name, str) and word in _VARIABLES,
        f"input_variables in {METADATA} are invalid",
    )
    return name, intern(word)


def _with_variables(
    fields: List[DescribedField], variables: List[Tuple[str, str]], check: Check
) -> Tuple[DescribedField, ...]:
    """Return the fields with what each is to a model registration."""
    agree = len(fields) == len(variables) and all(
        name == field.name and (field.type == CATEGORICAL or word == _variable_of(field.type))
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
        f"fields_from in {METADATA} has no source and member",
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
