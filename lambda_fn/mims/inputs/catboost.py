"""CatBoost's models → fields: `.cbm`, and the export to JSON.

A `.cbm` file is `CBM1`, the size of the model's core as a uint32, and the core: a flatbuffer
(https://github.com/catboost/catboost/tree/master/catboost/libs/model/flatbuffers). Its features are
written first, and so are at its end, after the trees: only the last part of the core is held.
"""

from __future__ import annotations

import re
import struct
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from mims.fields import CATEGORICAL, NUMERIC, TEXT, Field
from mims.inputs.json_stream import JsonReader
from mims.inputs.member import (
    HEAD,
    MemberBytes,
    Told,
    UnreadableError,
    check_count,
    cut_short,
    too_much_held,
)
from mims.inputs.sources import CATBOOST_KEYS
from mims.limits import HELD_BYTES
from mims.values import is_unicode

NAME = "catboost"

_BINARY = b"CBM1"
_FIRST_KEY = re.compile(rb'\{[ \t\r\n]*"(?:%s)"[ \t\r\n]*:' % "|".join(CATBOOST_KEYS).encode())
_BULK = ("ctr_data", "oblivious_trees", "trees")
_DAMAGED = "is damaged: its flatbuffer is invalid"


class _Kind(NamedTuple):
    """Where features of a kind are: slots of `TModelTrees` and of their table; JSON's key."""

    type: str
    slot: int
    flat_index: int
    feature_id: int
    key: str
    is_embedding: bool = False


_KINDS = (
    _Kind(CATEGORICAL, 4, 1, 2, "categorical_features"),
    _Kind(NUMERIC, 5, 2, 4, "float_features"),
    _Kind(TEXT, 12, 1, 2, "text_features"),
    _Kind(NUMERIC, 18, 1, 2, "embedding_features", is_embedding=True),
)
_MODEL_TREES = 1  # slot of the root, `TModelCore`
# A root may share the vtable of a feature, out of reach; then this is its layout.
_SHARED_MODEL_TREES = 8
_TABLE_BYTES = 256  # more than the table of the trees has with its vtable
_KEYS_OF_NAME = ("feature_id", "feature_name")


class _Feature(NamedTuple):
    """A feature in the model; if the name is empty, it has only an index."""

    flat_index: int
    name: str
    type: str
    is_embedding: bool = False


def wants(path: str, head: bytes) -> bool:
    """Say whether a member is a CatBoost model, by its first bytes."""
    del path
    return head.startswith(_BINARY) or _FIRST_KEY.match(head) is not None


def read(member: MemberBytes) -> Optional[Told]:
    """Return the features in the order of the input.

    If a model was trained without names, they are made up, and the types are those in the model. An
    embedding feature is a numeric vector, whose length is not in the model.

    Raises
    ------
    UnreadableError
        The model is damaged, or beyond what a reader may hold.
    """
    head = member.peek(HEAD)
    if head.startswith(_BINARY):
        return _told(_core_features(member))
    if head.startswith(b"{"):
        features = _json_features(JsonReader(member), member)
        return None if features is None else _told(features)
    return None


def _told(features: List[_Feature]) -> Told:
    if not features:
        return Told(NAME, why="has no features")
    features.sort()
    by_index = {feature.flat_index: feature for feature in features}
    if features[0].flat_index < 0 or len(by_index) < len(features):
        raise UnreadableError("is damaged: its features' indices are invalid")
    check_count(features[-1].flat_index + 1)
    if any(feature.name not in ("", str(feature.flat_index)) for feature in features):
        fields: Dict[str, Field] = {}
        for feature in features:
            name = feature.name or str(feature.flat_index)
            if not is_unicode(name):
                raise UnreadableError("is damaged: a feature name in it is invalid Unicode")
            fields.setdefault(name, _field(name, feature))
        return Told(NAME, tuple(fields.values()))
    # Such inputs are known by position, so one that the model does not use keeps its place.
    unused = _Feature(0, "", NUMERIC)
    unnamed = (
        _field(f"f{index}", by_index.get(index, unused))
        for index in range(features[-1].flat_index + 1)
    )
    return Told(NAME, tuple(unnamed), made_up=True)


def _field(name: str, feature: _Feature) -> Field:
    return Field(name, feature.type, (1,) if feature.is_embedding else ())


