"""Columns that scikit-learn's encoders take as categories, and its vectorizers as text."""

from __future__ import annotations

import math
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from mims.fields import CATEGORICAL, TEXT, Field
from mims.inputs.arrays import listed
from mims.inputs.nodes import Instance

TEXT_MODULE = "sklearn.feature_extraction.text"
WANTED = frozenset(("transformers_", "_transformer_to_input_indices", "_columns", "categories_"))
_ENCODING = ("sklearn.preprocessing", "category_encoders", "feature_engine", "sklearnex", "cuml")
_PARTS = ("steps", "transformer_list")
_DEPTH = 4  # pipelines within pipelines


class _Kind(NamedTuple):
    """The type of the columns that a transformer takes, and each one's categories."""

    type: str
    categories: Tuple[Tuple[Any, ...], ...] = ()


def is_vectorizer(value: Any) -> bool:
    """Say whether it takes a column of strings; a TfidfTransformer takes counts."""
    return (
        type(value) is Instance
        and value.made_by.module.startswith(TEXT_MODULE)
        and value.made_by.name.endswith("Vectorizer")
    )


def encoded(fields: Sequence[Field], encoder: Instance) -> Tuple[Field, ...]:
    """Return the fields with the categories of an encoder that takes all of them."""
    kind = _kind(encoder)
    if kind is None or len(kind.categories) != len(fields):
        return tuple(fields)
    return tuple(
        _of_kind(field, kind, position, len(fields)) for position, field in enumerate(fields)
    )


def typed(fields: Sequence[Field], transformer: Instance) -> Tuple[Field, ...]:
    """Return the fields of a ColumnTransformer with the types that its transformers take."""
    names = {field.name: position for position, field in enumerate(fields)}
    result = list(fields)
    attributes = transformer.attributes
    resolved = attributes.get("_transformer_to_input_indices")
    for entry in _entries(attributes.get("transformers_")):
        kind = _kind(entry[1])
        if kind is None:
            continue
        indices = listed(resolved.get(entry[0])) if type(resolved) is dict else None
        positions = _positions(entry[2] if indices is None else indices, names)
        for index, position in enumerate(positions):
            if result[position].type != CATEGORICAL:
                result[position] = _of_kind(result[position], kind, index, len(positions))
    return tuple(result)


def _of_kind(field: Field, kind: _Kind, index: int, count: int) -> Field:
    categories = kind.categories[index] if len(kind.categories) == count else ()
    return field._replace(type=kind.type, categories=categories)


def _kind(transformer: Any, depth: int = _DEPTH) -> Optional[_Kind]:
    if type(transformer) is not Instance or not depth:
        return None
    if is_vectorizer(transformer):
        return _Kind(TEXT)
    made_by = transformer.made_by
    if made_by.module.startswith(_ENCODING) and made_by.name.endswith("Encoder"):
        listed_categories = listed(transformer.attributes.get("categories_")) or []
        return _Kind(CATEGORICAL, tuple(_categories(values) for values in listed_categories))
    for key in _PARTS:
        for step in listed(transformer.attributes.get(key)) or ():
            kind = _kind(step[1], depth - 1) if type(step) is tuple and len(step) > 1 else None
            if kind is not None:
                return kind
    return None


def _categories(values: Any) -> Tuple[Any, ...]:
    """Return those categories of a column that a payload can hold: a missing value is not one."""
    return tuple(
        value
        for value in listed(values) or ()
        if type(value) in (str, int, bool) or (type(value) is float and math.isfinite(value))
    )


def _entries(transformers: Any) -> List[Tuple[Any, Any, Any]]:
    """Return the name, transformer and columns of each entry."""
    return [
        entry for entry in listed(transformers) or () if type(entry) is tuple and len(entry) == 3
    ]


def _positions(columns: Any, names: Dict[str, int]) -> List[int]:
    """Return the positions of columns: of a name, an index, a list of these, a mask, a slice."""
    count = len(names)
    if type(columns) is Instance and columns.made_by.name == "slice":
        bounds = columns.arguments
        if len(bounds) == 3 and all(bound is None or type(bound) is int for bound in bounds):
            return list(range(count))[slice(*bounds)] if bounds[2] != 0 else []
        return []
    values = [columns] if type(columns) in (str, int) else listed(columns) or []
    if len(values) == count and all(type(value) is bool for value in values):
        return [position for position, value in enumerate(values) if value]
    positions = []
    for value in values:
        position = names.get(value) if type(value) is str else value
        if type(position) is not int or not -count <= position < count:
            return []
        positions.append(position % count)
    return positions
