"""SavedModels, loaded and called by TensorFlow itself, from the JSON that TensorFlow Serving takes.

TensorFlow Serving is not on a package index. Its rules for JSON are documented and in its code,
https://github.com/tensorflow/serving: tensorflow_serving/util/json_tensor.cc. Tensors are made by
these rules here: integers, booleans and strings must be written as such; a request has `instances`,
a row for each, or `inputs`, a column for each; a single input needs no name.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable, Dict, List, Mapping, NamedTuple

import pytest

from tests.endpoints.auto import COUNTS, Request, request
from tests.endpoints.recipes import library

pytestmark = [pytest.mark.endpoints, pytest.mark.filterwarnings("ignore")]

JUDGE = "TensorFlow's loading and calling, from JSON by TensorFlow Serving's documented rules"


def saved_signature(folder: Path) -> Any:
    """Load the SavedModel as a server does: the folder with the highest number."""
    tensorflow = library("tensorflow")
    newest = max(
        (path.parent for path in folder.rglob("saved_model.pb")), key=lambda p: int(p.name)
    )
    model = tensorflow.saved_model.load(str(newest))
    signature = model.signatures["serving_default"]
    signature.model = model  # else it would be collected, with its variables
    return signature


def tensors(signature: Any, body: Any) -> Dict[str, Any]:
    """Return the inputs that TensorFlow Serving makes from a request's JSON."""
    inputs = signature.structured_input_signature[1]
    assert list(body) in (["instances"], ["inputs"])
    if "instances" in body:
        rows = body["instances"]
        assert rows
        assert len({isinstance(row, dict) for row in rows}) == 1, "named and unnamed rows"
        if isinstance(rows[0], dict):
            assert all(set(row) == set(inputs) for row in rows), "other names than the signature's"
            columns = {name: [row[name] for row in rows] for name in inputs}
        else:
            assert len(inputs) == 1, "several inputs need names"
            columns = dict.fromkeys(inputs, rows)
    else:
        columns = body["inputs"]
        if not isinstance(columns, dict) or set(columns) != set(inputs):
            assert len(inputs) == 1, "several inputs need names"
            columns = dict.fromkeys(inputs, body["inputs"])
    return {name: tensor(columns[name], spec) for name, spec in inputs.items()}


def tensor(column: Any, spec: Any) -> Any:
    tensorflow = library("tensorflow")
    kinds = {element.__class__ for element in elements(column)}
    if spec.dtype.is_floating:
        assert kinds <= {int, float}, f"{spec.name} is not numbers"
    elif spec.dtype.is_bool:
        assert kinds == {bool}, f"{spec.name} is not booleans"
    elif spec.dtype.is_integer:
        assert kinds == {int}, f"{spec.name} is not integers"
    else:
        assert kinds == {str}, f"{spec.name} is not strings"
    made = tensorflow.constant(column, spec.dtype)
    assert spec.shape.is_compatible_with(made.shape), f"{spec.name} has the shape {made.shape}"
    return made


def elements(value: Any) -> List[Any]:
    if not isinstance(value, list):
        return [value]
    return [element for item in value for element in elements(item)]


def predicted(signature: Any, body: Any) -> List[float]:
    (output,) = signature(**tensors(signature, body)).values()
    return [float(value) for value in elements(output.numpy().tolist())]


def save_module(folder: Path) -> None:
    """Export a module that takes a number, an integer, a boolean, a string and a window."""
    tensorflow = library("tensorflow")
    specs = {
        "amount": tensorflow.TensorSpec([None], tensorflow.float32, "amount"),
        "visits": tensorflow.TensorSpec([None], tensorflow.int64, "visits"),
        "member": tensorflow.TensorSpec([None], tensorflow.bool, "member"),
        "plan": tensorflow.TensorSpec([None], tensorflow.string, "plan"),
        "window": tensorflow.TensorSpec([None, 2, 2], tensorflow.float32, "window"),
    }

    class Module(tensorflow.Module):  # type: ignore[misc, name-defined]
        @tensorflow.function(input_signature=list(specs.values()))  # type: ignore[untyped-decorator]
        def serve(self, amount: Any, visits: Any, member: Any, plan: Any, window: Any) -> Any:
            total = amount + tensorflow.cast(visits, "float32") + tensorflow.cast(member, "float32")
            total += tensorflow.cast(tensorflow.strings.length(plan), "float32")
            return {"score": total + tensorflow.reduce_sum(window, [1, 2])}

    module = Module()
    tensorflow.saved_model.save(module, str(folder / "1"), signatures=module.serve)


