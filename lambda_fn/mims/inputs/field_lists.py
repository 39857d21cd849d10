"""Hyperparameters, or the setting `FIELDS` → the input fields that they name."""

from __future__ import annotations

from itertools import islice
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

from mims.deadline import Check, checked, no_deadline
from mims.errors import (
    InvalidHyperparametersError,
    InvalidSettingsError,
    NoInputFieldsError,
    shown,
)
from mims.fields import CATEGORICAL, NUMERIC, TEXT, Field, NamedFields
from mims.inputs.field_info import InvalidFormError, read_field_info
from mims.inputs.hyperparameters import (
    Hyperparameters,
    as_name,
    decode,
    invalid_hyperparameter,
)
from mims.inputs.misspelt import misspelt_keys
from mims.limits import FIELDS, SHOWN_NAMES
from mims.values import is_unicode

# If none of the project's own keys names fields, a list of names under the first of these does.
_USUAL_KEYS = (
    "feature_names",
    "features",
    "input_features",
    "feature_list",
    "feature_columns",
    "feature_cols",
    "columns",
)
_TEXT_NAME_KEYS = ("text_name", "primary_text_name", "secondary_text_name")
_DEFAULT_EXCLUSIONS = {"label_name": "label", "id_name": "id"}
# All of the project's own keys: those that hold lists or objects, and those that hold a name.
_LIST_KEYS = (
    "field_info",
    "tab_field_list",
    "cat_field_list",
    "full_field_list",
    "task_label_names",
    "text_source_fields",
    "payload_settings",
)
_NAME_KEYS = (*_DEFAULT_EXCLUSIONS, *_TEXT_NAME_KEYS)


class Listed(NamedTuple):
    """The fields that the hyperparameters name.

    Attributes
    ----------
    fields
        In the order of the model's inputs; empty if none of the forms is present.
    warnings
        About the fields.
    is_feature_list
        They are a list of names without types, so they rank like a feature list.
    hint
        If there are no fields: sentences for the error, such as which keys hold lists of names.
    """

    fields: Tuple[Field, ...] = ()
    warnings: Tuple[str, ...] = ()
    is_feature_list: bool = False
    hint: str = ""


def listed_fields(hyperparameters: Hyperparameters, check: Check = no_deadline) -> Listed:
    """Return the input fields that the hyperparameters name.

    They are taken from the first of `field_info`; `tab_field_list` and `cat_field_list`, with the
    raw text fields; `full_field_list`; a list of names under one of the usual keys. Label, id and
    task labels are left out.

    Raises
    ------
    InvalidHyperparametersError
        The value of a key is not the list, names or objects that it should be.
    NoInputFieldsError
        One of the forms is present, but no field is left.
    """
    misspelt = misspelt_keys(hyperparameters, _LIST_KEYS, _NAME_KEYS)
    form = _first_form(hyperparameters, check)
    if form is None:
        return Listed(warnings=misspelt, hint=_hint(hyperparameters, misspelt, check))
    excluded, by_default = _exclusions(hyperparameters)
    fields: Dict[str, Field] = {}
    left_out: Set[str] = set()
    for field in checked(form.fields, check):
        if field.name in excluded:
            left_out.add(field.name)
        else:
            fields.setdefault(field.name, field)
    if not fields:
        raise NoInputFieldsError(
            "The hyperparameters name no input field. Have the training job write field_info, "
            "tab_field_list and cat_field_list, or full_field_list, with other names than "
            f"label_name, id_name and task_label_names. "
            f"{_hint(hyperparameters, misspelt, check)}".strip()
        )
    for name in checked(fields, check):
        if not is_unicode(name):
            raise InvalidHyperparametersError(
                f"The field name '{shown(name)}' must be valid Unicode; it holds half of a "
                "surrogate pair. Rename the field."
            )
    warnings = (
        *form.warnings,
        *_left_out_by_default(left_out, by_default),
        *misspelt,
    )
    return Listed(tuple(fields.values()), warnings, form.is_feature_list)


def parse_fields(value: Any, setting: str, check: Check = no_deadline) -> NamedFields:
    """Return the fields that the setting `FIELDS` names, and warnings; none is left out.

    Parameters
    ----------
    value
        Any form of `field_info`; a list of names, which are numeric; a whole number of numeric
        fields `f0`, `f1`, …; or a string: one of these as JSON, or names separated by commas.
    setting
        The setting's name, for the message.

    Raises
    ------
    InvalidSettingsError
        It is none of these; the message names setting and value.
    """
    try:
        described = decode(value, check)
        if isinstance(described, int) and not isinstance(described, bool):
            if not 1 <= described <= FIELDS:
                raise InvalidFormError("", f"must be a whole number from 1 to {FIELDS:,}")
            return tuple(Field(f"f{index}", NUMERIC) for index in range(described)), ()
        if isinstance(described, str) and described.lstrip()[:1] not in ("[", "{"):
            described = [name.strip() for name in described.split(",") if name.strip()]
        warnings: Tuple[str, ...] = ()
        if isinstance(described, list) and all(as_name(name) for name in checked(described, check)):
            names = dict.fromkeys(map(str, described))
            fields = tuple(Field(name, NUMERIC) for name in checked(names, check))
        else:
            fields, warnings = read_field_info(described, check)
        if not fields:
            raise InvalidFormError("", "must name a field")
        for field in checked(fields, check):
            if not is_unicode(field.name):
                raise InvalidFormError("", "must hold names of valid Unicode")
    except InvalidFormError as error:
        raise InvalidSettingsError(
            f"{setting}{error.where} {error.must}; {setting} is '{shown(value)}'. It takes names "
            f"(a list, or a string with commas between them), a number of fields from 1 to "
            f"{FIELDS:,}, or name → type as field_info does."
        ) from None
    return fields, warnings


