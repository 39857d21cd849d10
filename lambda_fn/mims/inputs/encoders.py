"""Columns that scikit-learn's encoders take as categories, and its vectorizers as text."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from mims.fields import CATEGORICAL, TEXT, Field
from mims.inputs.arrays import listed
from mims.inputs.nodes import Instance
from mims.inputs.shared_lists import Lists

TEXT_MODULE = "sklearn.feature_extraction.text"
WANTED = frozenset(("transformers_", "_transformer_to_input_indices", "_columns", "categories_"))
_ENCODING = ("sklearn.preprocessing", "category_encoders", "feature_engine", "sklearnex", "cuml")
_PARTS = ("steps", "transformer_list")
_DEPTH = 4  # pipelines, and ColumnTransformers, within each other


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


def encoded(fields: Sequence[Field], encoder: Instance, lists: Lists) -> Tuple[Field, ...]:
    """Return the fields with the categories of an encoder that takes all of them."""
    kind = _own_kind(encoder, lists)
    if kind is None or len(kind.categories) != len(fields):
        return tuple(fields)
    return tuple(
        _of_kind(field, kind, position, len(fields), lists) for position, field in enumerate(fields)
    )


def typed(fields: Sequence[Field], transformer: Instance, lists: Lists) -> Tuple[Field, ...]:
    """Return the fields of a ColumnTransformer with the types that its transformers take."""
    return tuple(_Typing(lists).typed(list(fields), transformer, _DEPTH))


class _Typing:
    """The types of a ColumnTransformer's fields, and of those of such a one within it.

    In a pickle one object can stand in many places: each encoder is looked at once, and entries
    and columns count as values of the pickle's lists.
    """

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._kinds: Dict[int, Optional[_Kind]] = {}

    def typed(self, fields: List[Field], transformer: Instance, depth: int) -> List[Field]:
        """Return the fields that a ColumnTransformer takes, with their types."""
        names = {field.name: position for position, field in enumerate(fields)}
        attributes = transformer.attributes
        resolved = attributes.get("_transformer_to_input_indices")
        for name, part, written in _entries(attributes.get("transformers_")):
            kind = self._kind(part, _DEPTH)
            is_nested = depth > 1 and type(part) is Instance and "transformers_" in part.attributes
            if kind is None and not is_nested:
                continue
            indices = listed(resolved.get(name)) if type(resolved) is dict else None
            columns = indices or listed(written) or fields
            if not self._lists.take(1 + len(columns)):
                break
            positions = _positions(written if indices is None else indices, names)
            nested: List[Field] = []
            if kind is None:
                nested = self.typed([fields[at] for at in positions], part, depth - 1)
            for index, position in enumerate(positions):
                field = fields[position]
                if field.type != CATEGORICAL:
                    fields[position] = (
                        nested[index]
                        if kind is None
                        else _of_kind(field, kind, index, len(positions), self._lists)
                    )
        return fields

    def _kind(self, transformer: Any, depth: int) -> Optional[_Kind]:
        """Return what a transformer takes; `None` if it takes numbers."""
        if type(transformer) is not Instance or not depth:
            return None
        if id(transformer) not in self._kinds:
            self._kinds[id(transformer)] = None  # it may be within itself
            self._kinds[id(transformer)] = _own_kind(
                transformer, self._lists
            ) or self._kind_of_parts(transformer, depth - 1)
        return self._kinds[id(transformer)]

    def _kind_of_parts(self, transformer: Instance, depth: int) -> Optional[_Kind]:
        for key in _PARTS:
            steps = listed(transformer.attributes.get(key)) or ()
            if not self._lists.take(len(steps)):
                break
            for step in steps:
                is_step = type(step) is tuple and len(step) > 1
                kind = self._kind(step[1], depth) if is_step else None
                if kind is not None:
                    return kind
        return None


def _of_kind(field: Field, kind: _Kind, index: int, count: int, lists: Lists) -> Field:
    categories = kind.categories[index] if len(kind.categories) == count else ()
    if categories and not lists.take(len(categories)):
        categories = ()
    return field._replace(type=kind.type, categories=categories)


def _own_kind(transformer: Instance, lists: Lists) -> Optional[_Kind]:
    if is_vectorizer(transformer):
        return _Kind(TEXT)
    made_by = transformer.made_by
    if made_by.module.startswith(_ENCODING) and made_by.name.endswith("Encoder"):
        listed_categories = listed(transformer.attributes.get("categories_")) or []
        return _Kind(CATEGORICAL, tuple(map(lists.categories, listed_categories)))
    return None


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
