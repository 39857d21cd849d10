"""Fields and settings → samples: the value of each field, and where it came from."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import partial
from heapq import nsmallest
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from mims.deadline import Check, checked, no_deadline
from mims.errors import PayloadTooLargeError, shown
from mims.fields import BOOLEAN, CATEGORICAL, DATETIME, INTEGER, NUMERIC, TEXT, Field
from mims.given_values import Categories, Given, typed_values
from mims.inputs.hyperparameters import Hyperparameters
from mims.limits import DIMENSIONS, REQUEST_BYTES, SAMPLE_VALUES
from mims.recorded import is_numeric, recorded_values
from mims.samples import (
    DEFAULT,
    FIELD_DEFAULT,
    FIELD_INFO,
    SPECIAL_FIELD,
    TRAINING,
    Samples,
    Value,
)
from mims.setting_layers import PAYLOAD_SETTINGS, FieldValues
from mims.settings import Settings
from mims.shapes import convert_elements, filled
from mims.wording import of_kind, of_names, shown_short

_IN_PAYLOAD_SETTINGS = "payload_settings.field_values of the hyperparameters"


def make_samples(
    fields: Sequence[Field],
    hyperparameters: Hyperparameters,
    training: Mapping[str, Sequence[Any]],
    settings: Settings,
    modified: int,
    check: Check = no_deadline,
    fields_origin: str = "",
) -> Samples:
    """Return the samples for the fields.

    Parameters
    ----------
    training
        Field name → values that the model's own files recorded.
    modified
        Seconds since the epoch: the time for `{timestamp}`, and the default of datetimes.
    fields_origin
        The setting that named the fields and gave their examples; empty if the model did.

    Raises
    ------
    InvalidSettingsError, InvalidHyperparametersError
        A value does not fit its field; the message names the field.
    PayloadTooLargeError
        One sample has more values than a request can carry.
    """
    if sum(field.size + field.list_count for field in checked(fields, check)) > SAMPLE_VALUES:
        raise PayloadTooLargeError(
            f"One sample of the {len(fields):,} fields has more than {SAMPLE_VALUES:,} values and "
            f"lists, more than a request of {REQUEST_BYTES:,} bytes can carry. Check their shapes."
        )
    for field in checked(fields, check):
        if len(field.shape) > DIMENSIONS:
            raise PayloadTooLargeError(
                f"The field '{shown(field.name)}' has a shape of {len(field.shape):,} dimensions; "
                f"a payload carries at most {DIMENSIONS}. Check its shape."
            )
    warnings: List[str] = []
    special = _special_values(fields, settings, warnings, check)
    recorded = (
        recorded_values(fields, hyperparameters, training, settings, check)
        if settings.realistic_values
        else {}
    )
    time = _time(modified)
    values: List[Tuple[Value, ...]] = []
    sources: List[str] = []
    not_numbers: List[str] = []
    for field in checked(fields, check):
        given = _given(field, special, settings, recorded, fields_origin)
        if given is None:
            listed: Any = _default(field, settings, time)
            values.append((filled(field.shape, listed),))
            sources.append(DEFAULT)
            if settings.numbers_alone and not is_numeric(listed, field):
                not_numbers.append(field.name)  # by a default of the settings
            continue
        if given.source in (SPECIAL_FIELD, FIELD_DEFAULT):
            stamped = partial(_stamped, time.isoformat(" ", "seconds"))
            given = given._replace(value=convert_elements(given.value, stamped, check))
        typed = typed_values(field, given, settings.sample_count, check)
        if settings.numbers_alone and not is_numeric(list(typed), field):
            not_numbers.append(field.name)
        values.append(typed)
        sources.append(given.source)
    warnings += of_names(
        "The recipe's server takes only numbers, but these fields are given other values, which "
        "stay: {names}.",
        not_numbers,
    )
    return Samples(
        tuple(fields), tuple(values), tuple(sources), settings.sample_count, tuple(warnings)
    )


def _given(
    field: Field,
    special: Mapping[str, Given],
    settings: Settings,
    recorded: Mapping[str, List[Any]],
    fields_origin: str,
) -> Optional[Given]:
    """Return the value that is given for the field; `None` if there is none."""
    if field.name in special:
        return special[field.name]
    if field.name in settings.field_defaults:
        return Given(settings.field_defaults[field.name], FIELD_DEFAULT, "FIELD_DEFAULTS")
    if field.example is not None:
        by_model = not fields_origin or fields_origin.startswith(PAYLOAD_SETTINGS)
        origin = fields_origin or "field_info"
        return Given(
            field.example,
            FIELD_INFO,
            f"{origin} of the hyperparameters" if by_model else origin,
            is_hyperparameter=by_model,
        )
    if field.name in recorded:
        return Given(recorded[field.name], TRAINING, "what training recorded", True)
    return None


def _special_values(
    fields: Sequence[Field], settings: Settings, warnings: List[str], check: Check
) -> Dict[str, Given]:
    """Return field name → value; later layers of the settings win over earlier ones."""
    special: Dict[str, Given] = {}
    names = {field.name: None for field in checked(fields, check)}
    by_variable: Optional[Dict[str, List[str]]] = None
    for layer in settings.field_values:
        if layer.by_variable:
            if by_variable is None:
                by_variable = {}
                for name in checked(names, check):
                    by_variable.setdefault(_as_variable(name), []).append(name)
            matched = _matched(layer, names, by_variable, warnings, check)
        else:
            matched = {name: value for name, value in layer.values.items() if name in names}
            warnings += of_names(
                f"{layer.origin} names what is not an input field of this model: {{names}}.",
                sorted(name for name in layer.values if name not in names),
            )
        is_hyperparameter = layer.origin == PAYLOAD_SETTINGS
        origin = _IN_PAYLOAD_SETTINGS if is_hyperparameter else layer.origin
        for name, value in matched.items():
            special[name] = Given(value, SPECIAL_FIELD, origin, is_hyperparameter)
    return special


def _matched(
    layer: FieldValues,
    names: Mapping[str, None],
    by_variable: Mapping[str, List[str]],
    warnings: List[str],
    check: Check,
) -> Dict[str, Any]:
    """Return field name → value, for values that are given by the names of variables."""
    matched = {name: value for name, value in layer.values.items() if name in names}
    claims: Dict[str, List[str]] = {}
    unmatched: List[str] = []
    ambiguous: List[str] = []
    first: Dict[str, List[str]] = {}  # of the fields that many variables may match
    for variable in checked(sorted(layer.values), check):  # the environment has no order
        if variable in names:
            continue
        spelled = _as_variable(variable)
        candidates = by_variable.get(spelled, [])
        if not candidates:
            unmatched.append(f"SPECIAL_FIELD_{variable}")
        elif len(candidates) > 1:
            if spelled not in first:
                check()
                first[spelled] = nsmallest(3, candidates)
            listed = ", ".join(f"'{shown_short(name)}'" for name in first[spelled])
            ambiguous.append(f"SPECIAL_FIELD_{shown_short(variable)} ({listed})")
        else:
            claims.setdefault(candidates[0], []).append(variable)
    warnings += of_names(
        "What these variables name is not an input field of this model: {names}.", unmatched
    )
    warnings += of_kind(
        "What matches several fields was not applied: {names}. Name each in FIELD_DEFAULTS.",
        ambiguous,
    )
    contested: List[str] = []
    for name, variables in claims.items():
        if len(variables) == 1 and name not in matched:
            matched[name] = layer.values[variables[0]]
            continue
        listed = ", ".join(f"SPECIAL_FIELD_{shown_short(v)}" for v in sorted(variables)[:3])
        contested.append(f"'{shown_short(name)}' ({listed})")
    warnings += of_kind(
        "Variables that match the same field were not applied: {names}. Keep one of them.",
        contested,
    )
    return matched


def _as_variable(name: str) -> str:
    """Return a field's name as a variable can spell it: Lambda and SageMaker allow no dots."""
    return re.sub("[^A-Za-z0-9]", "_", name).lower()


