"""`field_info` in all its forms → fields, for the hyperparameters and for the setting `FIELDS`."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Tuple

from mims.deadline import Check, checked, no_deadline
from mims.errors import shown
from mims.fields import TEXT, Field, WrittenType, parse_type
from mims.inputs.hyperparameters import as_name, decode, is_absent
from mims.values import is_unicode, text
from mims.wording import of_names


class InvalidFormError(Exception):
    """A value of none of the forms: `where` in it (`[3].name`), and what `must` be there."""

    def __init__(self, where: str, must: str) -> None:
        super().__init__(f"{where} {must}".strip())
        self.where = where
        self.must = must


class Described(NamedTuple):
    """The fields in order, and warnings about them."""

    fields: Tuple[Field, ...]
    warnings: Tuple[str, ...] = ()


def read_field_info(field_info: Any, check: Check = no_deadline) -> Described:
    """Return the fields that a decoded `field_info` describes, each name once.

    It is an object name → type, an object name → `{"type", "default"?, "example"?, "categories"?,
    "shape"?}`, or a list of objects `{"name", "type", …}` of the same.

    Raises
    ------
    InvalidFormError
        It is none of these.
    """
    fields: Dict[str, Field] = {}
    unknown: List[str] = []
    for where, name, entry in checked(_entries(field_info, check), check):
        field = _read_entry(name, entry, where, unknown, check)
        fields.setdefault(field.name, field)
    return Described(tuple(fields.values()), tuple(of_unknown_types(unknown)))


def of_unknown_types(names: Iterable[str]) -> List[str]:
    """Return one warning for all fields whose type is not a known one, or none."""
    return of_names("No known type is given for {names}: they count as text.", names)


def _entries(field_info: Any, check: Check) -> Iterator[Tuple[str, Any, Mapping[str, Any]]]:
    """Yield where each field stands, its name and its description."""
    if isinstance(field_info, dict):
        for name, described in field_info.items():
            # A plain word is a type; trying to decode it would take time if there are many.
            is_word = isinstance(described, str) and described.isalnum()
            entry = described if is_word else decode(described, check)
            where = f"['{shown(name)}']"
            yield where, name, entry if isinstance(entry, dict) else {"type": entry}
    elif isinstance(field_info, list):
        for index, encoded in enumerate(field_info):
            entry = decode(encoded, check)
            if not isinstance(entry, dict):
                raise InvalidFormError(f"[{index}]", "must be an object with a name and a type")
            yield f"[{index}]", entry.get("name"), entry
    else:
        raise InvalidFormError("", "must be an object name → type, or a list of objects")


def _read_entry(
    written_name: Any, entry: Mapping[str, Any], where: str, unknown: List[str], check: Check
) -> Field:
    name = as_name(written_name)
    if name is None:
        raise InvalidFormError(f"{where}.name", "must be a name, a non-empty string")
    written = parse_type(entry.get("type"))
    if written is None:
        unknown.append(name)
        written = WrittenType(TEXT)
    shape = read_shape(entry.get("shape"), f"{where}.shape")
    if written.is_array and not shape:
        raise InvalidFormError(f"{where}.shape", "must be given, since the type is an array")
    categories = _read_categories(entry.get("categories"), f"{where}.categories", check)
    example = entry.get("example")
    if is_absent(example):
        example = entry.get("default")
    return Field(
        name,
        written.type,
        shape=shape,
        example=None if is_absent(example) else example,
        categories=categories,
        date_only=written.date_only,
    )


def _read_categories(written: Any, where: str, check: Check) -> Tuple[Any, ...]:
    """Return the categories that a payload can hold: null and NaN are not among them."""
    listed = decode(written, check)
    if listed is None:
        return ()
    if not isinstance(listed, list):
        raise InvalidFormError(where, "must be a list")
    categories = []
    for index, category in enumerate(checked(listed, check)):
        if category is None or category != category:
            continue
        worded = text(category)
        if worded is None or not is_unicode(worded):
            raise InvalidFormError(
                f"{where}[{index}]",
                "must be a string of valid Unicode, a finite number or a boolean",
            )
        categories.append(category)
    return tuple(categories)


def read_shape(written: Any, where: str) -> Tuple[int, ...]:
    """Return a shape; a dimension that is null or -1 is unknown, and counts as 1.

    Raises
    ------
    InvalidFormError
        It is not a list of whole numbers; `where` says where it is.
    """
    shape = decode(written)
    if shape is None:
        return ()
    lengths = [1 if length in (None, -1) else length for length in _as_list(shape)]
    if not all(type(length) is int and length > 0 for length in lengths):
        raise InvalidFormError(where, "must be a list of whole numbers, such as [8] or [28, 28]")
    return tuple(lengths)


def _as_list(value: Any) -> List[Any]:
    return value if isinstance(value, list) else [value]
