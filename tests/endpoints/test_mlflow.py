"""MLflow's scoring server, with a signature: its function for `/invocations`, in this process.

https://github.com/mlflow/mlflow: mlflow/pyfunc/scoring_server/__init__.py. The model is the real
scikit-learn pipeline, which takes its columns by name.
"""

from __future__ import annotations

import json
import warnings
from typing import Any, List, Tuple

import pytest

from tests.endpoints.recipes import RECIPES, bodies, body, fields, library, payload
from tests.models.kept import extracted

# MLflow and its dependencies warn about many things that have nothing to do with the payload.
pytestmark = [pytest.mark.endpoints, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Save the late-invoice pipeline as an MLflow model with a signature, and load it."""
    joblib, pyfunc = library("joblib"), library("mlflow.pyfunc")
    types = library("mlflow.types")
    models = library("mlflow.models")
    library("sklearn")
    folder = tmp_path_factory.mktemp("mlflow")
    pipeline = joblib.load(extracted("sklearn", folder / "archive") / "model.joblib")

    names = list(pipeline.feature_names_in_)
    columns = [types.ColSpec("double" if i < 6 else "string", n) for i, n in enumerate(names)]
    signature = models.ModelSignature(inputs=types.Schema(columns))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")

        class Late(pyfunc.PythonModel):  # type: ignore[misc, name-defined]
            # Without type hints, from which MLflow would make a signature.
            def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
                return pipeline.predict_proba(model_input)[:, 1]

        pyfunc.save_model(
            folder / "model", python_model=Late(), signature=signature, pip_requirements=[]
        )
        return pyfunc.load_model(str(folder / "model"))


def answer(model: Any, content: bytes, content_type: str) -> Tuple[int, List[float]]:
    server = library("mlflow.pyfunc.scoring_server")
    response = server.invocations(content, content_type, model, model.metadata.get_input_schema())
    predictions = json.loads(response.response)["predictions"] if response.status == 200 else []
    return response.status, predictions


def test_mlflow_answers_both_bodies_of_the_recipe_alike(model: Any) -> None:
    sent = bodies(payload("sklearn", {**RECIPES["mlflow"], "SAMPLE_COUNT": "2"}))
    found = [answer(model, content, media_type) for media_type, content in sent.items()]
    assert [status for status, _ in found] == [200, 200]
    assert found[0] == found[1]
    assert len(found[0][1]) == 2
    assert all(0.0 < value < 1.0 for value in found[0][1])


@pytest.mark.parametrize("shape", ["instances", "inputs", "dataframe_split", "dataframe_records"])
def test_mlflow_accepts_its_four_json_bodies(model: Any, shape: str) -> None:
    made = payload(
        "sklearn", {"CONTENT_TYPES": f"application/json; format={shape}", "SAMPLE_COUNT": "2"}
    )
    reference = bodies(payload("sklearn", {**RECIPES["mlflow"], "SAMPLE_COUNT": "2"}))
    assert answer(model, body(made), "application/json") == answer(
        model, reference["application/json"], "application/json"
    )


@pytest.mark.parametrize("shape", ["record", "records", "features"])
def test_mlflow_refuses_the_other_json_bodies(model: Any, shape: str) -> None:
    exceptions = library("mlflow.exceptions")
    made = payload("sklearn", {"CONTENT_TYPES": f"application/json; format={shape}"})
    with pytest.raises(exceptions.MlflowException):
        answer(model, body(made), "application/json")


def test_mlflow_refuses_csv_without_a_header(model: Any) -> None:
    exceptions = library("mlflow.exceptions")
    made = payload("sklearn", {"CONTENT_TYPES": "text/csv; header=absent"})
    with pytest.raises(exceptions.MlflowException, match=r"(?i)schema|missing"):
        answer(model, body(made), "text/csv")


def test_mlflow_refuses_json_lines_and_parameters_of_content_types(model: Any) -> None:
    made = payload("sklearn", RECIPES["table"])
    assert answer(model, bodies(made)["application/jsonlines"], "application/jsonlines")[0] == 415
    assert answer(model, bodies(made)["text/csv"], "text/csv")[0] == 200
    assert answer(model, bodies(made)["text/csv"], "text/csv; header=present")[0] == 415


def test_the_signature_is_that_of_the_fields(model: Any) -> None:
    names = model.metadata.get_input_schema().input_names()
    assert names == fields(payload("sklearn", RECIPES["mlflow"]))
