"""Fields and settings → samples: the value of each field, and where it came from."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Dict, List, Mapping, NoReturn, Optional, Sequence, Tuple

from mims.errors import InvalidHyperparametersError, InvalidSettingsError, PayloadError, shown
from mims.fields import CATEGORICAL, NUMERIC, Field
from mims.inputs.hyperparameters import decode
from mims.samples import DEFAULT, FIELD_DEFAULT, FIELD_INFO, SPECIAL_FIELD, TRAINING, Samples, Value
from mims.settings import Settings
from mims.values import is_unicode, number, text


def make_samples(
    fields: Sequence[Field],
    hyperparameters: Mapping[str, Any],
    settings: Settings,
    modified: int,
) -> Samples:
    """Return the samples for the fields.

    `modified`, in seconds since the epoch, is the time that `{timestamp}` stands for.

    Raises
    ------
    InvalidSettingsError, InvalidHyperparametersError
        A value does not fit its field; the message names the field.
    """
    warnings: List[str] = []
    special = _special_values(fields, settings, warnings)
    training = _training_values(fields, hyperparameters) if settings.realistic_values else {}
    timestamp = _timestamp(modified)
    values: List[Tuple[Value, ...]] = []
    sources: List[str] = []
    for field in fields:
        given: Any
        if field.name in special:
            given, source = special[field.name], SPECIAL_FIELD
        elif field.name in settings.field_defaults:
            given, source = settings.field_defaults[field.name], FIELD_DEFAULT
        elif field.example is not None:
            given, source = field.example, FIELD_INFO
        elif field.name in training:
            given, source = training[field.name], TRAINING
        else:
            given, source = _default(field, settings), DEFAULT
        if source in (SPECIAL_FIELD, FIELD_DEFAULT):
            given = _stamped(given, timestamp)
        values.append(_checked(field, given, source))
        sources.append(source)
    return Samples(
        tuple(fields), tuple(values), tuple(sources), settings.sample_count, tuple(warnings)
    )


def _special_values(
    fields: Sequence[Field], settings: Settings, warnings: List[str]
) -> Dict[str, Any]:
    """Return field name → value, the request's `field_values` laid over the environment's."""
    names = {field.name for field in fields}
    by_variable: Dict[str, List[str]] = {}
    for name in names if settings.special_fields else ():
        by_variable.setdefault(_as_variable(name), []).append(name)
    claims: Dict[str, List[str]] = {}
    for variable in sorted(settings.special_fields):  # the environment has no order
        if variable in names:
            continue
        candidates = by_variable.get(_as_variable(variable), [])
        if not candidates:
            warnings.append(
                f"SPECIAL_FIELD_{shown(variable)} matches no input field of this model."
            )
        elif len(candidates) > 1:
            listed = ", ".join(f"'{shown(name)}'" for name in sorted(candidates))
            warnings.append(
                f"SPECIAL_FIELD_{shown(variable)} was not applied: it matches several fields "
                f"({listed}). Name each in FIELD_DEFAULTS."
            )
        else:
            claims.setdefault(candidates[0], []).append(variable)
    special = {name: settings.special_fields[name] for name in names & {*settings.special_fields}}
    for name, variables in claims.items():
        if len(variables) == 1 and name not in special:
            special[name] = settings.special_fields[variables[0]]
            continue
        listed = ", ".join(f"SPECIAL_FIELD_{shown(variable)}" for variable in sorted(variables))
        warnings.append(
            f"{listed} not applied: the field '{shown(name)}' is matched by several variables. "
            "Keep one of them."
        )
    for name in sorted(settings.field_values):
        if name in names:
            special[name] = settings.field_values[name]
        else:
            warnings.append(f"field_values names '{shown(name)}', no input field of this model.")
    return special


def _as_variable(name: str) -> str:
    """Return a field's name as a variable can spell it: Lambda and SageMaker allow no dots."""
    return re.sub("[^A-Za-z0-9]", "_", name).lower()


def _training_values(
    fields: Sequence[Field], hyperparameters: Mapping[str, Any]
) -> Dict[str, List[Any]]:
    """Return field name → values that training recorded, those of no use left out."""
    imputed = _object(hyperparameters, "imputation_dict")
    risk_tables = _object(hyperparameters, "risk_tables")
    training: Dict[str, List[Any]] = {}
    for field in fields:
        if field.type == NUMERIC and number(imputed.get(field.name)) is not None:
            training[field.name] = [imputed[field.name]]
        elif field.type == CATEGORICAL:
            table = decode(risk_tables.get(field.name))
            # Some trainers keep the risks by category in a table of their own.
            bins = table.get("bins") if isinstance(table, dict) else None
            table = bins if isinstance(bins, dict) else table
            categories = list(table) if isinstance(table, dict) else []
            categories = categories or [c for c in field.categories if text(c) is not None]
            if categories:
                training[field.name] = categories
    return training


def _object(hyperparameters: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = decode(hyperparameters.get(key))
    if value is not None and not isinstance(value, dict):
        raise InvalidHyperparametersError(
            f"The hyperparameter {key} is no object. Have the training job write it as an object "
            "by field name, or turn REALISTIC_VALUES off."
        )
    return value or {}


def _default(field: Field, settings: Settings) -> Value:
    if field.type == NUMERIC:
        return settings.default_numeric_value
    if field.type == CATEGORICAL:
        return settings.default_categorical_value
    return settings.default_text_value


def _timestamp(modified: int) -> str:
    try:
        time = datetime(1970, 1, 1) + timedelta(seconds=modified)
    except OverflowError:  # no year that a calendar has: as good as no time
        time = datetime(1970, 1, 1)
    # strftime does not pad years before 1000 everywhere.
    return time.isoformat(" ", "seconds")


def _stamped(given: Any, timestamp: str) -> Any:
    if isinstance(given, list):
        return [_stamped(item, timestamp) for item in given]
    return given.replace("{timestamp}", timestamp) if isinstance(given, str) else given


def _checked(field: Field, given: Any, source: str) -> Tuple[Value, ...]:
    """Return the values as the field's type has them."""
    listed = given if isinstance(given, list) else [given]
    if not listed:
        _misfit(field, source, given, "an empty list")
    checked: List[Value] = []
    for item in listed:
        value: Optional[Value] = number(item) if field.type == NUMERIC else text(item)
        if value is None:
            wanted = "a finite number" if field.type == NUMERIC else "a text or a number"
            _misfit(field, source, item, f"not {wanted}")
        if isinstance(value, str) and not is_unicode(value):
            _misfit(field, source, item, "no valid Unicode (half of a surrogate pair)")
        checked.append(value)
    return tuple(checked)


def _misfit(field: Field, source: str, given: Any, what: str) -> NoReturn:
    fault = f"The {field.type} field '{shown(field.name)}' is given a value that is {what}"
    error: PayloadError
    if source in (SPECIAL_FIELD, FIELD_DEFAULT):
        where = "SPECIAL_FIELD_* or field_values" if source == SPECIAL_FIELD else "FIELD_DEFAULTS"
        error = InvalidSettingsError(f"{fault}: '{shown(given)}'. Correct it in {where}.")
    else:  # a hyperparameter's value is never named
        where = "field_info" if source == FIELD_INFO else "risk_tables"
        error = InvalidHyperparametersError(
            f"{fault}. Correct it in {where} of the hyperparameters."
        )
    raise error