def save_dense(folder: Path) -> None:
    keras = library("keras")
    keras.utils.set_random_seed(5)
    layers = [keras.Input((3,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(1)]
    keras.Sequential(layers).export(folder / "model" / "1", verbose=False)


def save_columns(folder: Path) -> None:
    keras = library("keras")
    keras.utils.set_random_seed(5)
    inputs = [keras.Input((1,), name=name) for name in ("age", "income")]
    output = keras.layers.Dense(1)(keras.layers.Concatenate()(inputs))
    keras.Model(inputs, output).export(folder / "export" / "Servo" / "3", verbose=False)


class Case(NamedTuple):
    save: Callable[[Path], None]
    content_type: str
    values: Dict[str, List[Any]]
    types: Mapping[str, str] = MappingProxyType({})


WINDOWS = [[[0.5, 1.0], [2.0, 3.0]], [[0.0, 0.0], [1.0, 1.0]], [[-1.0, 0.5], [0.0, 0.0]]]
CASES = {
    "a module: number, integer, boolean, text, matrix": Case(
        save_module,
        "application/json",
        {
            "amount": [0.5, 1.5, 2.5],
            "visits": [3, 0, 7],
            "member": [True, False, True],
            "plan": ["gold", "basic", ""],
            "window": WINDOWS,
        },
        {"visits": "int64", "member": "bool", "plan": "string"},
    ),
    "Keras, one input of 3 numbers": Case(
        save_dense,
        "application/json; format=rows",
        {"": [[0.5, 1.0, 2.0], [1.0, -1.0, 0.0], [3.0, 0.5, 0.25]]},
    ),
    "Keras, inputs of one number each": Case(
        save_columns,
        "application/json",
        {"age": [[33.5], [21.0], [64.0]], "income": [[1.0], [2.0], [0.5]]},
    ),
}


@pytest.mark.parametrize("samples", COUNTS)
@pytest.mark.parametrize("kind", CASES)
def test_the_saved_model_answers(kind: str, samples: int, tmp_path: Path, answered: Any) -> None:
    case = CASES[kind]
    case.save(tmp_path)
    signature = saved_signature(tmp_path)
    plain = request(tmp_path, samples)
    assert (plain.family, plain.recipe) == ("tensorflow", "tensorflow")
    assert plain.content_type == case.content_type
    assert len(predicted(signature, plain.json)) == samples

    values = {name or plain.fields[0]: given for name, given in case.values.items()}
    constant = library("tensorflow").constant
    own = signature(
        **{
            name: constant(given[:samples], case.types.get(name, "float32"))
            for name, given in values.items()
        }
    )
    (output,) = own.values()
    bodies: List[Request] = [request(tmp_path, samples, values)]
    columns = "application/json; format=inputs"
    bodies.append(request(tmp_path, samples, values, CONTENT_TYPES=columns))
    if len(values) == 1:
        tensor = "application/json; format=tensor"
        bodies.append(request(tmp_path, samples, values, CONTENT_TYPES=tensor))
    for made in bodies:
        answer = predicted(signature, made.json)
        assert answer == pytest.approx(elements(output.numpy().tolist()))
        assert samples == 1 or len(set(answer)) > 1
        package = "keras" if kind.startswith("Keras") else "tensorflow"
        answered(made, kind, package, "predicts as TensorFlow does", JUDGE)


@pytest.mark.parametrize(("field", "wrong"), [("visits", 0.5), ("member", 0), ("plan", 1)])
def test_another_type_is_refused(field: str, wrong: Any, tmp_path: Path) -> None:
    save_module(tmp_path)
    body = request(tmp_path).json
    body["instances"][0][field] = wrong
    with pytest.raises(AssertionError, match=r"is not (booleans|integers|strings)"):
        tensors(saved_signature(tmp_path), body)
