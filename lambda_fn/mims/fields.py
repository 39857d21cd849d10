"""The model's input fields: name, type and shape; and every way in which a type is spelled."""

from __future__ import annotations

import math
import re
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

NUMERIC, INTEGER, BOOLEAN = "numeric", "integer", "boolean"
CATEGORICAL, TEXT, DATETIME = "categorical", "text", "datetime"
TYPES = (NUMERIC, INTEGER, BOOLEAN, CATEGORICAL, TEXT, DATETIME)
CODES = (0,)  # the categories of a model that takes codes, if it does not say how many there are

# The datatypes of the Open Inference Protocol, and the type of a field of each; BF16 is Triton's.
# https://github.com/kserve/open-inference-protocol (Tensor Data Types)
TYPE_OF_DATATYPE = {
    "BOOL": BOOLEAN,
    **dict.fromkeys(("UINT8", "UINT16", "UINT32", "UINT64"), INTEGER),
    **dict.fromkeys(("INT8", "INT16", "INT32", "INT64"), INTEGER),
    **dict.fromkeys(("FP16", "FP32", "FP64", "BF16"), NUMERIC),
    "BYTES": TEXT,
}

# Each type, as pandas, Spark, SQL, MLflow, JSON Schema, XGBoost (q, i, c) and people write it, in
# lower case.
_SPELLINGS = {
    NUMERIC: "numeric number float float16 float32 float64 double real decimal half q",
    INTEGER: (
        "int integer long short byte int8 int16 int32 int64 uint8 uint16 uint32 uint64 "
        "bigint smallint tinyint"
    ),
    BOOLEAN: "bool boolean i",
    CATEGORICAL: "categorical category enum factor c",
    TEXT: "text string str object varchar char binary bytes",
    DATETIME: "datetime timestamp datetime64 date",
}
_TYPE_OF: Dict[str, str] = {
    spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings.split()
}
_ARRAYS = ("array", "list", "vector", "tensor")
# What may follow a type's name: a unit, a precision, a length: `datetime64[ns]`, `decimal(10,2)`.
_SUFFIX = re.compile(r"\s*(\[[^\]]*\]|\([^)]*\))\s*\Z")


class Field(NamedTuple):
    """One model input. (A tuple: a model may have a hundred thousand.)

    Attributes
    ----------
    name, type
        The type is one of `TYPES`.
    shape
        Of one sample, without the batch dimension; empty for a single value.
    datatype
        As the model gives it, in terms of the Open Inference Protocol (`FP32`, `INT64`); empty if
        it gives none.
    example
        The value that `field_info` gives, unchanged.
    categories
        The values that it takes, as its source gives them; `CODES` if the model takes codes.
    date_only
        Of a datetime: it is a day without a time.
    mask
        Of text: the mask token that its default holds, which a model that fills masks needs.
    known
        A value that the model is known to take, while it may refuse the default of the type.
    """

    name: str
    type: str
    shape: Tuple[int, ...] = ()
    datatype: str = ""
    example: Any = None
    categories: Tuple[Any, ...] = ()
    date_only: bool = False
    mask: str = ""
    known: Any = None

    @property
    def size(self) -> int:
        """How many values a sample has for the field: the product of its shape."""
        return math.prod(self.shape)

    @property
    def list_count(self) -> int:
        """How many lists, counting nested ones, a sample's value consists of."""
        return list_count(self.shape)


def list_count(shape: Sequence[int]) -> int:
    """Return how many lists, counting nested ones, a value of that shape consists of."""
    count, lists = 0, 1
    for length in shape:
        count += lists
        lists *= length
    return count


# The fields that a setting names, and warnings about them.
NamedFields = Tuple[Tuple[Field, ...], Tuple[str, ...]]


class WrittenType(NamedTuple):
    """A type as it was written; with `is_array` it needs a shape."""

    type: str
    is_array: bool = False
    date_only: bool = False


def parse_type(written: Any) -> Optional[WrittenType]:
    """Return the type that a string names; `None` where it names none.

    >>> parse_type("datetime64[ns]"), parse_type("IntegerType").type, parse_type("Int64").type
    (WrittenType(type='datetime', is_array=False, date_only=False), 'integer', 'integer')
    """
    if not isinstance(written, str) or len(written) > 100:
        return None
    word = _SUFFIX.sub("", written.strip().lower())
    if word.endswith("type") and word != "type":  # Spark: IntegerType, StringType
        word = word[: -len("type")]
    if word in _ARRAYS:
        return WrittenType(NUMERIC, is_array=True)
    name = _TYPE_OF.get(word)
    return None if name is None else WrittenType(name, date_only=word == "date")
