"""XGBoost's model files → fields: UBJSON, JSON, and the older binary format.

The layout of the first two: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html.
Their keys are sorted, so the names come before the trees, but other orders are read as well. Models
have names since XGBoost 1.4, but never in the binary format.
"""

from __future__ import annotations

import re
import struct
from typing import Callable, Dict, List, Optional, Tuple, Union

from mims.fields import BOOLEAN, CATEGORICAL, CODES, INTEGER, NUMERIC, Field
from mims.inputs.json_stream import JsonReader
from mims.inputs.member import HEAD, MemberBytes, Told, UnreadableError, check_count, made_up_fields
from mims.inputs.sources import XGBOOST
from mims.inputs.ubjson import UbjsonReader
from mims.values import is_unicode

NAME = "xgboost"

Reader = Union[JsonReader, UbjsonReader]

_FIRST_KEY = re.compile(
    rb'\{[ \t\r\n]*"(?:(?:learner|Model|Config)"[ \t\r\n]*:|version"[ \t\r\n]*:[ \t\r\n]*\[)'
    rb"|\{(?:L\0{7}|l\0{3}|I\0|[iU])[\5-\7](?:learner|Model|Config|version)"
)
# In pickles of XGBoost 1.0 to 1.2: this, the model's size as an int64, the model, its settings.
_SNAPSHOT = b"CONFIG-offset:"
_SNAPSHOT_SIZE = len(_SNAPSHOT) + 8
_BINARY = b"binf"
_BINARY_PARAMETERS = struct.Struct("<fI128x")  # base score, number of features, …
_BOOSTERS = (b"gbtree", b"gblinear", b"dart")
_OBJECTIVE = re.compile(rb"[a-z_0-9]+(?::[a-z_0-9]+)?\Z")
_TYPES = {"int": INTEGER, "i": BOOLEAN, "c": CATEGORICAL}
_SETTINGS_KEYS = ("generic_param", "learner_train_param")


def wants(path: str, head: bytes) -> bool:
    """Say whether a member is an XGBoost model, by its first bytes.

    The binary format before 1.0 has no signature: such a file must also have a usual name.
    """
    if head.startswith((_BINARY, _SNAPSHOT)):
        return True
    if head.startswith(b"{"):
        return _FIRST_KEY.match(head) is not None
    return path.lower().endswith(XGBOOST.endings) and _feature_count(head) is not None


def read(member: MemberBytes) -> Optional[Told]:
    """Return the names and types of the features; the names are made up if the model has none.

    Raises
    ------
    UnreadableError
        The model is damaged, or beyond what a reader may hold.
    """
    head = member.peek(HEAD)
    if head.startswith(_SNAPSHOT):
        member.skip(_SNAPSHOT_SIZE)
        head = member.peek(HEAD)
    if head.startswith(b"{"):
        is_json = head[1:2] in (b'"', b"}", b" ", b"\t", b"\r", b"\n")
        return _document(JsonReader(member) if is_json else UbjsonReader(member))
    return _binary(head)


def _document(reader: Reader) -> Optional[Told]:
    """Read a model, or the snapshot in a pickle: an object of its `Config` and `Model`."""
    count = 0
    for key in reader.members():
        if not reader.at_object() or key not in ("learner", "Model", "Config"):
            reader.skip()
        elif key == "learner":
            return _learner(reader, count)
        else:
            for part in reader.members():
                if part != "learner" or not reader.at_object():
                    reader.skip()
                elif key == "Model":
                    return _learner(reader, count)
                else:
                    count = _settings(reader)
    return None


def _settings(reader: Reader) -> int:
    """Return the number of features in a snapshot's settings, which is also the model's."""
    count = 0
    for key in reader.members():
        if key == "learner_model_param" and reader.at_object():
            count = _num_feature(reader)
        else:
            reader.skip()
    return count


