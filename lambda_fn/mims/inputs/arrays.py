"""NumPy's arrays and scalars, and pandas' indices, as a pickle describes them."""

from __future__ import annotations

import struct
from typing import Any, List, NamedTuple, Optional, Set, Tuple

from mims.inputs.nodes import LOST, Instance

WRAPPER = "NumpyArrayWrapper"
_DEPTH = 8  # how deep an array may lie in an index
# The codes of NumPy's types that the standard library unpacks: kind and bytes → struct's letter.
_LETTERS = {
    f"{kind}{struct.calcsize(letter)}": letter
    for kind, letters in (("b", "?"), ("i", "bhiq"), ("u", "BHIQ"), ("f", "efd"))
    for letter in letters
}


class DType(NamedTuple):
    """A NumPy type: its kind (O: objects, U: text, S: bytes, or numbers) and its size in bytes."""

    kind: str
    size: int
    order: str


class WrappedArray(NamedTuple):
    """What joblib says about an array that follows in the stream.

    Attributes
    ----------
    is_pickled
        The array has objects, and a pickle of its own follows; otherwise `size` bytes do.
    is_aligned
        Before them is a byte that says how many bytes of padding come first.
    """

    dtype: DType
    is_pickled: bool
    size: int
    is_aligned: bool


def is_wrapper(value: Any) -> bool:
    """Say whether an array follows this object of joblib's in the stream."""
    return (
        type(value) is Instance
        and value.made_by.name == WRAPPER
        and value.made_by.library in ("joblib", "sklearn")
    )


def wrapped_array(wrapper: Instance) -> Optional[WrappedArray]:
    """Return what joblib's wrapper says about its array; `None` if that cannot be understood.

    https://github.com/joblib/joblib/blob/main/joblib/numpy_pickle.py
    """
    dtype = dtype_of(wrapper.attributes.get("dtype"))
    count = _product(wrapper.attributes.get("shape"))
    is_aligned = type(wrapper.attributes.get("numpy_array_alignment_bytes")) is int
    if count is None or dtype is None:
        return None
    return WrappedArray(dtype, dtype.kind == "O", count * dtype.size, is_aligned)


def dtype_of(value: Any) -> Optional[DType]:
    """Return the type that `numpy.dtype("U5", …)` stands for."""
    if not (type(value) is Instance and value.made_by.name == "dtype" and value.arguments):
        return None
    code = value.arguments[0]
    if type(code) is not str or not code[1:].isdecimal() or len(code) > 12:
        return None
    state = value.state if type(value.state) is tuple else ()
    order = state[1] if len(state) > 1 and state[1] in ("<", ">") else "<"
    size = int(code[1:]) * (4 if code[0] == "U" else 1)
    if code[0] == "V" and len(state) > 5 and type(state[5]) is int and state[5] >= 0:
        size = state[5]  # the code of a structured type has no size
    return DType(code[0], size, order)


def array_values(value: Any) -> Optional[List[Any]]:
    """Return the values of a one-dimensional array; `None` if they are not known."""
    if type(value) is not Instance:
        return None
    parts = _parts(value)
    if parts is None:
        return None
    dtype, shape, content = parts
    count = _product(shape)
    if dtype is None or type(shape) is not tuple or len(shape) != 1 or count is None:
        return None
    if dtype.kind == "O":
        if type(content) is not list or len(content) != count:
            return None
        return [scalar(item) for item in content]
    if type(content) is not bytes or len(content) != count * dtype.size:
        return None
    return _unpacked(dtype, content)


def array_shape(value: Any) -> Optional[Tuple[int, ...]]:
    """Return the shape of an array; `None` if it is not known."""
    parts = _parts(value) if type(value) is Instance else None
    if parts is None or _product(parts[1]) is None:
        return None
    shape: Tuple[int, ...] = parts[1]
    return shape


def scalar(value: Any) -> Any:
    """Return the value of a NumPy scalar; anything else is returned unchanged."""
    if type(value) is not Instance or value.made_by.name != "scalar":
        return value
    if len(value.arguments) != 2 or value.made_by.library != "numpy":
        return value
    dtype, content = dtype_of(value.arguments[0]), value.arguments[1]
    if type(content) is str:
        content = _as_bytes(content)
    if dtype is None or type(content) is not bytes or len(content) != dtype.size:
        return value
    values = _unpacked(dtype, content)
    return values[0] if values else value


def listed(value: Any) -> Optional[List[Any]]:
    """Return the values of a list, tuple, array or pandas Index; else `None`."""
    return _listed(value, _DEPTH, set())


