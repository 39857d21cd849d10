"""ONNX: the inputs of the graph that are not initializers.

https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; the field numbers below are its.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, Set, Tuple

from mims.inputs.member import MemberBytes, Told, UnreadableError
from mims.inputs.protobuf import LENGTH, VARINT, WireField, fields, message, text, within
from mims.inputs.tensors import Input, declared_length, tensor_input, told_inputs

_GRAPH = 7  # of a ModelProto
_INITIALIZER, _INPUT, _SPARSE_INITIALIZER = 5, 11, 15  # of a GraphProto
_TENSOR_NAME, _SPARSE_VALUES = 8, 1  # of a TensorProto; of a SparseTensorProto
_NAME, _TYPE = 1, 2  # of a ValueInfoProto
_TENSOR, _OPTIONAL = 1, 9  # of a TypeProto: the type of a tensor, or of an optional value
_OPTIONAL_OF = 1  # of a TypeProto.Optional
_OTHER_KINDS = {4: "a sequence", 5: "a map", 7: "an opaque value", 8: "a sparse tensor"}
_ELEMENT_TYPE, _SHAPE = 1, 2  # of a TypeProto.Tensor
_DIMENSION = 1  # of a TensorShapeProto

# TensorProto.DataType
_ELEMENT_TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
    17: "float8",
    18: "float8",
    19: "float8",
    20: "float8",
    21: "uint4",
    22: "int4",
    23: "float4",
    24: "float8",
    25: "uint2",
    26: "int2",
}
_MOST_INITIALIZERS = 100_000  # their names are kept until the graph's inputs are known
_INPUT_BYTES = 64  # held for an input besides its name


def wants(path: str, head: bytes) -> bool:
    """Say whether a member is an ONNX model, by its name."""
    return bool(head) and path.lower().endswith(".onnx")


def read(member: MemberBytes) -> Told:
    """Return the inputs of an ONNX model's graph, in its order; initializers are left out.

    Raises
    ------
    UnreadableError
        It is damaged, cut short within the graph, or more than a reader may take.
    """
    for field in fields(member):
        if field.number == _GRAPH and field.wire == LENGTH:
            inputs, initializers = _graph(member, field)
            given = [each for each in inputs.items() if each[0] not in initializers]
            return told_inputs("onnx", given, "has a graph without inputs")
    return Told("onnx", why="has no graph")


def _graph(member: MemberBytes, graph: WireField) -> Tuple[Dict[str, Input], Set[str]]:
    """Return the inputs of a graph, by name, and the names of its initializers.

    Older models list the initializers among the inputs, and either may come first.
    """
    inputs: Dict[str, Input] = {}
    initializers: Set[str] = set()
    for field in message(member, graph):
        if field.wire != LENGTH:
            continue
        if field.number == _INPUT:
            member.hold(_INPUT_BYTES)
            name, given = _value(member, field)
            inputs.setdefault(name, given)
        elif field.number in (_INITIALIZER, _SPARSE_INITIALIZER):
            initializers.add(_initializer(member, field))
            if len(initializers) > _MOST_INITIALIZERS:
                raise UnreadableError(f"has more than {_MOST_INITIALIZERS:,} initializers")
    return inputs, initializers


def _initializer(member: MemberBytes, initializer: WireField) -> str:
    """Return the name of a tensor; that of a sparse one is the name of the tensor of its values."""
    tensors: Iterable[WireField] = (initializer,)
    if initializer.number == _SPARSE_INITIALIZER:
        tensors = within(member, initializer, _SPARSE_VALUES)
    for tensor in tensors:
        for field in within(member, tensor, _TENSOR_NAME):
            return text(member, field)
    return ""


def _value(member: MemberBytes, value: WireField) -> Tuple[str, Input]:
    """Return the name of a graph's input, and the input."""
    name = ""
    given: Input = "takes a value of no type"
    for field in message(member, value):
        if field.wire == LENGTH and field.number == _NAME:
            name = text(member, field)
        elif field.wire == LENGTH and field.number == _TYPE:
            given = _type(member, field)
    if not name:
        raise UnreadableError("is damaged: an input of its graph has no name")
    return name, given


def _type(member: MemberBytes, value_type: WireField, within_optional: bool = False) -> Input:
    """Return an input of that type, without its name; an optional one counts as given."""
    for field in message(member, value_type):
        if field.wire != LENGTH:
            continue
        if field.number == _TENSOR:
            return _tensor(member, field)
        if field.number == _OPTIONAL and not within_optional:
            for inner in within(member, field, _OPTIONAL_OF):
                return _type(member, inner, within_optional=True)
        if field.number in _OTHER_KINDS:
            return f"takes {_OTHER_KINDS[field.number]}"
    return "takes a value of no type"


def _tensor(member: MemberBytes, tensor: WireField) -> Input:
    element_type = 0
    lengths: List[int] = []
    for field in message(member, tensor):
        if field.number == _ELEMENT_TYPE and field.wire == VARINT:
            element_type = field.value
        elif field.number == _SHAPE and field.wire == LENGTH:
            for dimension in within(member, field, _DIMENSION):
                lengths.append(declared_length(member, dimension))
    return tensor_input(_ELEMENT_TYPES.get(element_type, ""), lengths)