def _learner(reader: Reader, in_settings: int) -> Optional[Told]:
    """Read a learner; `in_settings` is the number of features in a snapshot's settings, or 0."""
    names: Optional[List[str]] = None
    types: Optional[List[str]] = None
    count = 0
    for key in reader.members():
        if key in _SETTINGS_KEYS:
            return Told(NAME, why="holds XGBoost's settings, without a model")
        if key == "gradient_booster" and in_settings:
            break  # in XGBoost's own order, names would have come before
        if key == "gradient_booster" and not count:
            # The trees can be gigabytes of small parts, in which these keys do not occur.
            wanted = ["learner_model_param"]
            wanted += ["feature_names"] if names is None else []
            wanted += ["feature_types"] if types is None else []
            key = reader.find_key(wanted)
        if key == "feature_names" and reader.at_array():
            names = _texts(reader)
        elif key == "feature_types" and reader.at_array():
            types = _texts(reader)
        elif key == "learner_model_param" and reader.at_object():
            count = _num_feature(reader)
        else:
            reader.skip()
        if names is not None and types is not None and (names or types or count):
            break
    if names:
        return Told(NAME, named_fields(names, types or [], reader.member.step))
    if types:
        return Told(NAME, _unnamed(types), made_up=True)
    if count or in_settings:
        return Told(NAME, made_up_fields("f", count or in_settings, NUMERIC), made_up=True)
    return None if names is None else Told(NAME, why="does not give its number of features")


def _texts(reader: Reader) -> List[str]:
    texts = []
    for index in reader.elements():
        check_count(index + 1)
        text = reader.string()
        reader.member.hold(len(text) + 1)
        texts.append(text)
    return texts


def _num_feature(reader: Reader) -> int:
    count = 0
    for key in reader.members():
        if key != "num_feature":
            reader.skip()
            continue
        value = reader.scalar()
        written = str(value) if isinstance(value, (int, str)) else ""
        if re.match(r"[0-9]{1,18}\Z", written) is None:
            raise UnreadableError("is damaged: its num_feature is not a number")
        count = int(written)
    return count


def named_fields(
    names: List[str], types: List[str], step: Callable[[], None] = lambda: None
) -> Tuple[Field, ...]:
    """Return the fields of XGBoost's `feature_names` and `feature_types`, which may be empty.

    `step` is called for each field.
    """
    fields: Dict[str, Field] = {}
    for index, name in enumerate(names):
        step()
        if not name or not is_unicode(name):
            raise UnreadableError("is damaged: a feature name in it is empty or invalid Unicode")
        written = types[index] if len(types) == len(names) else ""
        fields.setdefault(name, _field(name, written))
    return tuple(fields.values())


def _unnamed(types: List[str]) -> Tuple[Field, ...]:
    return tuple(_field(f"f{index}", written) for index, written in enumerate(types))


def _field(name: str, written: str) -> Field:
    kind = _TYPES.get(written, NUMERIC)
    return Field(name, kind, categories=CODES if kind == CATEGORICAL else ())


def _binary(head: bytes) -> Optional[Told]:
    """Read the number of features from the beginning of a model in the binary format."""
    count = _feature_count(head[len(_BINARY) :] if head.startswith(_BINARY) else head)
    if count is None:
        if head.startswith(_BINARY):
            raise UnreadableError("is damaged or cut short")
        return None
    if not count:
        return Told(NAME, why="does not give its number of features")
    return Told(NAME, made_up_fields("f", count, NUMERIC), made_up=True)


def _feature_count(head: bytes) -> Optional[int]:
    """Return the number of features; `None` if the bytes are not in the binary format.

    The format has 136 bytes of parameters, then the names of the objective and of the booster, each
    after its length in eight bytes.
    """
    if len(head) < _BINARY_PARAMETERS.size:
        return None
    objective, end = _text(head, _BINARY_PARAMETERS.size)
    booster, _ = _text(head, end)
    if _OBJECTIVE.match(objective) is None or booster not in _BOOSTERS:
        return None
    count = _BINARY_PARAMETERS.unpack_from(head)[1]
    assert isinstance(count, int)
    return count


def _text(head: bytes, start: int) -> Tuple[bytes, int]:
    """Return the string at `start`, which begins with its length, and its end."""
    size = int.from_bytes(head[start : start + 8], "little")
    end = start + 8 + size
    return (head[start + 8 : end], end) if end <= len(head) else (b"", len(head))
