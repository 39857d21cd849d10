"""MLflow's own server over HTTP, with what `RECIPE=auto` makes from the models that MLflow saves.

https://github.com/mlflow/mlflow: mlflow/pyfunc/scoring_server/__init__.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Sequence

import pytest

from tests.endpoints.auto import COUNTS, Request, request
from tests.endpoints.recipes import library
from tests.endpoints.servers import Answer, serving

# MLflow and its dependencies warn about many things that have nothing to do with the payload.
pytestmark = [pytest.mark.endpoints, pytest.mark.filterwarnings("ignore")]

JUDGE = "MLflow's scoring server, over HTTP"


class Case(NamedTuple):
    """A kind of signature.

    Attributes
    ----------
    save
        Saves a model of that kind in a folder.
    values
        Field name → values, as someone who knows the model would give them.
    as_input
        Returns the same values in the form that the library takes.
    """

    save: Callable[[Path], Any]
    content_type: str
    values: Dict[str, List[Any]]
    as_input: Callable[[Dict[str, List[Any]]], Any]


def frame(values: Dict[str, List[Any]], **types: str) -> Any:
    pandas = library("pandas")
    return pandas.DataFrame(values).astype(types)


def pipeline(table: Any, target: Sequence[int]) -> Any:
    """Train a pipeline that refuses unknown categories."""
    compose, linear_model = library("sklearn.compose"), library("sklearn.linear_model")
    preprocessing, pipelines = library("sklearn.preprocessing"), library("sklearn.pipeline")
    texts = [name for name in table if table[name].dtype.kind not in "fib"]
    encoder = preprocessing.OneHotEncoder(handle_unknown="error")
    columns = compose.ColumnTransformer([("texts", encoder, texts)], remainder="passthrough")
    return pipelines.make_pipeline(columns, linear_model.LogisticRegression()).fit(table, target)


def table_of_all_types() -> Any:
    return frame(
        {
            "amount": [0.5, 1.5, -1.0, 2.5] * 5,
            "visits": [0, 1, 2, 3] * 5,
            "member": [True, False, False, True] * 5,
            "plan": ["basic", "gold", "basic", "gold"] * 5,
        }
    )


def save(model: Any, folder: Path, **options: Any) -> None:
    """Save a scikit-learn model; as a pickle, since skops would be another package."""
    mlflow_sklearn = library("mlflow.sklearn")
    mlflow_sklearn.save_model(
        model, folder, serialization_format="cloudpickle", pip_requirements=[], **options
    )


def save_columns(folder: Path) -> None:
    models = library("mlflow.models")
    table = table_of_all_types()
    model = pipeline(table.drop(columns="plan"), [0, 1, 1, 0] * 5)
    signature = models.infer_signature(table.drop(columns="plan"), model.predict(table))
    save(model, folder, signature=signature)


def save_with_categories(folder: Path, **options: Any) -> None:
    """Save a pipeline that refuses unknown categories; its pickle has those that it knows."""
    models = library("mlflow.models")
    table = table_of_all_types()
    model = pipeline(table, [0, 1, 1, 0] * 5)
    signature = models.infer_signature(table, model.predict(table))
    save(model, folder, signature=signature, **options)


def save_with_example(folder: Path) -> None:
    save_with_categories(folder, input_example=table_of_all_types()[:2])


def save_with_codes(folder: Path) -> None:
    """Save a pipeline whose categories are whole numbers, none of them 0."""
    models, preprocessing = library("mlflow.models"), library("sklearn.preprocessing")
    compose, pipelines = library("sklearn.compose"), library("sklearn.pipeline")
    table = frame({"zone": [3, 5, 7, 5] * 5, "amount": [0.5, 1.5, -1.0, 2.5] * 5})
    encoder = preprocessing.OneHotEncoder(handle_unknown="error")
    columns = compose.ColumnTransformer([("zones", encoder, ["zone"])], remainder="passthrough")
    predictor = library("sklearn.linear_model").LogisticRegression()
    model = pipelines.make_pipeline(columns, predictor).fit(table, [0, 1, 1, 0] * 5)
    save(model, folder, signature=models.infer_signature(table, model.predict(table)))


def save_wide(folder: Path) -> None:
    numpy, models = library("numpy"), library("mlflow.models")
    linear_model = library("sklearn.linear_model")
    table = frame({f"column {i}": [float(i), i * 0.5, -1.0, 2.0] for i in range(300)})
    model = linear_model.LinearRegression().fit(table, numpy.arange(4.0))
    signature = models.infer_signature(table, model.predict(table))
    save(model, folder, signature=signature)


def save_without_signature(folder: Path) -> None:
    linear_model = library("sklearn.linear_model")
    table = frame({"a": [0.0, 1.0, 2.0, 4.0], "b": [1.0, 0.0, 3.0, 1.0]})
    model = linear_model.LinearRegression().fit(table, [1.0, 2.0, 0.5, 3.0])
    save(model, folder)


def save_tensor(folder: Path) -> None:
    numpy, models = library("numpy"), library("mlflow.models")
    linear_model = library("sklearn.linear_model")
    matrix = numpy.array([[0.0, 1.0, 2.0], [1.0, 0.5, 0.0], [2.0, 2.0, 1.0], [0.0, 0.0, 1.0]])
    model = linear_model.LinearRegression().fit(matrix, [1.0, 2.0, 0.5, 3.0])
    signature = models.infer_signature(matrix, model.predict(matrix))
    save(model, folder, signature=signature)


def save_own(folder: Path, predict: Callable[[Any], Any], inputs: Sequence[Any]) -> None:
    """Save a function as a model whose signature has these inputs."""
    pyfunc, types, models = (
        library("mlflow.pyfunc"),
        library("mlflow.types"),
        library("mlflow.models"),
    )

    class Own(pyfunc.PythonModel):  # type: ignore[misc, name-defined]
        # Without type hints, from which MLflow would make a signature.
        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
            return predict(model_input)

    signature = models.ModelSignature(inputs=types.Schema(list(inputs)))
    pyfunc.save_model(folder, python_model=Own(), signature=signature, pip_requirements=[])


def save_named_tensors(folder: Path) -> None:
    numpy, types = library("numpy"), library("mlflow.types")
    save_own(
        folder,
        lambda tensors: tensors["window"].sum(axis=1) + tensors["steps"],
        [
            types.TensorSpec(numpy.dtype("float32"), (-1, 3), "window"),
            types.TensorSpec(numpy.dtype("int64"), (-1,), "steps"),
        ],
    )


def save_times(folder: Path) -> None:
    types = library("mlflow.types")
    save_own(
        folder,
        lambda table: (table["at"].dt.year + table["amount"]).to_numpy(),
        [types.ColSpec("datetime", "at"), types.ColSpec("double", "amount")],
    )


def save_optional(folder: Path) -> None:
    types = library("mlflow.types")
    save_own(
        folder,
        lambda table: (table["amount"] + table["bonus"]).to_numpy(),
        [
            types.ColSpec("double", "amount"),
            types.ColSpec("double", "bonus", required=False),
            types.ColSpec("string", "note", required=False),
        ],
    )


SPLIT = "application/json; format=dataframe_split"
WITH_CATEGORY: Dict[str, List[Any]] = {
    "amount": [0.25, -1.0, 3.0],
    "visits": [2, 0, 5],
    "member": [True, False, True],
    "plan": ["gold", "basic", "gold"],
}
CASES = {
    "columns: number, integer, boolean": Case(
        save_columns,
        SPLIT,
        {"amount": [0.25, -1.0, 3.0], "visits": [2, 0, 5], "member": [True, False, True]},
        frame,
    ),
    "columns and a category": Case(save_with_categories, SPLIT, WITH_CATEGORY, frame),
    "columns and a category, with an example": Case(save_with_example, SPLIT, WITH_CATEGORY, frame),
    "columns and a category that is a whole number": Case(
        save_with_codes, SPLIT, {"zone": [5, 3, 7], "amount": [0.25, -1.0, 3.0]}, frame
    ),
    "columns: a time": Case(
        save_times,
        SPLIT,
        {"at": ["2024-05-06T07:08:09", "2025-01-01T00:00:00", "2026-01-01T00:00:00"]}
        | {"amount": [0.5, 1.0, 2.0]},
        lambda values: frame(values, at="datetime64[ns]"),
    ),
    "columns, some optional": Case(
        save_optional,
        SPLIT,
        {"amount": [0.5, 1.0, 2.0], "bonus": [1.0, 2.0, 4.0], "note": ["a", "b", "c"]},
        frame,
    ),
    "300 columns": Case(
        save_wide,
        SPLIT,
        {f"column {i}": [float(i), 1.0, -0.5 * i] for i in range(300)},
        frame,
    ),
    "no signature": Case(
        save_without_signature, SPLIT, {"a": [0.5, 1.0, 2.0], "b": [1.5, 0.0, 1.0]}, frame
    ),
    "a tensor without a name": Case(
        save_tensor,
        "application/json; format=tensor",
        {"input": [[0.5, 1.0, 2.0], [1.0, 1.0, 1.0], [0.0, 3.0, 0.5]]},
        lambda values: library("numpy").array(values["input"]),
    ),
    "named tensors": Case(
        save_named_tensors,
        "application/json; format=inputs",
        {"window": [[0.5, 1.0, 2.0], [1.0, 1.0, 1.0], [0.0, 3.0, 0.5]], "steps": [1, 2, 3]},
        lambda values: {
            "window": library("numpy").array(values["window"], "float32"),
            "steps": library("numpy").array(values["steps"], "int64"),
        },
    ),
}


def sent(model: Any, made: Request) -> Answer:
    server = library("mlflow.pyfunc.scoring_server")
    with serving(server.init(model)) as running:
        return running.post("/invocations", made.body, made.media_type)


@pytest.mark.parametrize("samples", COUNTS)
@pytest.mark.parametrize("kind", CASES)
def test_mlflow_answers_200(kind: str, samples: int, tmp_path: Path, answered: Any) -> None:
    case = CASES[kind]
    folder = tmp_path / "model"
    case.save(folder)
    model = library("mlflow.pyfunc").load_model(str(folder))

    # First with default values; then with those of the example, if there is one.
    plain = request(folder, samples)
    assert (plain.family, plain.recipe) == ("mlflow", "mlflow")
    assert plain.content_type == case.content_type
    assert sent(model, plain).status == 200
    realistic = request(folder, samples, REALISTIC_VALUES="true")
    assert sent(model, realistic).status == 200

    made = request(folder, samples, case.values)
    answer = sent(model, made)
    assert answer.status == 200, answer.body
    predictions = json.loads(answer.body)["predictions"]
    given = {name: values[:samples] for name, values in case.values.items()}
    own = [float(value) for value in model.predict(case.as_input(given))]
    assert predictions == pytest.approx(own)
    assert len(predictions) == samples
    assert samples == 1 or len(set(predictions)) > 1
    answered(made, kind, "mlflow-skinny", "200, predicts as MLflow does", JUDGE)
