"""MLflow models for the tests of the source `mlflow`, and what MLflow says about their inputs.

Run with a folder: `python tests/models/training/sources_mlflow.py FOLDER`. Made with mlflow-skinny
1.14.1 and 1.30.1 (Python 3.8), 2.9.2 (3.10), 2.22.0 and 3.1.0 (3.11); the names of the folders
begin with the version that wrote them. Only a model's `MLmodel` and examples are kept; identifiers,
times and the Python version in `MLmodel` are replaced by fixed ones.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

# mypy: disable-error-code="import-not-found,import-untyped"
import mlflow.pyfunc
import numpy as np
import pandas
from mlflow.models import Model
from mlflow.models.signature import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec

VERSION = ".".join(mlflow.__version__.split(".")[:2])
MAJOR = int(VERSION.split(".")[0])
KEPT = ("MLmodel", "input_example.json", "serving_input_example.json")

ENVIRONMENT: Dict[str, Any] = {"pip_requirements": []}
if MAJOR < 2:
    ENVIRONMENT = {"conda_env": {"dependencies": ["python"]}}

# MLflow's type of a column → a field's type.
TYPES = {
    DataType.boolean: "boolean",
    DataType.integer: "integer",
    DataType.long: "integer",
    DataType.float: "numeric",
    DataType.double: "numeric",
    DataType.string: "text",
    DataType.binary: "text",
}
if hasattr(DataType, "datetime"):
    TYPES[DataType.datetime] = "datetime"
OPTIONAL = {"optional": True} if VERSION == "2.9" else {"required": False}
# numpy's type of a tensor → a field's type and datatype.
ELEMENTS = {
    "float32": ("numeric", "FP32"),
    "float64": ("numeric", "FP64"),
    "int64": ("integer", "INT64"),
    "uint8": ("integer", "UINT8"),
    "bool": ("boolean", "BOOL"),
    "str": ("text", "BYTES"),
}
NAMES = [
    "average_monthly_balance_over_the_last_twelve_months_in_euro",
    "it's overdue",
    'says "yes": often',
    "größe_in_cm",
    "価格",
    "open # not a comment",
    "signature: inputs",
    "back\\slash\\n",
    "null",
    "42",
    " leading and trailing ",
    "- dash",
    "{brace} [bracket], %",
    "emoji \N{SNOWMAN} \N{ROCKET}",
]


class Doubled(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """A model that needs no training: only the files that MLflow writes for it matter here."""

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        return model_input  # without type hints: MLflow 3 would make a signature from them


def columns() -> ModelSignature:
    types = list(TYPES)
    specs = [ColSpec(types[index % len(types)], name) for index, name in enumerate(NAMES)]
    return ModelSignature(Schema(specs), Schema([ColSpec(DataType.long)]))


def optional_columns() -> ModelSignature:
    specs = [
        ColSpec(DataType.double, "income"),
        ColSpec(DataType.string, "nickname", **OPTIONAL),
        ColSpec(DataType.long, "dependants", **OPTIONAL),
    ]
    return ModelSignature(Schema(specs))


def nested_columns() -> ModelSignature:
    from mlflow.types.schema import Array, Object, Property

    item = Object([Property("sku", DataType.string), Property("count", DataType.long)])
    specs = [
        ColSpec(DataType.double, "total"),
        ColSpec(Array(DataType.float), "embedding"),
        ColSpec(Array(Array(DataType.long)), "tokens"),
        ColSpec(item, "item"),
        ColSpec(Array(item), "basket"),
    ]
    return ModelSignature(Schema(specs))


def unnamed_columns() -> ModelSignature:
    return ModelSignature(Schema([ColSpec(DataType.double), ColSpec(DataType.string)]))


def named_tensors() -> ModelSignature:
    specs = [
        TensorSpec(np.dtype("float32"), (-1, 28, 28), "image"),
        TensorSpec(np.dtype("int64"), (-1, -1), "token ids"),
        TensorSpec(np.dtype("uint8"), (-1,), "kind"),
        TensorSpec(np.dtype("bool"), (16, 1), "mask"),
        TensorSpec(np.dtype("str"), (-1, 2), "words"),
    ]
    return ModelSignature(Schema(specs), Schema([TensorSpec(np.dtype("float32"), (-1, 10))]))


def unnamed_tensor() -> ModelSignature:
    return ModelSignature(Schema([TensorSpec(np.dtype("float64"), (-1, 8))]))


def table() -> pandas.DataFrame:
    frame = {
        "Fare paid": [7.25, 71.5],
        "siblings": [1, 0],
        "alone": [False, True],
        "deck": ["F", "C"],
    }
    return pandas.DataFrame(frame)


def unnamed_table() -> pandas.DataFrame:
    return pandas.DataFrame([[7.25, 1, "F"], [71.5, 0, "C"]])


def matrix() -> np.ndarray:
    return np.array([[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]])


def images() -> np.ndarray:
    return np.arange(12, dtype="int64").reshape(2, 3, 2)


def tensors() -> Dict[str, np.ndarray]:
    return {"ids": np.array([[1, 2], [3, 4]]), "weight": np.array([0.5, 0.25])}


def record() -> Dict[str, Any]:
    return {"amount": 12.5, "count": 3, "country": "NL"}


# Name → signature, example, and the expected fields of the example: name, type and shape (since
# MLflow returns an example as it was, without types).
Expected = List[Tuple[str, str, List[int]]]
Case = Tuple[Optional[Callable[[], Any]], Optional[Callable[[], Any]], Expected]
TABLE: Expected = [
    ("Fare paid", "numeric", []),
    ("siblings", "integer", []),
    ("alone", "boolean", []),
    ("deck", "text", []),
]
CASES: Dict[str, Case] = {
    "columns": (columns, None, []),
    "unnamed-columns": (unnamed_columns, None, []),
    "named-tensors": (named_tensors, None, []),
    "unnamed-tensor": (unnamed_tensor, None, []),
    "table": (None, table, TABLE),
    "unnamed-table": (
        None,
        unnamed_table,
        [("f0", "numeric", []), ("f1", "integer", []), ("f2", "text", [])],
    ),
    "matrix": (None, matrix, [(f"f{index}", "numeric", []) for index in range(3)]),
    "images": (None, images, [("input", "integer", [3, 2])]),
    "tensors": (None, tensors, [("ids", "integer", [2]), ("weight", "numeric", [])]),
    "record": (
        None,
        record,
        [("amount", "numeric", []), ("count", "integer", []), ("country", "text", [])],
    ),
}
if MAJOR > 1:
    CASES["optional-columns"] = (optional_columns, None, [])
if VERSION in ("2.22", "3.1"):
    CASES["nested-columns"] = (nested_columns, None, [])


def save(folder: Path, case: Case) -> None:
    signature, example, _ = case
    mlflow.pyfunc.save_model(
        str(folder),
        python_model=Doubled(),
        signature=signature() if signature else (None if MAJOR < 2 else False),
        input_example=None if example is None else example(),
        **ENVIRONMENT,
    )


def fixed(yaml: str) -> str:
    """Return an `MLmodel` without the parts that differ from run to run."""
    for key, value in {
        "utc_time_created": "'2026-01-15 08:30:00.000000'",
        "model_uuid": "0" * 32,
        "python_version": "3.8.18",
        "model_size_bytes": "1024",
    }.items():
        yaml = re.sub(rf"(?m)^( *){key}: .*$", rf"\g<1>{key}: {value}", yaml)
    return yaml


def signature_fields(folder: Path) -> List[Dict[str, Any]]:
    """Return the inputs as MLflow reads them from the `MLmodel`."""
    fields = []
    for index, spec in enumerate(Model.load(str(folder / "MLmodel")).get_input_schema().inputs):
        if isinstance(spec, TensorSpec):
            kind, datatype = ELEMENTS[spec.type.name]
            shape = [max(length, 1) for length in spec.shape[1:]]
            name = spec.name or "input"
        else:
            kind, datatype, shape = column_type(spec.type), "", []
            while not isinstance(kind, str):
                shape.append(1)
                kind = column_type(kind)
            name = spec.name or f"f{index}"
        fields.append({"name": name, "type": kind, "shape": shape, "datatype": datatype})
    return fields


def column_type(kind: Any) -> Any:
    """Return the field type for a column, or MLflow's type of the elements of an array."""
    if kind in list(TYPES):
        return TYPES[kind]
    return getattr(kind, "dtype", None) or "text"


def main(folder: Path) -> None:
    for name, case in CASES.items():
        kept = folder / f"{VERSION}-{name}"
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as temporary:
            made = Path(temporary) / "model"
            save(made, case)
            for file in KEPT:
                if (made / file).exists():
                    content = (made / file).read_text(encoding="utf-8")
                    (kept / file).write_text(
                        fixed(content) if file == "MLmodel" else content, "utf-8"
                    )
            model = Model.load(str(made / "MLmodel"))
        expect: Dict[str, Any] = {"source": "mlflow"}
        if case[0] is not None:
            expect["fields"] = signature_fields(kept)
            expect["form"] = "columns"
            if model.get_input_schema().is_tensor_spec():
                expect["form"] = "tensors" if model.get_input_schema().inputs[0].name else "tensor"
        else:
            expect["fields"] = [
                {"name": field, "type": kind, "shape": shape, "datatype": ""}
                for field, kind, shape in case[2]
            ]
            expect["form"] = "example"
        expect["made_up"] = name in ("unnamed-columns", "unnamed-table", "matrix")
        text = json.dumps(expect, indent=1, ensure_ascii=False)
        (kept / "expect.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
