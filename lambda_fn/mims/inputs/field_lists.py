"""Hyperparameters → the model's input fields."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, NoReturn, Optional, Set, Tuple

from mims.errors import InvalidHyperparametersError, NoInputFieldsError, shown
from mims.fields import CATEGORICAL, NUMERIC, TEXT, Field, parse_type
from mims.inputs.hyperparameters import decode, decode_text
from mims.values import is_unicode

_COLLAPSED = {"integer": NUMERIC, "boolean": NUMERIC, "datetime": TEXT}
_LIST_KEYS = ("tab_field_list", "cat_field_list")
_TEXT_NAME_KEYS = ("text_name", "primary_text_name", "secondary_text_name")


class Fields(NamedTuple):
    """The fields in the order of the model's inputs, and what a reader should know of them."""

    fields: Tuple[Field, ...]
    warnings: Tuple[str, ...]


def derive_fields(hyperparameters: Mapping[str, Any]) -> Fields:
    """Return the input fields that the hyperparameters name.

    They are taken from the first of `field_info`; `tab_field_list` and `cat_field_list`, with the
    raw text fields; `full_field_list`. Label, id and task labels are left out.

    Raises
    ------
    InvalidHyperparametersError
        A key holds something else than the list, names or objects that it should.
    NoInputFieldsError
        No field is left.
    """
    warnings: List[str] = []
    field_info = decode(hyperparameters.get("field_info"))
    if field_info is not None:
        fields = _described(field_info, warnings)
    elif any(decode(hyperparameters.get(key)) is not None for key in _LIST_KEYS):
        fields = _listed(hyperparameters)
    else:
        names = _names(hyperparameters, "full_field_list")
        if names:
            warnings.append(
                "The hyperparameters hold full_field_list alone: every field in it counts as text. "
                "Have the training job write tab_field_list and cat_field_list, or field_info."
            )
        fields = [Field(name, TEXT) for name in names or ()]
    excluded = _excluded(hyperparameters)
    kept: Dict[str, Field] = {}
    for field in fields:
        if field.name not in excluded:
            kept.setdefault(field.name, field)
    if not kept:
        raise NoInputFieldsError(
            "The hyperparameters name no input field. Have the training job write field_info, "
            "tab_field_list and cat_field_list, or full_field_list, with other names than "
            "label_name, id_name and task_label_names."
        )
    for name in kept:
        if not is_unicode(name):
            raise InvalidHyperparametersError(
                f"The field name '{shown(name)}' is no valid Unicode (it holds half of a surrogate "
                "pair). Rename the field."
            )
    return Fields(tuple(kept.values()), tuple(warnings))


def _described(field_info: Any, warnings: List[str]) -> List[Field]:
    """Return the fields of a `field_info`, an object name → type or a list of objects."""
    if isinstance(field_info, dict):
        entries = [{"name": name, "type": kind} for name, kind in field_info.items()]
    elif isinstance(field_info, list):
        entries = field_info
    else:
        _invalid("field_info", "is neither an object nor a list")
    fields = []
    for number, encoded in enumerate(entries):
        entry = decode(encoded)
        key = f"field_info[{number}]"
        if not isinstance(entry, dict):
            _invalid(key, "is no object")
        name = _name(entry.get("name"), f"{key}.name")
        kind = entry.get("type")
        written = parse_type(kind)
        field_type = _COLLAPSED.get(written.type, written.type) if written else TEXT
        if written is None:
            warnings.append(f"The type of field '{shown(name)}' is not known: it counts as text.")
        example = entry.get("example")
        categories = decode(entry.get("categories"))
        if categories is not None and not isinstance(categories, list):
            _invalid(f"{key}.categories", "is no list")
        fields.append(
            Field(
                name,
                field_type,
                example=entry.get("default") if example is None else example,
                categories=tuple(categories or ()),
            )
        )
    return fields


def _listed(hyperparameters: Mapping[str, Any]) -> List[Field]:
    """Return the fields of the numeric and the categorical list, with the raw text fields."""
    numeric, categorical = (_names(hyperparameters, key) or [] for key in _LIST_KEYS)
    text = [
        _name(value, key)
        for key in _TEXT_NAME_KEYS
        for value in (decode_text(hyperparameters.get(key)),)
        if value is not None
    ]
    fields = [Field(name, NUMERIC) for name in numeric]
    fields += [Field(name, TEXT if name in text else CATEGORICAL) for name in categorical]
    # Where the text is put together from source fields, its own name is no input.
    if decode(hyperparameters.get("text_source_fields")) is None:
        fields += [Field(name, TEXT) for name in text]
    return fields


def _excluded(hyperparameters: Mapping[str, Any]) -> Set[str]:
    excluded = set(_names(hyperparameters, "task_label_names") or ())
    for key, default in (("label_name", "label"), ("id_name", "id")):
        value = decode_text(hyperparameters.get(key))
        excluded.add(default if value is None else _name(value, key))
    return excluded


def _names(hyperparameters: Mapping[str, Any], key: str) -> Optional[List[str]]:
    names = decode(hyperparameters.get(key))
    if names is None:
        return None
    if not isinstance(names, list):
        _invalid(key, "is no list")
    return [_name(name, f"{key}[{number}]") for number, name in enumerate(names)]


def _name(value: Any, key: str) -> str:
    if not isinstance(value, str) or not value:
        _invalid(key, "is no non-empty string")
    return value


def _invalid(key: str, what: str) -> NoReturn:
    raise InvalidHyperparametersError(
        f"The hyperparameter {key} {what}. Have the training job write it as a list of names "
        "(field_info: an object name → type, or a list of objects with name and type)."
    )
