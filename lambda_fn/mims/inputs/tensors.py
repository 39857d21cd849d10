"""A model's input tensors → fields: element types, and shapes without the batch dimension."""

from __future__ import annotations

from typing import Iterable, Optional, Sequence, Tuple, Union

from mims.errors import shown
from mims.fields import INTEGER, NUMERIC, TYPE_OF_DATATYPE, Field
from mims.inputs.member import MemberBytes, Told
from mims.inputs.protobuf import VARINT, WireField, message, signed

# An input as its field, without a name; or why a request cannot carry it: "takes a map".
Input = Union[Field, str]


# The usual name of a tensor's element type → the datatype of a request that carries it.
DATATYPE_OF = {
    "bool": "BOOL",
    "string": "BYTES",
    **{f"float{bits}": f"FP{bits}" for bits in (16, 32, 64)},
    **{
        f"{sign}int{bits}": f"{sign}int{bits}".upper()
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
}
# Element types without a datatype of their own. What no request carries (complex numbers, handles)
# is in neither table.
_OTHER_TYPES = {
    **dict.fromkeys(("bfloat16", "float8", "float4"), NUMERIC),
    **dict.fromkeys(("int2", "int4", "uint2", "uint4"), INTEGER),
}
_DIMENSION_BYTES = 8  # held for a dimension
_LENGTH = 1  # of a dimension, in the TensorShapeProto of ONNX and of TensorFlow


def tensor_input(elements: str, shape: Sequence[Optional[int]]) -> Input:
    """Return the input that takes a tensor of such elements; `shape` includes the batch."""
    datatype = DATATYPE_OF.get(elements, "")
    kind = TYPE_OF_DATATYPE.get(datatype) or _OTHER_TYPES.get(elements)
    if kind is None:
        return "takes values of a type that no request carries"
    return Field("", kind, sample_shape(shape), datatype)


def sample_shape(shape: Sequence[Optional[int]]) -> Tuple[int, ...]:
    """Return the shape of one sample for an input of that shape.

    The first dimension is the batch and left out: servers stack samples along it, whether it is
    unknown or was fixed when the model was exported. But a single dimension of a known length above
    1 is kept: it is a vector, for one sample at a time. An unknown dimension (`None`, or not
    positive) counts as 1.

    >>> sample_shape([None, 8]), sample_shape([1, 3, None]), sample_shape([None]), sample_shape([])
    ((8,), (3, 1), (), ())
    >>> sample_shape([10])
    (10,)
    """
    lengths = tuple(length if length is not None and length > 0 else 1 for length in shape)
    if len(lengths) == 1 and lengths[0] > 1:
        return lengths
    return lengths[1:]


def declared_length(member: MemberBytes, dimension: WireField) -> int:
    """Return a dimension's length; 0 if it is not known (it may have a name instead)."""
    member.hold(_DIMENSION_BYTES)
    length = 0
    for field in message(member, dimension):
        if field.number == _LENGTH and field.wire == VARINT:
            length = signed(field.value)
    return length


def told_inputs(source: str, inputs: Iterable[Tuple[str, Input]], without: str) -> Told:
    """Return what a model with these inputs, by name, says; `without` if it has none.

    If no request can carry one of them, there are no fields.
    """
    known = []
    for name, given in inputs:
        if isinstance(given, str):
            return Told(source, why=f"{given} as its input '{shown(name)}'")
        known.append(given._replace(name=name))
    return Told(source, tuple(known), why="" if known else without)
