"""The payload generator's core: the bytes of a model and settings in, a payload out.

It needs only the standard library, and uses no clock, environment, network or disk. (`mims` is a
name, not an abbreviation.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from mims.deadline import Check, no_deadline
from mims.errors import PayloadTooLargeError
from mims.formats.format import Format
from mims.formats.registry import media_types, parse_content_types
from mims.inputs.hyperparameters import Hyperparameters
from mims.inputs.model_files import ModelFile
from mims.inputs.model_inputs import Consult, ModelInputs, Wishes
from mims.inputs.search import search_archive, search_files
from mims.limits import CHECKED_FIELDS, SERVERLESS_BYTES
from mims.payload.archive import create_payload_archive
from mims.payload.description import FieldsFrom, describe
from mims.payload.files import PayloadFile, generate_sample_payload
from mims.payload.metadata import write_metadata
from mims.recipes import AUTO, recipe_of
from mims.sampling import make_samples
from mims.setting_layers import PAYLOAD_SETTINGS, read_payload_settings
from mims.setting_table import CONTRACT
from mims.settings import GivenSettings, Settings
from mims.values import as_unicode
from mims.wording import bounded, of_kind


@dataclass(frozen=True)
class Payload:
    """A `payload.tar.gz` and what is in it; `content_types` are the media types of its bodies.

    `settings_warnings` are about the settings alone, and not in `metadata.json`.
    """

    archive: bytes
    content_types: Tuple[str, ...]
    field_count: int
    sample_count: int
    fields_from: FieldsFrom
    family: Optional[str]
    recipe: Optional[str]
    warnings: Tuple[str, ...]
    settings_warnings: Tuple[str, ...] = ()

    @property
    def all_warnings(self) -> List[str]:
        return bounded([*self.settings_warnings, *self.warnings])


def generate(
    chunks: Iterable[bytes], given: Optional[GivenSettings] = None, check: Check = no_deadline
) -> Payload:
    """Return the payload for the model archive whose bytes are `chunks`.

    >>> generate([open("model.tar.gz", "rb").read()]).archive  # doctest: +SKIP

    Parameters
    ----------
    chunks
        The archive in order, in pieces of any size.
    given
        The settings, as `mims.settings.read_settings` returns them.
    check
        Called at least every half second of work; it may raise, to end it.

    Raises
    ------
    PayloadError
        One of its classes, for whatever is wrong with the archive, its hyperparameters or the
        settings. What `chunks` itself and `check` raise passes through unchanged.
    """
    given = given or GivenSettings()
    return generate_from(find_inputs(chunks, given, check), given, check)


def find_inputs(
    chunks: Iterable[bytes], given: GivenSettings, check: Check = no_deadline
) -> ModelInputs:
    """Return the inputs of the model whose archive's bytes are `chunks`; raises as `generate`."""
    return search_archive(chunks, given.limits, _consultation(given, check), check)


def find_inputs_in_files(
    files: Iterable[ModelFile], given: GivenSettings, check: Check = no_deadline
) -> ModelInputs:
    """Return the inputs of a model whose files are in a folder; raises as `generate`."""
    return search_files(files, given.limits, _consultation(given, check), check)


def _consultation(given: GivenSettings, check: Check) -> Consult:
    """Return what the search asks for the settings, those in the hyperparameters included."""

    def consult(hyperparameters: Hyperparameters) -> Wishes:
        payload_settings = read_payload_settings(hyperparameters.value(PAYLOAD_SETTINGS), check)
        recipe = given.recipe_name(payload_settings)
        return Wishes(given.fields(payload_settings), family=recipe == AUTO)

    return consult


def generate_from(inputs: ModelInputs, given: GivenSettings, check: Check = no_deadline) -> Payload:
    """Return the payload for a model whose inputs are known; raises as `generate`."""
    _refuse_too_many_fields(len(inputs.fields))
    payload_settings = read_payload_settings(inputs.hyperparameters.value(PAYLOAD_SETTINGS), check)
    is_auto = given.recipe_name(payload_settings) == AUTO
    family = inputs.shown_family if is_auto else inputs.family
    settings = given.resolve(payload_settings, family, inputs.form, len(inputs.fields))
    samples = make_samples(
        inputs.fields,
        inputs.hyperparameters,
        inputs.training,
        settings,
        inputs.modified,
        check,
        given.fields_origin(payload_settings),
    )
    warnings = [
        *inputs.warnings,
        *settings.warnings,
        *_recipe_warnings(settings, inputs.shown_family),
        *samples.warnings,
    ]
    member = None if inputs.member is None else as_unicode(inputs.member)
    fields_from = FieldsFrom(inputs.source, member)
    recipe = settings.recipe.name if settings.recipe is not None else None
    sizes: Dict[Format, int] = {}
    files: Iterable[PayloadFile] = _measured(
        generate_sample_payload(samples, settings, check), sizes
    )
    metadata = b""
    if settings.layout == CONTRACT:
        files = list(files)
        description = describe(
            files,
            samples,
            inputs.hyperparameters,
            fields_from,
            family,
            recipe,
            bounded(warnings + _size_warnings(sizes)),
            check,
        )
        metadata = write_metadata(description, check)
    archive = create_payload_archive(files, metadata, check)
    return Payload(
        archive,
        tuple(media_types(settings.content_types)),
        len(samples.fields),
        samples.count,
        fields_from,
        family,
        recipe,
        tuple(bounded(warnings + _size_warnings(sizes))),
        given.warnings,
    )


def _refuse_too_many_fields(count: int) -> None:
    if count > CHECKED_FIELDS:
        raise PayloadTooLargeError(
            f"The model has {count:,} input fields; a payload has at most {CHECKED_FIELDS:,}. "
            "Check that what names them names the model's inputs."
        )


def _recipe_warnings(settings: Settings, family: Optional[str]) -> List[str]:
    """Return a warning where the model's own server reads none of the content types."""
    recipe = recipe_of(family)
    if settings.recipe is not None or recipe is None:
        return []
    bodies = {body for name in recipe.bodies for body in parse_content_types(name, "RECIPE")}
    names = {str(body) for body in bodies}
    if any(str(content_type) in names for content_type in settings.content_types):
        return []
    if any(content_type.templates for content_type in settings.content_types):
        return []
    return [
        f"The model is of the family {recipe.name}, whose own server reads none of these content "
        f"types ({', '.join(map(str, settings.content_types))}). RECIPE={recipe.name} (or auto) "
        f"makes what it reads: {recipe.body}."
    ]


def _measured(files: Iterable[PayloadFile], sizes: Dict[Format, int]) -> Iterator[PayloadFile]:
    """Pass the files on, and note the largest size, in bytes, of each content type."""
    for file in files:
        sizes[file.content_type] = max(len(file.content), sizes.get(file.content_type, 0))
        yield file


def _size_warnings(sizes: Dict[Format, int]) -> List[str]:
    large = [
        f"{content_type} has {size:,} bytes"
        for content_type, size in sizes.items()
        if size > SERVERLESS_BYTES
    ]
    return of_kind(
        f"The payload file of {{names}}, more than the {SERVERLESS_BYTES:,} that a serverless "
        "endpoint takes. For one, lower SAMPLE_COUNT (sample_count).",
        large,
    )