def _default(field: Field, settings: Settings, time: datetime) -> Value:
    if field.known is not None and not _is_default_set(field, settings):
        return field.known
    if field.type == NUMERIC:
        return float(settings.default_numeric_value)
    if field.type == INTEGER:
        return int(settings.default_numeric_value)
    if field.type == BOOLEAN:
        return False
    if field.type == DATETIME:
        if settings.default_datetime_value is not None:
            return settings.default_datetime_value
        return time.date().isoformat() if field.date_only else time.isoformat("T", "seconds")
    if field.type == CATEGORICAL:
        if settings.default_categorical_value is not None:
            return Categories(field).given(settings.default_categorical_value)
        if field.categories:
            return field.categories[0]
    if field.mask:
        return _masked(settings.default_text_value, field.mask)
    return settings.default_text_value


def _is_default_set(field: Field, settings: Settings) -> bool:
    """Say whether a setting gives the default of fields of that type."""
    if field.type == TEXT:
        return bool(settings.default_text_value != Settings.default_text_value)
    if field.type in (NUMERIC, INTEGER):
        return settings.default_numeric_value != Settings.default_numeric_value
    return False


def _masked(default: Value, mask: str) -> Value:
    """Return the default with the mask in it, if it is a string."""
    if not isinstance(default, str) or mask in default:
        return default
    return f"{default} {mask}" if default else mask


def _time(modified: int) -> datetime:
    try:
        return datetime(1970, 1, 1) + timedelta(seconds=modified)
    except OverflowError:  # a year that no calendar has
        return datetime(1970, 1, 1)


def _stamped(timestamp: str, given: Any) -> Any:
    return given.replace("{timestamp}", timestamp) if isinstance(given, str) else given
