"""LightGBM's model text → fields.

A header of `key=value` lines comes before the trees, the parameters of the training after them:
https://github.com/microsoft/LightGBM/blob/master/src/boosting/gbdt_model_text.cpp. The categories
of data frames, in the last line, are not needed: such a model takes codes.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from mims.deadline import checked
from mims.fields import CATEGORICAL, CODES, NUMERIC, Field
from mims.inputs.member import (
    BYTES_A_STEP,
    HEAD,
    MemberBytes,
    Told,
    UnreadableError,
    check_count,
    cut_short,
    made_up_fields,
    too_much_held,
)
from mims.limits import HELD_BYTES
from mims.values import number

NAME = "lightgbm"

_BEGINNING = re.compile(rb"tree\r?\n(?:version|num_class)=")
_COUNT = re.compile(r"[0-9]{1,9}\Z")
_RANGE = re.compile(r"\[([^:\[\]]+):([^:\[\]]+)\]\Z")
# The repetition is bounded, or the engine would keep a state for each of millions of codes.
_SOME_CODES = re.compile(r"(?:-?[0-9]{1,9}:){0,1000}")
_LAST_CODE = re.compile(r"-?[0-9]{1,9}\Z")
_CODE = re.compile(r"-?[0-9]+")
_UNUSED = "none"
_CATEGORICAL_FEATURE = b"\n[categorical_feature: "
_LONGEST_PARAMETER = 65536
# How many values that training recorded are kept: a feature may have a million codes.
_TRAINING_VALUES = 100_000


class _Header(NamedTuple):
    """The values in the header; `None` for those that are missing."""

    feature_count: Optional[int]
    names: Optional[List[str]]
    values: Optional[List[str]]


def wants(path: str, head: bytes) -> bool:
    """Say whether a member is a model text of LightGBM, by its first bytes."""
    del path
    return _BEGINNING.match(head) is not None


def read(member: MemberBytes) -> Optional[Told]:
    """Return the features' names, their types, and the ranges and codes that training saw.

    Raises
    ------
    UnreadableError
        The text is damaged, or beyond what a reader may hold.
    """
    if not wants("", member.peek(HEAD)):
        return None
    count, names, values = _header(member)
    if names is None:
        if count is None:
            return Told(NAME, why="does not name its features")
        return Told(NAME, made_up_fields("Column_", count, NUMERIC), made_up=True)
    if count is not None and len(names) != count:
        raise UnreadableError(f"is damaged: it has {count:,} features, and names {len(names):,}")
    values = values or [_UNUSED] * len(names)
    if len(values) != len(names):
        raise UnreadableError(
            f"is damaged: it names {len(names):,} features, and describes {len(values):,}"
        )
    # A feature that training did not use (a constant) is described as `none`, whatever its type.
    categorical = _parameter(member, names) if _UNUSED in values else set()
    fields: Dict[str, Field] = {}
    training: Dict[str, Tuple[float, ...]] = {}
    left = _TRAINING_VALUES
    for index, (name, written) in enumerate(zip(names, values)):
        member.step()
        if name in fields:
            continue
        are_codes = _are_codes(written, member)
        if index in categorical or are_codes:
            fields[name] = Field(name, CATEGORICAL, categories=CODES)
        else:
            fields[name] = Field(name, NUMERIC)
        recorded = _some_codes(written, left, member) if are_codes else _range(written)[:left]
        if recorded:
            training[name] = recorded
            left -= len(recorded)
    made_up = all(name == f"Column_{index}" for index, name in enumerate(names))
    return Told(NAME, tuple(fields.values()), made_up=made_up, training=training)


def _header(member: MemberBytes) -> _Header:
    """Read the header up to the description of the features, or to its end."""
    count: Optional[int] = None
    names: Optional[List[str]] = None
    _line(member)
    while True:
        key, _, value = _line(member).partition(b"=")
        if not key or key == b"Tree":
            return _Header(count, names, None)
        if key == b"max_feature_idx":
            written = value.decode("ascii", "replace")
            if _COUNT.match(written) is None:
                raise UnreadableError("is damaged: its max_feature_idx is not a number")
            count = int(written) + 1
        elif key == b"feature_names":
            names = _words(member, value)
            if "" in names:
                raise UnreadableError("is damaged: a feature name in it is empty")
        elif key == b"feature_infos":
            return _Header(count, names, _words(member, value))


def _line(member: MemberBytes) -> bytes:
    """Return the next line, without its end."""
    member.step()
    size = 4096
    while True:
        piece = member.peek(size)
        end = piece.find(b"\n")
        if end >= 0:
            member.skip(end + 1)
            return piece[:end].rstrip(b"\r")
        if len(piece) < size:
            raise cut_short()
        if size >= HELD_BYTES:
            raise too_much_held()
        size *= 2


def _words(member: MemberBytes, line: bytes) -> List[str]:
    member.hold(len(line))
    check_count(line.count(b" ") + 1)
    try:
        return line.decode("utf-8").split(" ")
    except UnicodeDecodeError:
        raise UnreadableError("is damaged: its features are not described in UTF-8") from None


def _parameter(member: MemberBytes, names: List[str]) -> Set[int]:
    """Return the indices of the features that training was told are categorical.

    They come after the trees; there are none if the text ends before, or does not give them.
    """
    left = b""
    passed = 0
    for chunk in member.chunks():
        text = left + chunk
        place = text.find(_CATEGORICAL_FEATURE)
        end = text.find(b"]", place)
        if place >= 0 and end >= 0:
            written = text[place + len(_CATEGORICAL_FEATURE) : end].decode("utf-8", "replace")
            return _indices(written, names)
        if place >= 0 and len(text) - place > _LONGEST_PARAMETER:
            break
        left = text[place if place >= 0 else -len(_CATEGORICAL_FEATURE) :]
        passed += len(chunk)
        member.step(passed // BYTES_A_STEP)
        passed %= BYTES_A_STEP
    return set()


def _indices(written: str, names: List[str]) -> Set[int]:
    """Return the indices of a list as LightGBM takes it: `3,5`, or `name:city,device`."""
    if written.startswith("name:"):
        listed = set(written[len("name:") :].split(","))
        return {index for index, name in enumerate(names) if name in listed}
    return {int(word) for word in written.split(",") if _COUNT.match(word) is not None}


def _are_codes(written: str, member: MemberBytes) -> bool:
    """Say whether a feature is described by codes, of which there may be two million."""
    at = 0
    while True:
        some = _SOME_CODES.match(written, at)
        if some is None or some.end() == at:
            return _LAST_CODE.match(written, at) is not None
        at = some.end()
        member.check()


def _some_codes(written: str, most: int, member: MemberBytes) -> Tuple[float, ...]:
    """Return the first codes of a feature, except -1 (missing)."""
    codes = (int(code.group()) for code in checked(_CODE.finditer(written), member.check))
    return tuple(islice((code for code in codes if code >= 0), most))


def _range(written: str) -> Tuple[float, ...]:
    """Return the smallest and the largest value of a range."""
    ends = _RANGE.match(written)
    values = [number(end) for end in ends.groups()] if ends is not None else []
    return tuple(value for value in values if value is not None)