def _listed(value: Any, depth: int, seen: Set[int]) -> Optional[List[Any]]:
    """Return the values; `seen` are the parts that were looked into, as they may be shared."""
    if type(value) in (list, tuple):
        return [scalar(item) for item in value]
    if type(value) is not Instance or not depth:
        return None
    if value.made_by.library == "numpy" or is_wrapper(value):
        return array_values(value)
    if value.made_by.library == "pyarrow":
        return _arrow_texts(value)
    if value.made_by.library != "pandas":
        return None
    if value.made_by.name == "_new_Index" and len(value.arguments) == 2:
        described = value.arguments[1]
        return _index(described, depth, seen) if type(described) is dict else None
    # An extension array keeps its values in an array in its state or its attributes.
    for part in (value.state, *value.attributes.values(), *value.arguments):
        if id(part) in seen:
            continue
        seen.add(id(part))
        for inner in part if type(part) is tuple else (part,):
            if type(inner) is Instance:
                values = _listed(inner, depth - 1, seen)
                if values is not None:
                    return values
    return None


def _index(described: Any, depth: int, seen: Set[int]) -> Optional[List[Any]]:
    if "data" in described:
        return _listed(described["data"], depth - 1, seen)
    bounds = [described.get(key) for key in ("start", "stop", "step")]
    if all(type(bound) is int for bound in bounds) and bounds[2]:
        values = range(*bounds)
        return list(values) if len(values) <= 1000 * 1000 else None
    return None


def _arrow_texts(array: Instance) -> Optional[List[Any]]:
    """Return the strings of an Arrow array, in which pandas 3 keeps an Index of strings.

    Its buffers: which are valid, where each begins, the strings themselves
    (https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-layout).
    """
    parts = array.arguments[0] if array.arguments else None
    if array.made_by.name == "chunked_array" and type(parts) is list and len(parts) == 1:
        return _arrow_texts(parts[0]) if type(parts[0]) is Instance else None
    if type(parts) is not tuple or len(parts) < 5 or type(parts[4]) is not list:
        return None
    kind, count, missing, first, buffers = parts[:5]
    alias = kind.arguments if type(kind) is Instance else ()
    letter = {("large_string",): "q", ("string",): "i"}.get(alias)
    contents = [part.arguments[0] for part in buffers if type(part) is Instance and part.arguments]
    if letter is None or missing != 0 or len(contents) != 2 or not _are_bytes(contents):
        return None
    width = struct.calcsize(letter)
    starts, texts = contents
    if type(count) is not int or type(first) is not int or min(count, first) < 0:
        return None
    if (first + count + 1) * width > len(starts):
        return None
    bounds = struct.unpack_from(f"<{count + 1}{letter}", starts, first * width)
    try:
        return [texts[start:end].decode() for start, end in zip(bounds, bounds[1:])]
    except UnicodeDecodeError:
        return None


def _are_bytes(contents: List[Any]) -> bool:
    return all(type(content) is bytes for content in contents)


def _parts(array: Instance) -> Optional[Tuple[Optional[DType], Any, Any]]:
    """Return the type, shape and content of an array."""
    name, state, arguments = array.made_by.name, array.state, array.arguments
    if name == "_reconstruct" and type(state) is tuple and len(state) == 5:
        content = state[4]
        return dtype_of(state[2]), state[1], _as_bytes(content) if type(content) is str else content
    if name == "_frombuffer" and len(arguments) == 4:
        return dtype_of(arguments[1]), arguments[2], arguments[0]
    if name == WRAPPER:
        inner = array.state
        if type(inner) is Instance and inner.made_by.name != WRAPPER:
            return _parts(inner)
        return dtype_of(array.attributes.get("dtype")), array.attributes.get("shape"), inner
    return None


def _unpacked(dtype: DType, content: bytes) -> Optional[List[Any]]:
    """Return the values that are packed in fixed width."""
    if dtype.kind in "US" and dtype.size:
        encoding = "latin-1" if dtype.kind == "S" else "utf-32-" + "bl"[dtype.order == "<"] + "e"
        starts = range(0, len(content), dtype.size)
        try:
            return [content[at : at + dtype.size].decode(encoding).rstrip("\0") for at in starts]
        except UnicodeDecodeError:
            return None
    letter = _LETTERS.get(f"{dtype.kind}{dtype.size}")
    if letter is None:
        return None
    return list(struct.unpack(f"{dtype.order}{len(content) // dtype.size}{letter}", content))


def _product(shape: Any) -> Optional[int]:
    if type(shape) is not tuple or len(shape) > 32:
        return None
    count = 1
    for length in shape:
        if type(length) is not int or not 0 <= length < 1 << 48:
            return None
        count *= length
    return count


def _as_bytes(text: str) -> Any:
    """Return bytes that Python 2, or protocol 2, wrote as a string."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return LOST
