"""Payload files and samples → the description of the payload, which goes into `metadata.json`."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Mapping, NamedTuple, Optional, Sequence, Tuple

from mims.deadline import Check, checked, no_deadline
from mims.errors import InvalidHyperparametersError
from mims.fields import BOOLEAN, CATEGORICAL, INTEGER, NUMERIC, Field
from mims.formats.format import Format
from mims.inputs.hyperparameters import Hyperparameters
from mims.payload.files import PayloadFile
from mims.samples import Samples
from mims.values import is_unicode, text
from mims.version import GENERATOR, VERSION

# The only hyperparameters whose values are in it: those that name the model.
NAMING = ("model_class", "pipeline_name", "pipeline_version", "model_objective")
# The kinds of variables in a model registration.
VARIABLES = _NUMERIC_VARIABLE, _TEXT_VARIABLE = "NUMERIC", "TEXT"


class FieldsFrom(NamedTuple):
    """What named the fields, and the model's file that did, if it was one."""

    source: str
    member: Optional[str]


class DescribedField(NamedTuple):
    """A field, where its value came from, and its kind of variable in a model registration.

    `source` and `variable` are empty if the archive does not have them (layout flat).
    """

    name: str
    type: str
    source: str = ""
    shape: Tuple[int, ...] = ()
    variable: str = ""


class DescribedFile(NamedTuple):
    """A payload file as it is listed; `size` and `sha256` are not checked yet."""

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
    check: Check = no_deadline,
) -> Description:
    """Return the description of a payload; `check` is called meanwhile.

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


def _variable(field: Field) -> str:
    """Return the field's kind of variable in a model registration."""
    if field.type == CATEGORICAL and field.categories:
        are_numbers = all(
            isinstance(category, (int, float)) and not isinstance(category, bool)
            for category in field.categories
        )
        return _NUMERIC_VARIABLE if are_numbers else _TEXT_VARIABLE
    return variable_of(field.type)


def variable_of(kind: str) -> str:
    """Return the kind of variable for a field of that type, regardless of its categories."""
    return _NUMERIC_VARIABLE if kind in (NUMERIC, INTEGER, BOOLEAN) else _TEXT_VARIABLE


def _naming(hyperparameters: Hyperparameters) -> Dict[str, Any]:
    naming: Dict[str, Any] = {}
    for key in NAMING:
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
