"""ONNX models for the tests of the source `onnx`, and what ONNX Runtime says about their inputs.

Run with a folder: `PYTHONHASHSEED=0 python -m tests.models.training.sources_onnx FOLDER`. Made
with onnx 1.23.2, skl2onnx 1.20.0 and onnxruntime 1.32.0 (Python 3.12); the names of the folders
begin with the library that wrote the model. Its bytes are the same each time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

# mypy: disable-error-code="import-not-found,import-untyped"
import numpy as np
import onnx
import onnxruntime
import pandas
from onnx import TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import (
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

SEED = 7
RECORDS = 60

# ONNX Runtime's name of an input's type → a field's type and datatype.
TYPES = {
    "tensor(float)": ("numeric", "FP32"),
    "tensor(float16)": ("numeric", "FP16"),
    "tensor(double)": ("numeric", "FP64"),
    "tensor(int32)": ("integer", "INT32"),
    "tensor(int64)": ("integer", "INT64"),
    "tensor(uint8)": ("integer", "UINT8"),
    "tensor(string)": ("text", "BYTES"),
    "tensor(bool)": ("boolean", "BOOL"),
    "optional(tensor(float))": ("numeric", "FP32"),
}


def columns(opset: int) -> onnx.ModelProto:
    """Return a pipeline over a table, in which each column is a separate input, (None, 1)."""
    random = np.random.default_rng(SEED)
    numbers = ["Loan amount", "term.months"]
    table = {
        "Loan amount": random.normal(9000, 3000, RECORDS),
        "term.months": random.integers(6, 60, RECORDS),
        "grade": random.choice(["A", "B", "C"], RECORDS),
        "größe": random.choice(["klein", "groß"], RECORDS),
    }
    frame = pandas.DataFrame(table)
    pipeline = make_pipeline(
        ColumnTransformer(
            [("numbers", StandardScaler(), numbers), ("words", OneHotEncoder(), ["grade", "größe"])]
        ),
        LogisticRegression(),
    ).fit(frame, frame["Loan amount"] > 9000)
    types = [
        ("Loan amount", FloatTensorType([None, 1])),
        ("term.months", Int64TensorType([None, 1])),
        ("grade", StringTensorType([None, 1])),
        ("größe", StringTensorType([None, 1])),
    ]
    return convert_sklearn(pipeline, "loans", types, target_opset=opset)


def matrix() -> onnx.ModelProto:
    """Return a model with one input for all columns, (None, 6)."""
    random = np.random.default_rng(SEED)
    samples = random.normal(size=(RECORDS, 6))
    model = LogisticRegression().fit(samples, samples[:, 0] > 0)
    return convert_sklearn(model, "scores", [("X", FloatTensorType([None, 6]))], target_opset=15)


def helper_model(
    inputs: Sequence[Any],
    nodes: Sequence[Any],
    outputs: Sequence[Any],
    *,
    ir_version: int = 8,
    opset: int = 15,
    **graph: Any,
) -> onnx.ModelProto:
    """Return a model made with onnx's own helpers, as other converters do."""
    made = helper.make_graph(list(nodes), "made", list(inputs), list(outputs), **graph)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = ir_version
    return model


def tensor(name: str, element_type: int, shape: Any) -> Any:
    return helper.make_tensor_value_info(name, element_type, shape)


def old_initializers() -> onnx.ModelProto:
    """Return a model of IR version 3, which lists initializers before and after the inputs."""
    weights = np.random.default_rng(SEED).normal(size=(4, 2)).astype(np.float32)
    listed = [
        tensor("W", TensorProto.FLOAT, [4, 2]),
        tensor("measurements", TensorProto.FLOAT, ["batch", 4]),
        tensor("B", TensorProto.FLOAT, [2]),
    ]
    return helper_model(
        listed,
        [
            helper.make_node("MatMul", ["measurements", "W"], ["product"]),
            helper.make_node("Add", ["product", "B"], ["scores"]),
        ],
        [tensor("scores", TensorProto.FLOAT, ["batch", 2])],
        ir_version=3,
        opset=8,
        initializer=[
            onnx.numpy_helper.from_array(weights, "W"),
            onnx.numpy_helper.from_array(np.zeros(2, np.float32), "B"),
        ],
    )


def image() -> onnx.ModelProto:
    """Return a model with a batch of fixed size, as PyTorch exports without dynamic axes."""
    inputs = [
        tensor("pixel_values", TensorProto.FLOAT, [1, 3, 8, 8]),
        tensor("mask", TensorProto.BOOL, [1, 8, 8]),
        tensor("scale", TensorProto.DOUBLE, [1]),
    ]
    nodes = [
        helper.make_node("Relu", ["pixel_values"], ["a"]),
        helper.make_node("Not", ["mask"], ["b"]),
        helper.make_node("Neg", ["scale"], ["c"]),
    ]
    outputs = [
        tensor("a", TensorProto.FLOAT, [1, 3, 8, 8]),
        tensor("b", TensorProto.BOOL, [1, 8, 8]),
        tensor("c", TensorProto.DOUBLE, [1]),
    ]
    return helper_model(inputs, nodes, outputs)


