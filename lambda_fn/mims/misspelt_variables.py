"""Variables of the environment that look like a setting's name, but are not one."""

from __future__ import annotations

from typing import List, Mapping, Tuple

from mims.errors import shown
from mims.setting_table import SPECIAL_FIELD, setting_names
from mims.wording import of_kind, shown_short

_SHORTEST_BEGINNING = 5  # in characters: a shorter name says too little


def misspelt_variables(environment: Mapping[str, str]) -> Tuple[str, ...]:
    """Return a warning where variables look like a setting's name, but are not one."""
    known = setting_names()
    found: List[Tuple[str, str]] = []
    for name in sorted(environment):
        meant = _looks_like(name, known)
        if meant:
            found.append((name, meant))
    if len(found) == 1:
        ((name, meant),) = found
        return (
            f"The variable {shown(name)} is not a setting and was ignored; perhaps {meant} is "
            "meant.",
        )
    words = "These variables are not settings and were ignored: {names}."
    return tuple(
        of_kind(words, [f"{shown_short(name)} (perhaps {meant})" for name, meant in found])
    )


def _looks_like(name: str, known: List[str]) -> str:
    if name in known or (name.startswith(SPECIAL_FIELD) and name != SPECIAL_FIELD):
        return ""
    folded = name.upper()
    if _begins_like_special_field(folded):
        return f"{SPECIAL_FIELD}<name>"
    for variable in known:
        if folded == variable or _differ_by_one(folded, variable):
            return variable
    if len(name) >= _SHORTEST_BEGINNING:
        for variable in known:
            if variable.startswith(folded):
                return variable
    return ""


def _begins_like_special_field(name: str) -> bool:
    """Say whether a name in capitals begins with `SPECIAL_FIELD_`, or what differs by one."""
    length = len(SPECIAL_FIELD)
    return any(
        _differ_by_one(name[:end], SPECIAL_FIELD) for end in (length - 1, length, length + 1)
    )


def _differ_by_one(name: str, other: str) -> bool:
    """Say whether one letter was changed, left out or inserted."""
    if abs(len(name) - len(other)) > 1:
        return False
    at = 0
    while at < min(len(name), len(other)) and name[at] == other[at]:
        at += 1
    return name[at + (len(name) >= len(other)) :] == other[at + (len(other) >= len(name)) :]
