"""What training recorded of its data → realistic values for the fields, if these are wanted."""

from __future__ import annotations

from itertools import islice
from typing import Any, Dict, List, Mapping, Sequence

from mims.deadline import Check, checked
from mims.fields import BOOLEAN, CATEGORICAL, CODES, INTEGER, NUMERIC, Field
from mims.given_values import fitting_values
from mims.inputs.hyperparameters import Hyperparameters, decode
from mims.limits import SAMPLES
from mims.samples import Value
from mims.settings import Settings
from mims.shapes import convert_elements, filled
from mims.values import number, text, whole_number


def recorded_values(
    fields: Sequence[Field],
    hyperparameters: Hyperparameters,
    training: Mapping[str, Sequence[Any]],
    settings: Settings,
    check: Check,
) -> Dict[str, List[Any]]:
    """Return field name → the values that training recorded, without those that do not fit.

    Parameters
    ----------
    training
        Field name → values that the model's own files recorded.

    Raises
    ------
    InvalidHyperparametersError
        A hyperparameter that records them is not an object.
    """
    imputed = hyperparameters.object("imputation_dict") or {}
    risk_tables = hyperparameters.object("risk_tables") or {}
    recorded: Dict[str, List[Any]] = {}
    for field in checked(fields, check):
        values: Sequence[Any] = training.get(field.name, ())
        if field.type in (NUMERIC, INTEGER) and number(imputed.get(field.name)) is not None:
            values = [filled(field.shape, imputed[field.name])]
        elif field.type == CATEGORICAL:
            table = decode(risk_tables.get(field.name), check)
            values = _categories(field, table, values, settings.numbers_alone)
        if field.type == INTEGER:
            values = [convert_elements(value, _whole, check) for value in checked(values, check)]
        kept = list(islice(fitting_values(field, values, check), settings.sample_count))
        if kept:
            recorded[field.name] = kept
    return recorded


def _categories(
    field: Field, table: Any, training: Sequence[Any], numbers_alone: bool
) -> Sequence[Any]:
    """Return the categories that training saw, or the number of each for servers of numbers."""
    # Some trainers keep the risk of each category in a table within the table.
    bins = table.get("bins") if isinstance(table, dict) else None
    table = bins if isinstance(bins, dict) else table
    if isinstance(table, dict) and table:
        if not numbers_alone:
            return list(table)
        return [value for value in table.values() if number(value) is not None]
    known = () if field.categories == CODES else field.categories
    some = training or known[:SAMPLES]  # more are never used
    categories = [category for category in some if text(category) is not None]
    return [c for c in categories if is_numeric(c, field)] if numbers_alone else categories


def is_numeric(value: Value, field: Field) -> bool:
    """Say whether a value is missing, a number, or spells one; of a list, whether all of it is."""
    if isinstance(value, list):
        return all(is_numeric(item, field) for item in value)
    if isinstance(value, bool):  # a category that is true stays true, where a boolean becomes 1
        return field.type == BOOLEAN
    return value is None or number(value) is not None


def _whole(value: Any) -> Any:
    """Return a number's whole part; `None` for anything else."""
    whole, converted = whole_number(value), number(value)
    return int(converted) if whole is None and converted is not None else whole
