"""AutoGluon's learner, as `learner.pkl` holds it → the inputs that its predictor takes.

The models next to it take what its feature generator makes of these inputs.
https://github.com/autogluon/autogluon: tabular/src/autogluon/tabular/learner/abstract_learner.py,
features/src/autogluon/features/generators/abstract.py,
common/src/autogluon/common/features/types.py
"""

from __future__ import annotations

from typing import Any, Dict, Tuple

from mims.fields import BOOLEAN, CATEGORICAL, DATETIME, INTEGER, NUMERIC, TEXT, Field
from mims.inputs.arrays import listed
from mims.inputs.member import (
    NUMBERED,
    Told,
)
from mims.inputs.named import Found
from mims.inputs.nodes import Instance, attributes_of
from mims.inputs.shared_lists import Lists

NAME = "autogluon"

_LEARNER = "Learner"
_GENERATOR = "feature_generator"
# Every column of training but the label, which AutoGluon's serving script expects in a request; and
# only those that AutoGluon found useful.
_COLUMNS, _USEFUL = "_original_features", "features_in"
_METADATA, _RAW_TYPES, _SPECIAL_TYPES = (
    "feature_metadata_in",
    "type_map_raw",
    "type_group_map_special",
)
WANTED = frozenset((_GENERATOR, _COLUMNS, _USEFUL, _METADATA, _RAW_TYPES, _SPECIAL_TYPES))
# The dictionary under this key has an entry for each input, all of which are kept.
WHOLE = frozenset((_RAW_TYPES,))

_TYPES = {
    "int": INTEGER,
    "float": NUMERIC,
    "bool": BOOLEAN,
    "datetime": DATETIME,
    "category": CATEGORICAL,
    "object": CATEGORICAL,
}
# The kinds of strings that AutoGluon distinguishes: prose, and times.
_TYPES_OF_STRINGS = {"text": TEXT, "datetime_as_object": DATETIME}
_IMAGES = ("image_path", "image_bytearray")
_NO_COLUMNS = "does not say which columns it was trained on"


def learner_inputs(instance: Instance, lists: Lists) -> Found:
    """Return what an object of AutoGluon's says of the inputs; only a learner says anything."""
    if not instance.made_by.name.endswith(_LEARNER):
        why = "is a part of an AutoGluon predictor other than its learner"
        return Found(Told(NAME, why=why), is_certain=True)
    if not instance.is_complete:  # its columns come last
        return Found(Told(NAME, why=_NO_COLUMNS))
    generator = attributes_of(instance.attributes.get(_GENERATOR))
    columns = instance.attributes.get(_COLUMNS)
    if not lists.names(columns):
        columns = generator.get(_USEFUL)
    names = lists.names(columns)
    if not names:
        return Found(Told(NAME, why=_NO_COLUMNS))
    metadata = attributes_of(generator.get(_METADATA))
    special = _groups(metadata.get(_SPECIAL_TYPES))
    if any(special.get(kind) for kind in _IMAGES):
        return Found(Told(NAME, why="is of a predictor that takes images"))
    types = _types(names, metadata.get(_RAW_TYPES), special, lists)
    # Columns that AutoGluon found useless have no type, and any value will do.
    fields = tuple(Field(name, types.get(name, NUMERIC)) for name in names)
    # A header is read as strings: if the names are numbers, it would count as one more row.
    form = NUMBERED if any(type(column) is int for column in listed(columns) or ()) else ""
    return Found(Told(NAME, fields, form=form), is_certain=True)


def _types(
    names: Tuple[str, ...], raw: Any, special: Dict[str, Any], lists: Lists
) -> Dict[str, str]:
    """Return name → type, for the inputs that the feature generator knows."""
    types: Dict[str, str] = {}
    for name in names if type(raw) is dict else ():
        if name in raw:
            kind = raw[name]
            types[name] = _TYPES.get(kind, TEXT) if type(kind) is str else TEXT
    for kind, found in _TYPES_OF_STRINGS.items():
        named = lists.names(special.get(kind))
        if lists.take(len(named)):
            types.update(dict.fromkeys(named, found))
    return types


def _groups(value: Any) -> Dict[str, Any]:
    """Return special type → names, from a dictionary or a defaultdict."""
    return value if type(value) is dict else attributes_of(value)
