"""Model files of a gigabyte that name their inputs: the parts before the bulk, and after it.

As far as a reader looks, each is as its library writes it. The bulk in between is made elsewhere,
by repeating deflate blocks that are compressed once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

XGBOOST, XGBOOST_UNNAMED, JOBLIB, SAVED_MODEL, ONNX = KINDS = (
    "xgboost-json",
    "xgboost-json-unnamed",
    "sklearn-joblib",
    "saved-model",
    "onnx",
)
_FIELDS = tuple(f"feature_{number:02}" for number in range(12))


class ModelFile(NamedTuple):
    """A file: the part `before` the bulk, a bulk of trees or of floats, the part `behind` it."""

    name: str
    before: bytes
    behind: bytes
    is_of_trees: bool = False


def model_file(kind: str, bulk_size: int) -> ModelFile:
    """Return the file of that kind for a bulk of so many bytes."""
    return _FILES[kind](bulk_size)


def _xgboost(names: Sequence[str]) -> ModelFile:
    """Return keys in XGBoost's order: names before the trees, the number of features after them."""
    named = {"feature_names": names, "feature_types": ["float"] * len(names)}
    before = json.dumps({"learner": {"attributes": {}, **named}}, separators=(",", ":"))[:-2]
    before += ',"gradient_booster":{"model":{"gbtree_model_param":{"num_trees":"1"},"trees":['
    param = {"base_score": "5E-1", "num_class": "0", "num_feature": str(len(_FIELDS))}
    behind = json.dumps({"learner_model_param": param, "objective": {"name": "reg:squarederror"}})
    # The bulk ends with a comma or spaces, so an empty string completes the list.
    text = f'""]}},"name":"gbtree"}},{behind[1:]},"version":[2,1,4]}}'
    return ModelFile("xgboost-model", before.encode(), text.encode(), is_of_trees=True)


def _joblib(bulk_size: int) -> ModelFile:
    """Return a k-nearest-neighbours classifier: its features' names, then its training data."""
    state = {
        "n_neighbors": _small(5),
        "feature_names_in_": _wrapper((len(_FIELDS),), "O8") + _object_array(_FIELDS),
        "n_features_in_": _small(len(_FIELDS)),
        "classes_": _wrapper((2,), "i8") + b"\0" + bytes(16),
        "_fit_X": _wrapper((bulk_size // 4,), "f4") + b"\0",
    }
    before = (
        b"\x80\x04"
        + _object("sklearn.neighbors._classification", "KNeighborsClassifier")
        + b"}("
        + b"".join(_text(key) + value for key, value in state.items())
    )
    return ModelFile("model.joblib", before, b"ub.")


def _wrapper(shape: tuple[int, ...], dtype: str) -> bytes:
    """Return what joblib pickles instead of an array, whose bytes follow."""
    state = {
        "subclass": b"cnumpy\nndarray\n",
        "shape": _tuple(b"J" + length.to_bytes(4, "little") for length in shape),
        "order": _text("C"),
        "dtype": _dtype(dtype),
        "allow_mmap": b"\x89" if dtype == "O8" else b"\x88",
        "numpy_array_alignment_bytes": _small(16),
    }
    pairs = b"".join(_text(key) + value for key, value in state.items())
    return _object("joblib.numpy_pickle", "NumpyArrayWrapper") + b"}(" + pairs + b"ub"


def _object_array(names: Iterable[str]) -> bytes:
    """Return a separate pickle of an array of objects, as numpy makes it."""
    shape = _tuple([_small(len(_FIELDS))])
    made = b"cnumpy.core.multiarray\n_reconstruct\n"
    made += _tuple([b"cnumpy\nndarray\n", _tuple([_small(0)]), b"C\x01b"]) + b"R"
    listed = b"](" + b"".join(map(_text, names)) + b"e"
    return b"\x80\x04" + made + _tuple([_small(1), shape, _dtype("O8"), b"\x89", listed]) + b"b."


def _dtype(name: str) -> bytes:
    state = [_small(3), _text("|" if name == "O8" else "<"), b"N", b"N", b"N"]
    state += [b"J\xff\xff\xff\xff"] * 2 + [_small(63 if name == "O8" else 0)]
    return (
        b"cnumpy\ndtype\n" + _tuple([_text(name), b"\x89", b"\x88"]) + b"R" + _tuple(state) + b"b"
    )


def _object(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode() + b")\x81"


def _text(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


def _small(number: int) -> bytes:
    return b"K" + bytes([number])


def _tuple(parts: Iterable[bytes]) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def _saved_model(bulk_size: int) -> ModelFile:
    """Return a graph with its weights frozen into it; the signature comes after the graph."""
    # A node whose attribute `value` is a tensor; each message's length includes all that follows.
    node = _field(1, b"weights") + _field(2, b"Const")
    graph_before = _around((5, 2, 8, 4), bulk_size, [node, _field(1, b"value"), b"", b"\x08\x01"])
    graph_before = _head(1, bulk_size + len(graph_before)) + graph_before
    graph_before = _head(2, bulk_size + len(graph_before)) + graph_before
    signature = b"".join(
        _field(1, _field(1, name.encode()) + _field(2, _tensor_info(name))) for name in _FIELDS
    )
    behind = _field(5, _field(1, b"serving_default") + _field(2, signature))
    meta = _field(1, _field(4, b"serve"))
    graph = len(meta) + len(graph_before) + bulk_size + len(behind)
    return ModelFile(
        "1/saved_model.pb", b"\x08\x01" + _head(2, graph) + meta + graph_before, behind
    )


def _tensor_info(name: str) -> bytes:
    shape = _field(2, b"\x08" + b"\xff" * 9 + b"\x01") + _field(2, b"\x08\x01")
    return _field(1, f"serving_default_{name}:0".encode()) + b"\x10\x01" + _field(3, shape)


def _onnx(bulk_size: int) -> ModelFile:
    """Return a graph whose weights are one initializer; its inputs come after it."""
    tensor = b"\x10\x01" + _field(8, b"weights")
    raw = _head(9, bulk_size)
    initializer = _head(5, len(tensor) + len(raw) + bulk_size) + tensor + raw
    shape = _field(2, _field(1, _field(2, b"batch")) + _field(1, b"\x08\x01"))
    kind = _field(2, _field(1, b"\x08\x01" + shape))
    behind = b"".join(_field(11, _field(1, name.encode()) + kind) for name in _FIELDS)
    graph = len(initializer) + bulk_size + len(behind)
    return ModelFile("model.onnx", b"\x08\x08" + _head(7, graph) + initializer, behind)


def _around(numbers: Sequence[int], bulk_size: int, before: Sequence[bytes]) -> bytes:
    """Return nested protobuf messages around a bulk; the innermost field has the last number."""
    inner = b""
    for number, head in zip(reversed(numbers), reversed(before)):
        inner = head + _head(number, len(inner) + bulk_size) + inner
    return inner


def _field(number: int, content: bytes) -> bytes:
    return _head(number, len(content)) + content


def _head(number: int, length: int) -> bytes:
    """Return the tag of a field that has a length, and that length."""
    return _varint(number << 3 | 2) + _varint(length)


def _varint(value: int) -> bytes:
    groups = []
    while True:
        groups.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(groups)


_FILES: dict[str, Callable[[int], ModelFile]] = {
    XGBOOST: lambda _: _xgboost(_FIELDS),
    XGBOOST_UNNAMED: lambda _: _xgboost(()),
    JOBLIB: _joblib,
    SAVED_MODEL: _saved_model,
    ONNX: _onnx,
}