def shapes() -> onnx.ModelProto:
    """Return a model with a scalar, an unknown rank, named and fixed dimensions, small types."""
    kinds: List[Tuple[str, int, Any]] = [
        ("temperature", TensorProto.FLOAT16, []),
        ("anything", TensorProto.FLOAT, None),
        ("input_ids", TensorProto.INT64, ["batch", "sequence"]),
        ("amounts", TensorProto.FLOAT, [None]),
        ("vector", TensorProto.INT32, [10]),
        ("bytes", TensorProto.UINT8, ["N", 4, "width"]),
        ("words", TensorProto.STRING, [None, 2]),
    ]
    inputs = [tensor(name, kind, shape) for name, kind, shape in kinds]
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name, _, _ in kinds]
    outputs = [tensor(f"{name}_out", kind, shape) for name, kind, shape in kinds]
    return helper_model(inputs, nodes, outputs)


def sparse() -> onnx.ModelProto:
    """Return a model with a sparse initializer that is also listed among the inputs."""
    values = helper.make_tensor("W", TensorProto.FLOAT, [2], [0.5, 2.0])
    indices = helper.make_tensor("W_places", TensorProto.INT64, [2], [0, 5])
    return helper_model(
        [tensor("readings", TensorProto.FLOAT, ["n", 3]), tensor("W", TensorProto.FLOAT, [3, 2])],
        [helper.make_node("MatMul", ["readings", "W"], ["scores"])],
        [tensor("scores", TensorProto.FLOAT, ["n", 2])],
        sparse_initializer=[helper.make_sparse_tensor(values, indices, [3, 2])],
    )


def optional() -> onnx.ModelProto:
    """Return a model with an input that may be missing."""
    inner = helper.make_tensor_type_proto(TensorProto.FLOAT, ["n", 2])
    optional_input = helper.make_value_info("extras", helper.make_optional_type_proto(inner))
    return helper_model(
        [tensor("base", TensorProto.FLOAT, ["n", 2]), optional_input],
        [
            helper.make_node("OptionalGetElement", ["extras"], ["given"]),
            helper.make_node("Add", ["base", "given"], ["sum"]),
        ],
        [tensor("sum", TensorProto.FLOAT, ["n", 2])],
    )


def sequence() -> onnx.ModelProto:
    """Return a model with a sequence as its input, which no request can carry."""
    frames = helper.make_tensor_sequence_value_info("frames", TensorProto.FLOAT, None)
    index = helper.make_tensor("place", TensorProto.INT64, [], [0])
    return helper_model(
        [frames],
        [helper.make_node("SequenceAt", ["frames", "place"], ["first"])],
        [tensor("first", TensorProto.FLOAT, None)],
        initializer=[index],
    )


def constant() -> onnx.ModelProto:
    """Return a graph without inputs."""
    value = helper.make_tensor("value", TensorProto.FLOAT, [1], [1.5])
    return helper_model(
        [],
        [helper.make_node("Constant", [], ["out"], value=value)],
        [tensor("out", TensorProto.FLOAT, [1])],
    )


MODELS: Dict[str, Callable[[], onnx.ModelProto]] = {
    "skl2onnx-1.20-columns-opset-9": lambda: columns(9),
    "skl2onnx-1.20-columns-opset-21": lambda: columns(21),
    "skl2onnx-1.20-matrix": matrix,
    "onnx-1.23-helper-initializers-ir-3": old_initializers,
    "onnx-1.23-helper-fixed-batch": image,
    "onnx-1.23-helper-shapes": shapes,
    "onnx-1.23-helper-sparse-initializer": sparse,
    "onnx-1.23-helper-optional": optional,
    "onnx-1.23-helper-sequence": sequence,
    "onnx-1.23-helper-constant": constant,
}
# Models that give no fields, and why.
WHY = {
    "onnx-1.23-helper-sequence": "takes a sequence as its input 'frames'",
    "onnx-1.23-helper-constant": "has a graph without inputs",
}


def expected(model: bytes, name: str) -> Dict[str, Any]:
    """Return what ONNX Runtime says about the model's inputs, as fields."""
    if name in WHY:
        onnxruntime.InferenceSession(model)
        return {"source": "onnx", "made_up": False, "fields": [], "why": WHY[name]}
    fields = []
    for given in onnxruntime.InferenceSession(model).get_inputs():
        kind, datatype = TYPES[given.type]
        lengths = [length if isinstance(length, int) else 1 for length in given.shape]
        fields.append(
            {
                "name": given.name,
                "type": kind,
                "datatype": datatype,
                "shape": lengths if given.shape == [10] else lengths[1:],
            }
        )
    return {"source": "onnx", "made_up": False, "fields": fields}


def main(folder: Path) -> None:
    """Write each model to its own folder, with what is expected of it."""
    for name, make in MODELS.items():
        model = make()
        written = model.SerializeToString(deterministic=True)
        kept = folder / name
        kept.mkdir(parents=True, exist_ok=True)
        (kept / "model.onnx").write_bytes(written)
        text = json.dumps(expected(written, name), indent=2, ensure_ascii=False)
        (kept / "expect.json").write_text(text + "\n", encoding="utf-8")
        print(f"{name}: {len(written):,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