def _core_features(member: MemberBytes) -> List[_Feature]:
    """Read the features of a flatbuffer `TModelCore`."""
    size = struct.unpack("<I", member.read(8)[4:])[0]
    start = _peeked(member, 0, min(size, _TABLE_BYTES))
    root = start.reference(0)
    try:
        position = start.field(root, _MODEL_TREES)
    except _OutOfReachError:
        position = root + _SHARED_MODEL_TREES
    trees = start.reference(position)
    # The vtable of a table that is the only one of its kind is right before it.
    before = max(0, trees - _TABLE_BYTES)
    member.skip(before)
    part = _peeked(member, before, min(size - before, 2 * _TABLE_BYTES))
    vectors = []
    for kind in _KINDS:
        position = part.field(trees, kind.slot)
        if position:
            vectors.append((part.reference(position), kind))
    if not vectors:
        return []
    first = min(vectors)[0]
    if size - first > HELD_BYTES:
        raise too_much_held()
    member.hold(size - first)
    member.skip(first - before)
    end = _Part(first, member.read(size - first))
    features: List[_Feature] = []
    names = 0  # bytes; in a flatbuffer many offsets can refer to one string
    for vector, kind in vectors:
        for feature in _features(end, vector, kind, member):
            features.append(feature)
            names += len(feature.name)
            check_count(len(features))
            if names > len(end.content):
                raise UnreadableError(_DAMAGED)
    return features


def _peeked(member: MemberBytes, offset: int, size: int) -> _Part:
    """Return the next bytes of the flatbuffer, which begin at `offset`."""
    content = member.peek(size)
    if len(content) < size:
        raise cut_short()
    return _Part(offset, content)


def _features(part: _Part, vector: int, kind: _Kind, member: MemberBytes) -> Iterator[_Feature]:
    count = part.number(vector)
    check_count(count + 1)
    for position in range(vector + 4, vector + 4 + 4 * count, 4):
        member.step(3)
        table = part.reference(position)
        place = part.field(table, kind.flat_index)
        flat_index = part.number(place) if place else -1
        place = part.field(table, kind.feature_id)
        name = part.text(part.reference(place)) if place else ""
        yield _Feature(flat_index, name, kind.type, kind.is_embedding)


class _OutOfReachError(UnreadableError):
    """A position is outside the part of a flatbuffer that is held."""

    def __init__(self) -> None:
        super().__init__(_DAMAGED)


class _Part(NamedTuple):
    """A part of a flatbuffer, from `offset` on; positions are relative to the whole."""

    offset: int
    content: bytes

    def number(self, position: int, code: str = "<i") -> int:
        try:
            number = struct.unpack_from(code, self.content, self._index(position))[0]
        except struct.error:
            raise _OutOfReachError from None
        assert isinstance(number, int)
        return number

    def reference(self, position: int) -> int:
        """Return the position that the offset at `position` refers to: always further on."""
        return position + self.number(position, "<I")

    def field(self, table: int, slot: int) -> int:
        """Return the position of a table's field; 0 if the field is left out."""
        vtable = table - self.number(table)
        if 4 + 2 * slot >= self.number(vtable, "<H"):
            return 0
        place = self.number(vtable + 4 + 2 * slot, "<H")
        return table + place if place else 0

    def text(self, position: int) -> str:
        size = self.number(position, "<I")
        start = self._index(position + 4)
        if start + size > len(self.content):
            raise _OutOfReachError
        try:
            return self.content[start : start + size].decode("utf-8")
        except UnicodeDecodeError:
            raise UnreadableError("is damaged: a feature name in it is invalid Unicode") from None

    def _index(self, position: int) -> int:
        if position < self.offset:
            raise _OutOfReachError
        return position - self.offset


def _json_features(reader: JsonReader, member: MemberBytes) -> Optional[List[_Feature]]:
    """Read the features of a model in JSON; `None` if it has no `features_info`."""
    for key in reader.members():
        if key in _BULK:
            key = reader.find_key(["features_info"])
        if key != "features_info" or not reader.at_object():
            reader.skip()
            continue
        features: List[_Feature] = []
        kinds = {kind.key: kind for kind in _KINDS}
        for name in reader.members():
            if name not in kinds or not reader.at_array():
                reader.skip()
                continue
            for _ in reader.elements():
                check_count(len(features) + 1)
                features.append(_json_feature(reader, kinds[name], member))
        return features
    return None


def _json_feature(reader: JsonReader, kind: _Kind, member: MemberBytes) -> _Feature:
    found: Dict[str, Any] = {}
    for key in reader.members():
        if key in ("flat_feature_index", *_KEYS_OF_NAME):
            found[key] = reader.scalar()
        else:
            reader.skip()
    flat_index = found.get("flat_feature_index")
    names = [found[key] for key in _KEYS_OF_NAME if isinstance(found.get(key), str) and found[key]]
    name = names[0] if names else ""
    member.hold(len(name) + 1)
    index = flat_index if isinstance(flat_index, int) else -1
    return _Feature(index, name, kind.type, kind.is_embedding)
