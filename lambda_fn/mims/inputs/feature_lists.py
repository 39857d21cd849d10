"""A list of features that training wrote next to the model, as JSON or text → fields."""

from __future__ import annotations

import re
from json import dumps
from typing import Any, Dict, List, Mapping, Optional, Set, Tuple

from mims.deadline import Check, checked
from mims.fields import NUMERIC, TEXT, Field, parse_type
from mims.inputs.field_info import InvalidFormError, read_shape
from mims.inputs.hyperparameters import as_name, decode, is_absent
from mims.inputs.json_text import JsonText, read_json, read_whole_text
from mims.inputs.member import MemberBytes, Told, UnreadableError, check_count
from mims.inputs.sources import DESCRIPTION_NAMES, FEATURE_LIST_NAMES
from mims.values import is_unicode

SOURCE = "feature_list"

_NO_LIST = Told(SOURCE, why="is not a list of names")
_LINE = re.compile(r"[^\r\n]+")
_INDEXED = re.compile(r'"?([0-9]{1,9})"?\s*[,\t]\s*(.+)')
_NUMBER = re.compile(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_LONGEST_NAME = 1_000  # in characters: longer lines are prose or data
_LITERAL_CHARACTERS = 65_536


def wants(path: str, head: bytes) -> bool:
    name, _, ending = path.lower().rpartition("/")[2].rpartition(".")
    if name in FEATURE_LIST_NAMES:
        return ending in ("json", "txt")
    # A file that describes a model in general may have such a list among much else.
    first = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return ending == "json" and name in DESCRIPTION_NAMES and first == b"{"


def read(member: MemberBytes) -> Optional[Told]:
    """Return the fields that a list names, with the types that it gives, else numeric.

    `None` if a file that describes a model in general (`metadata.json`) has no such list.
    """
    name, _, ending = member.name.lower().rpartition("/")[2].rpartition(".")
    untyped: Set[str] = set()
    try:
        if ending == "txt":
            fields = _listed_in_text(read_whole_text(member), member, untyped)
        else:
            fields = _listed_in_json(read_json(member), name not in DESCRIPTION_NAMES, untyped)
        for field in fields:
            if not is_unicode(field.name):
                raise UnreadableError("holds a name that is not valid Unicode")
    except UnreadableError:
        if name in DESCRIPTION_NAMES:
            return None
        raise
    if fields:
        texts = (field.name for field in fields if field.type == TEXT)
        return Told(SOURCE, fields, untyped=tuple(name for name in texts if name in untyped))
    return None if name in DESCRIPTION_NAMES else _NO_LIST


def _listed_in_json(json: JsonText, all_of_it: bool, untyped: Set[str]) -> Tuple[Field, ...]:
    """Return the fields of a list, or of the first list under one of the usual keys of an object.

    With `all_of_it`, an object name → type counts as a list too. The names of fields whose type is
    not a known one are added to `untyped`.
    """
    start = json.start()
    if json.opening(start) == "[":
        return _listed(json, start, untyped)
    if json.opening(start) != "{":
        return ()
    starts: Dict[str, int] = {}
    typed: Dict[str, Field] = {}
    for key, at in json.entries(start):
        if key.lower() in FEATURE_LIST_NAMES:
            starts.setdefault(key.lower(), at)
        field = _field(key, json.value(at)) if all_of_it and json.opening(at) == '"' else None
        if field is None:
            all_of_it = False
        elif all_of_it:
            typed[key] = field
            check_count(len(typed))
    for name in FEATURE_LIST_NAMES:
        if name in starts and json.opening(starts[name]) == "[":
            fields = _listed(json, starts[name], untyped)
            if fields:
                return fields
    return tuple(typed.values()) if all_of_it else ()


def _listed(json: JsonText, at: int, untyped: Set[str]) -> Tuple[Field, ...]:
    """Return the fields of a list of names, or of objects with name and type; else none.

    Integers may be among the names, but a list of only numbers is something else.
    """
    fields: Dict[str, Field] = {}
    texts = objects = 0
    for index, start in enumerate(json.elements(at)):
        value = json.value(start)
        texts += isinstance(value, str)
        objects += isinstance(value, dict)
        if objects not in (0, index + 1):
            return ()
        field = _field(value, NUMERIC) if not objects else _described(value, untyped)
        if field is None:
            return ()
        fields.setdefault(field.name, field)
        check_count(len(fields))
    return tuple(fields.values()) if texts or objects else ()


def _described(entry: Mapping[str, Any], untyped: Set[str]) -> Optional[Field]:
    """Return the field of an object with a name, and perhaps a type and a shape."""
    written = entry.get("type")
    if is_absent(written):
        written = NUMERIC
    is_known = parse_type(written) is not None
    field = _field(entry.get("name"), written if is_known else TEXT, entry.get("shape"))
    if field is not None and not is_known:
        untyped.add(field.name)
    return field


def _field(name: Any, written_type: Any, written_shape: Any = None) -> Optional[Field]:
    """Return the field of that name and type; `None` if they are not a name and a type."""
    name, kind = as_name(name), parse_type(written_type)
    if name is None or kind is None:
        return None
    try:
        shape = read_shape(written_shape, "")
    except InvalidFormError:
        return None
    return Field(name, kind.type, shape or (1,) * kind.is_array, date_only=kind.date_only)


def _listed_in_text(text: str, member: MemberBytes, untyped: Set[str]) -> Tuple[Field, ...]:
    """Return the fields of a text file: a name a line, or index and name; or all in one line."""
    if _CONTROL.search(text):
        return ()
    if text.lstrip()[:1] in ("[", "{"):
        if len(text) <= _LITERAL_CHARACTERS:  # JSON, or a list as Python writes it
            text = dumps(decode(text.strip()))
        return _listed_in_json(JsonText(text, member), True, untyped)
    lines: List[str] = []
    for match in _LINE.finditer(text):
        member.step()
        line = match.group().strip()
        if line and line[0] != "#":
            lines.append(line)
            check_count(len(lines))
    names = _indexed(lines, member.check)
    if names is None:
        names = lines
        if len(lines) == 1 and "," in lines[0]:
            names = [_unquoted(name.strip()) for name in lines[0].split(",") if name.strip()]
    if any(len(name) > _LONGEST_NAME for name in checked(names, member.check)):
        return ()
    if all(map(_NUMBER.fullmatch, checked(names, member.check))):
        return ()
    check_count(len(names))
    distinct = checked(dict.fromkeys(names), member.check)
    return tuple(Field(name, NUMERIC) for name in distinct if name)


def _indexed(lines: List[str], check: Check) -> Optional[List[str]]:
    """Return the names in lines `index,name`, sorted by index; `None` if they are not such."""
    if len(lines) == 1 and lines[0].count(",") > 1:
        return None  # all names in one line
    pairs = [_INDEXED.fullmatch(line) for line in checked(lines, check)]
    if len(pairs) > 1 and pairs[0] is None and ("," in lines[0] or "\t" in lines[0]):
        del pairs[0]  # the header of a table
    names: Dict[int, str] = {}
    for pair in checked(pairs, check):
        if pair is None:
            return None
        names[int(pair.group(1))] = _unquoted(pair.group(2))
    return [names[index] for index in sorted(names)] if len(names) == len(pairs) else None


def _unquoted(name: str) -> str:
    """Return a cell of CSV without its quotes."""
    if len(name) > 1 and name[0] == name[-1] == '"':
        return name[1:-1].replace('""', '"')
    return name
