"""TensorFlow's SavedModel: the inputs of the signature that a server calls, by their keys.

The fields below are numbered as in TensorFlow's `saved_model.proto`, `meta_graph.proto` and
`tensor_shape.proto`: https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core
"""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Tuple, TypeVar

from mims.errors import shown
from mims.inputs.member import MemberBytes, Told, UnreadableError
from mims.inputs.protobuf import LENGTH, VARINT, WireField, fields, message, text, within
from mims.inputs.tensors import Input, declared_length, tensor_input, told_inputs

_FILE_NAME = "saved_model.pb"

_META_GRAPH = 2  # of a SavedModel
_META_INFO, _SIGNATURE = 1, 5  # of a MetaGraphDef
_TAG = 4  # of a MetaInfoDef
_KEY, _VALUE = 1, 2  # of an entry of any map
_INPUT = 1  # of a SignatureDef
_TYPE, _SHAPE = 2, 3  # of a TensorInfo
_OTHER_KINDS = {4: "a sparse tensor", 5: "a composite tensor"}
_DIMENSION = 2  # of a TensorShapeProto

# https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/types.proto
_ELEMENT_TYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    9: "int64",
    10: "bool",
    14: "bfloat16",
    17: "uint16",
    19: "float16",
    22: "uint32",
    23: "uint64",
    24: "float8",
    25: "float8",
    29: "int4",
    30: "uint4",
}

# What TensorFlow Serving loads and calls, and what TensorFlow itself keeps among the signatures.
# https://github.com/tensorflow/tensorflow/blob/master/tensorflow/python/saved_model/signature_constants.py
_SERVED = "serve"
_SERVING_DEFAULT = "serving_default"
_OF_TENSORFLOW = "__saved_model_"

_ENTRY_BYTES = 64  # held for a signature or an input, besides its name

_T = TypeVar("_T")


def wants(path: str, head: bytes) -> bool:
    """Say whether a member is a SavedModel's graph, by its name."""
    return bool(head) and path.rpartition("/")[2] == _FILE_NAME


def read(member: MemberBytes) -> Told:
    """Return the inputs of the signature `serving_default`, else of the only one.

    A signature is a map: its inputs come in the order of their names, as TensorFlow writes them.

    Raises
    ------
    UnreadableError
        It is damaged, cut short before the signatures, or larger than a reader may take.
    """
    for field in fields(member):
        if field.number == _META_GRAPH and field.wire == LENGTH:
            told = _meta_graph(member, field)
            if told is not None:
                return told
    return Told("tensorflow", why=f"has no graph with the tag '{_SERVED}'")


def _meta_graph(member: MemberBytes, meta_graph: WireField) -> Optional[Told]:
    """Return the inputs of a meta graph; `None` if it is not for serving."""
    served = False
    signatures: Dict[str, Dict[str, Input]] = {}
    for field in message(member, meta_graph):
        if field.wire != LENGTH:
            continue
        if field.number == _META_INFO:
            tags = [text(member, tag) for tag in within(member, field, _TAG)]
            served = served or _SERVED in tags
        elif field.number == _SIGNATURE:
            name, inputs = _entry(member, field, _signature)
            signatures[name] = inputs or {}
        if served and _SERVING_DEFAULT in signatures:
            return _told(_SERVING_DEFAULT, signatures[_SERVING_DEFAULT])
    if not served:
        return None
    callable_ones = [name for name in signatures if not name.startswith(_OF_TENSORFLOW)]
    if not callable_ones:
        return Told("tensorflow", why="has no signature")
    if len(callable_ones) > 1:
        count = f"{len(callable_ones):,}"
        return Told("tensorflow", why=f"has {count} signatures, none of them '{_SERVING_DEFAULT}'")
    return _told(callable_ones[0], signatures[callable_ones[0]])


def _told(signature: str, inputs: Dict[str, Input]) -> Told:
    without = f"has a signature '{shown(signature)}' without inputs"
    return told_inputs("tensorflow", sorted(inputs.items()), without)


def _entry(
    member: MemberBytes, entry: WireField, read_value: Callable[[MemberBytes, WireField], _T]
) -> Tuple[str, Optional[_T]]:
    """Return the key and the value of a map's entry; a missing key is empty."""
    member.hold(_ENTRY_BYTES)
    key = ""
    value = None
    for field in message(member, entry):
        if field.number == _KEY and field.wire == LENGTH:
            key = text(member, field)
        elif field.number == _VALUE and field.wire == LENGTH:
            value = read_value(member, field)
    return key, value


def _signature(member: MemberBytes, signature: WireField) -> Dict[str, Input]:
    inputs: Dict[str, Input] = {}
    for field in within(member, signature, _INPUT):
        name, given = _entry(member, field, _tensor)
        if not name or given is None:
            raise UnreadableError("is damaged: an input of a signature has no name, or no type")
        inputs[name] = given
    return inputs


def _tensor(member: MemberBytes, tensor: WireField) -> Input:
    element_type = 0
    lengths: List[int] = []
    for field in message(member, tensor):
        if field.number == _TYPE and field.wire == VARINT:
            element_type = field.value
        elif field.number == _SHAPE and field.wire == LENGTH:  # without dimensions if it is unknown
            dimensions = within(member, field, _DIMENSION)
            lengths = [declared_length(member, dimension) for dimension in dimensions]
        elif field.number in _OTHER_KINDS:
            return f"takes {_OTHER_KINDS[field.number]}"
    return tensor_input(_ELEMENT_TYPES.get(element_type, ""), lengths)
