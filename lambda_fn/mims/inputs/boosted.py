"""Pickled models of XGBoost, LightGBM and CatBoost, which contain the library's own format."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any, Callable, Dict, List, Optional, Tuple

from mims.fields import NUMERIC, Field
from mims.inputs.arrays import listed, scalar
from mims.inputs.member import MemberBytes, Told, UnreadableError, made_up_fields
from mims.inputs.named import NO_INPUTS, Found, numeric_fields
from mims.inputs.nodes import LOST, Blob, Instance, attributes_of
from mims.inputs.shared_lists import Lists

XGBOOST, LIGHTGBM, CATBOOST = "xgboost", "lightgbm", "catboost"
LIBRARIES = (XGBOOST, LIGHTGBM, CATBOOST)
_HANDLES = ("handle", "_handle", "_model_str", "__model")
_BOOSTERS = ("_Booster", "booster_", "booster", "_booster")
_NAMES = ("feature_names", "feature_names_in_")
_COUNTS = ("n_features_in_", "_features_count", "_n_features_in", "_n_features", "n_features_")
_PREFIXES = {XGBOOST: "f", LIGHTGBM: "Column_", CATBOOST: "f"}
WANTED = frozenset((*_HANDLES, *_BOOSTERS, *_NAMES, *_COUNTS, "feature_types"))


def boosted_inputs(instance: Instance, lists: Lists) -> Optional[Found]:
    """Return the inputs of a model of one of `LIBRARIES`; `None` if the object is not a model."""
    library = instance.made_by.library
    attributes = instance.attributes
    for part in (attributes, *(attributes_of(attributes.get(key)) for key in _BOOSTERS)):
        found = _named(library, part, lists) or _handle(part)
        if found is not None:
            return found
    for key in _COUNTS:
        count = scalar(attributes.get(key))
        if type(count) is int and count > 0 and instance.is_complete:
            fields = made_up_fields(_PREFIXES[library], count, NUMERIC)
            return Found(Told(library, fields, made_up=True))
    return Found(Told(library, why=NO_INPUTS)) if attributes else None


def _named(library: str, attributes: Dict[str, Any], lists: Lists) -> Optional[Found]:
    """Return the inputs that attributes name: XGBoost's do so up to 1.3."""
    for key in _NAMES:
        names = lists.names(attributes.get(key))
        if names:
            # Up to 1.3, XGBoost gave these names to columns without any.
            made_up = names == tuple(f"f{position}" for position in range(len(names)))
            types = attributes.get("feature_types", LOST)
            fields = _fields(library, names, listed(types))
            # The types are pickled after the names.
            is_certain = library != XGBOOST or types is not LOST
            return Found(Told(library, fields, made_up=made_up), is_certain)
    return None


def _fields(library: str, names: Tuple[str, ...], types: Optional[List[Any]]) -> Tuple[Field, ...]:
    if library != XGBOOST:
        return numeric_fields(names)
    written = [kind if type(kind) is str else "" for kind in types or ()]
    fields: Tuple[Field, ...] = import_module("mims.inputs.xgboost").named_fields(names, written)
    return fields


def _handle(attributes: Dict[str, Any]) -> Optional[Found]:
    for key in _HANDLES:
        blob = attributes.get(key)
        if type(blob) is not Blob:
            continue
        if isinstance(blob.content, UnreadableError):
            raise blob.content
        if isinstance(blob.content, Told):
            return Found(blob.content, is_certain=True)
    return None


def _read(library: str, member: MemberBytes) -> Optional[Told]:
    """Read a library's format with the module for it, which is imported only when it is needed."""
    try:
        told: Optional[Told] = import_module(f"mims.inputs.{library}").read(member)
    except UnreadableError as error:
        raise UnreadableError(str(error), library) from None
    return told


def _read_booster(member: MemberBytes) -> Optional[Told]:
    return _read(LIGHTGBM if member.peek(4) == b"tree" else XGBOOST, member)


# The keys under which pickles of each library keep the model itself, and the readers of it.
BLOBS: Dict[str, Callable[[MemberBytes], Any]] = {
    "handle": _read_booster,
    "_handle": partial(_read, LIGHTGBM),
    "_model_str": partial(_read, LIGHTGBM),
    "model_str": partial(_read, LIGHTGBM),
    "__model": partial(_read, CATBOOST),
}