class _Form(NamedTuple):
    fields: Iterable[Field]
    warnings: Tuple[str, ...] = ()
    is_feature_list: bool = False


def _first_form(hyperparameters: Hyperparameters, check: Check) -> Optional[_Form]:
    field_info = hyperparameters.value("field_info")
    if field_info is not None:
        try:
            return _Form(*read_field_info(field_info, check))
        except InvalidFormError as error:
            invalid_hyperparameter(f"field_info{error.where}", error.must)
    numeric = hyperparameters.names("tab_field_list")
    categorical = hyperparameters.names("cat_field_list")
    if numeric is not None or categorical is not None:
        return _Form(_by_type(numeric or (), categorical or (), hyperparameters))
    names = hyperparameters.names("full_field_list")
    if names is not None:
        warning = (
            "The hyperparameters hold full_field_list alone: every field in it counts as text. "
            "Have the training job write tab_field_list and cat_field_list, or field_info."
        )
        return _Form((Field(name, TEXT) for name in names), (warning,) * bool(names), True)
    for key in _USUAL_KEYS:
        names = _usual_names(hyperparameters.value(key), check)
        if names:
            warning = (
                f"The fields are those that the hyperparameter {key} lists, without their types: "
                "they are assumed to be numeric. Have the training job write field_info."
            )
            return _Form((Field(name, NUMERIC) for name in names), (warning,), True)
    return None


def _by_type(
    numeric: Tuple[str, ...], categorical: Tuple[str, ...], hyperparameters: Hyperparameters
) -> Iterator[Field]:
    """Yield the fields of the numeric and the categorical list, and the raw text fields."""
    names = (hyperparameters.name(key) for key in _TEXT_NAME_KEYS)
    text = [name for name in names if name is not None]
    for name in numeric:
        yield Field(name, NUMERIC)
    for name in categorical:
        yield Field(name, TEXT if name in text else CATEGORICAL)
    # If the text is composed of source fields, its own name is not an input.
    if hyperparameters.value("text_source_fields") is None:
        for name in text:
            yield Field(name, TEXT)


def _usual_names(value: Any, check: Check) -> Optional[Tuple[str, ...]]:
    """Return the names under one of the usual keys; `None` if it holds something else.

    Integers count as names only if they are those that pandas gives to the columns of a table
    without a header; other numbers are the sizes of a network's layers, or the like.
    """
    if not isinstance(value, list) or not all(as_name(name) for name in checked(value, check)):
        return None
    if all(isinstance(name, int) for name in value) and value != list(range(len(value))):
        return None
    return tuple(dict.fromkeys(map(str, value)))


def _exclusions(hyperparameters: Hyperparameters) -> Tuple[Set[str], Dict[str, str]]:
    """Return the names that are left out, and name → key for those left out only by default."""
    given = {key: hyperparameters.name(key) for key in _DEFAULT_EXCLUSIONS}
    excluded = set(hyperparameters.names("task_label_names") or ())
    excluded.update(name for name in given.values() if name is not None)
    by_default = {
        default: key
        for key, default in _DEFAULT_EXCLUSIONS.items()
        if given[key] is None and default not in excluded
    }
    return excluded.union(by_default), by_default


def _left_out_by_default(left_out: Set[str], by_default: Mapping[str, str]) -> Tuple[str, ...]:
    names = [name for name in by_default if name in left_out]
    if not names:
        return ()
    listed = ", ".join(f"'{name}' (to keep it, give {by_default[name]})" for name in names)
    return (f"Left out, since their names are not those of inputs: {listed}.",)


def _hint(hyperparameters: Hyperparameters, misspelt: Tuple[str, ...], check: Check) -> str:
    """Return sentences about what in the hyperparameters may have been meant to name fields."""
    of_names = (
        key for key in checked(hyperparameters, check) if _holds_texts(hyperparameters.value(key))
    )
    keys = list(islice(of_names, SHOWN_NAMES + 1))  # decoding all of a million would take long
    sentences: List[str] = list(misspelt)
    if keys:
        listed = ", ".join(f"'{shown(key)}'" for key in keys[:SHOWN_NAMES])
        more = ", …" if len(keys) > SHOWN_NAMES else ""
        sentences.append(f"Lists of names stand under these keys: {listed}{more}.")
    return " ".join(sentences)


def _holds_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)
