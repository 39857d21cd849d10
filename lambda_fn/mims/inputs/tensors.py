"""A model's input tensors → fields: element types, and shapes without the batch dimension."""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional, Sequence, Tuple

from mims.fields import BOOLEAN, INTEGER, NUMERIC, TEXT


class ElementType(NamedTuple):
    """What a tensor's elements are: a field's type, and the datatype (empty: it has no word)."""

    type: str
    datatype: str = ""


# By their usual names; what a request cannot carry (complex numbers, handles) is not among them.
# Datatypes: https://github.com/kserve/open-inference-protocol (Tensor Data Types)
ELEMENT_TYPES: Dict[str, ElementType] = {
    "bool": ElementType(BOOLEAN, "BOOL"),
    "string": ElementType(TEXT, "BYTES"),
    "float16": ElementType(NUMERIC, "FP16"),
    "float32": ElementType(NUMERIC, "FP32"),
    "float64": ElementType(NUMERIC, "FP64"),
    "bfloat16": ElementType(NUMERIC),
    "float8": ElementType(NUMERIC),
    "float4": ElementType(NUMERIC),
    "int2": ElementType(INTEGER),
    "int4": ElementType(INTEGER),
    "uint2": ElementType(INTEGER),
    "uint4": ElementType(INTEGER),
    **{
        f"{prefix}int{bits}": ElementType(INTEGER, f"{prefix}int{bits}".upper())
        for prefix in ("", "u")
        for bits in (8, 16, 32, 64)
    },
}


def sample_shape(shape: Sequence[Optional[int]]) -> Tuple[int, ...]:
    """Return the shape of one sample for an input of that shape.

    The first dimension is the batch's, and left out: servers stack samples along it, whether it is
    unknown or was fixed when the model was exported. A lone dimension of a known length above 1 is
    kept: that is a vector, for one sample at a time. An unknown dimension (`None`, or none above
    0) is 1.

    >>> sample_shape([None, 8]), sample_shape([1, 3, None]), sample_shape([None]), sample_shape([])
    ((8,), (3, 1), (), ())
    >>> sample_shape([10])
    (10,)
    """
    lengths = tuple(length if length is not None and length > 0 else 1 for length in shape)
    if len(lengths) == 1 and lengths[0] > 1:
        return lengths
    return lengths[1:]
