"""The scikit-learn and PyTorch containers, by the toolkits that serve in them.

The transformer and its decoders are those of `sagemaker-inference`, PyTorch's handler is that of
`sagemaker-pytorch-inference`. scikit-learn's default `input_fn` is only in its container, which is
not on a package index: it decodes in the same way and makes float32 from the text formats,
https://github.com/aws/sagemaker-scikit-learn-container: src/sagemaker_sklearn_container/serving.py.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List

import pytest

from tests.endpoints.auto import COUNTS, Request, request
from tests.endpoints.recipes import library

pytestmark = [pytest.mark.endpoints, pytest.mark.filterwarnings("ignore")]

TRANSFORMER = "sagemaker-inference's transformer and decoders"
SKLEARN = f"{TRANSFORMER}, float32 as the container's documented input_fn"
OWN_HANDLER = f"{TRANSFORMER}, an `inference.py` that reads lists"
PYTORCH = f"{TRANSFORMER}, PyTorch's default handler"
SERIES = {
    "age": [33.5, 21.0, 64.0],
    "visits": [2.0, 0.0, 7.0],
    "balance": [-10.5, 0.25, 99.0],
}


def transformed(
    handler: Any, folder: Path, made: Request, monkeypatch: pytest.MonkeyPatch
) -> List[float]:
    """Let the toolkit answer a request, as its server does; return the predictions."""
    toolkit = library("sagemaker_inference.transformer")
    monkeypatch.syspath_prepend(folder / "code")
    monkeypatch.delitem(sys.modules, "inference", raising=False)
    serving = toolkit.Transformer(default_inference_handler=handler)
    context = _Context(folder, made.media_type)
    serving.validate_and_initialize(str(folder), context)
    (answer,) = serving.transform([{"body": made.body}], context)
    assert context.statuses in ([], [200]), answer
    return [float(value) for value in json.loads(answer)]


class _Context:
    """The model server's context of a request, as the handler uses it."""

    model_name = "model"

    def __init__(self, folder: Path, media_type: str) -> None:
        self.system_properties = {"model_dir": str(folder), "gpu_id": None, "batch_size": 1}
        headers = {"Content-Type": media_type, "Accept": "application/json"}
        self.statuses: List[int] = []
        self.request_processor = [
            SimpleNamespace(
                get_request_properties=lambda: headers,
                get_request_property=headers.get,
            )
        ]

    def get_request_header(self, _index: int, name: str) -> Any:
        return self.request_processor[0].get_request_properties().get(name)

    def set_response_content_type(self, _index: int, _content_type: str) -> None:
        pass

    def set_response_status(self, code: int = 200, **_: Any) -> None:
        self.statuses.append(code)


def container_handler(model: Any) -> Any:
    """Return scikit-learn's default handler: the toolkit's, with what the container adds to it."""
    default = library("sagemaker_inference.default_inference_handler").DefaultInferenceHandler
    content_types = library("sagemaker_inference.content_types")

    class Container(default):  # type: ignore[misc, valid-type]
        def default_model_fn(self, model_dir: str, context: Any = None) -> Any:
            return model

        def default_input_fn(self, content: Any, media_type: str, context: Any = None) -> Any:
            array = super().default_input_fn(content, media_type)
            is_text = media_type in content_types.UTF8_TYPES
            return array.astype("float32") if is_text else array

        def default_predict_fn(self, rows: Any, model: Any, context: Any = None) -> Any:
            return model.predict(rows)

    return Container()


def numbers(names: bool) -> Any:
    """Train a pipeline for only numbers, on a table or on an array."""
    numpy, pandas = library("numpy"), library("pandas")
    linear_model, pipeline = library("sklearn.linear_model"), library("sklearn.pipeline")
    preprocessing = library("sklearn.preprocessing")
    random = numpy.random.default_rng(5)
    table = pandas.DataFrame(random.normal(size=(40, 3)), columns=list(SERIES))
    rows = table if names else table.to_numpy()
    model = pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.Ridge())
    return model.fit(rows, random.normal(size=40))


@pytest.mark.parametrize("samples", COUNTS)
@pytest.mark.parametrize(("name", "names"), [("model.joblib", True), ("model.pkl", False)])
def test_scikit_learn_s_default_handler_answers(
    name: str,
    names: bool,
    samples: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answered: Any,
) -> None:
    model, joblib, pandas = numbers(names), library("joblib"), library("pandas")
    if name.endswith(".joblib"):
        joblib.dump(model, tmp_path / name)
    else:
        (tmp_path / name).write_bytes(pickle.dumps(model))
    handler = container_handler(model)

    plain = request(tmp_path, samples)
    assert (plain.family, plain.recipe) == ("sklearn", "sklearn")
    assert len(transformed(handler, tmp_path, plain, monkeypatch)) == samples

    values = dict(zip(plain.fields, SERIES.values()))
    made = request(tmp_path, samples, values)
    predicted = transformed(handler, tmp_path, made, monkeypatch)
    table = pandas.DataFrame(values)[:samples]
    assert predicted == pytest.approx(list(model.predict(table if names else table.to_numpy())))
    kind = f"`{name}`: numbers, {'trained on a table' if names else 'trained on an array'}"
    answered(made, kind, "scikit-learn", "200, predicts as scikit-learn does", SKLEARN)


HANDLER = """
import json
import pathlib

import joblib
import pandas


def model_fn(model_dir):
    return joblib.load(pathlib.Path(model_dir) / "model.joblib")


def input_fn(body, content_type):
    return json.loads(body)


def predict_fn(rows, model):
    return model.predict(pandas.DataFrame(rows, columns=model.feature_names_in_))


def output_fn(prediction, accept):
    return json.dumps(prediction.tolist())
"""


def with_categories(folder: Path, categories: List[Any]) -> Any:
    """Train a pipeline that refuses unknown categories."""
    numpy, pandas, joblib = library("numpy"), library("pandas"), library("joblib")
    compose, linear_model = library("sklearn.compose"), library("sklearn.linear_model")
    preprocessing, pipeline = library("sklearn.preprocessing"), library("sklearn.pipeline")
    random = numpy.random.default_rng(5)
    table = pandas.DataFrame({"age": random.normal(size=30), "plan": categories * 10})
    encoder = preprocessing.OneHotEncoder(handle_unknown="error")
    columns = compose.ColumnTransformer([("plan", encoder, ["plan"])], remainder="passthrough")
    model = pipeline.make_pipeline(columns, linear_model.Ridge())
    model.fit(table, random.normal(size=30))
    joblib.dump(model, folder / "model.joblib")
    code = folder / "code"
    code.mkdir()
    (code / "inference.py").write_text(HANDLER)
    return model


@pytest.mark.parametrize("samples", COUNTS)
@pytest.mark.parametrize(
    ("kind", "categories"),
    [("texts", ["basic", "gold", "trial"]), ("whole numbers", [1, 2, 3])],
)
def test_an_encoder_that_refuses_unknown_categories_accepts_the_payload(
    kind: str,
    categories: List[Any],
    samples: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answered: Any,
) -> None:
    model, pandas = with_categories(tmp_path, categories), library("pandas")
    default = library("sagemaker_inference.default_inference_handler").DefaultInferenceHandler
    plain = request(tmp_path, samples)
    assert plain.recipe == "sklearn"
    assert transformed(default(), tmp_path, plain, monkeypatch) == pytest.approx(
        list(model.predict(pandas.DataFrame({"age": [0.0], "plan": categories[:1]}))) * samples
    )
    values: Dict[str, List[Any]] = {"age": [1.5, -2.0, 0.5], "plan": categories[::-1]}
    made = request(tmp_path, samples, values)
    predicted = transformed(default(), tmp_path, made, monkeypatch)
    assert predicted == pytest.approx(list(model.predict(pandas.DataFrame(values)[:samples])))
    answered(
        made,
        f'`OneHotEncoder(handle_unknown="error")` of {kind}',
        "scikit-learn",
        "200, predicts as scikit-learn does",
        OWN_HANDLER,
    )


def test_the_default_handler_refuses_a_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a model that takes texts needs its own `input_fn`."""
    model = with_categories(tmp_path, ["basic", "gold", "trial"])
    (tmp_path / "code" / "inference.py").unlink()
    with pytest.raises(AssertionError, match="could not convert string to float"):
        transformed(container_handler(model), tmp_path, request(tmp_path), monkeypatch)


@pytest.mark.parametrize("samples", COUNTS)
def test_pytorch_s_default_handler_answers(
    samples: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answered: Any
) -> None:
    torch = library("torch")
    handlers = library("sagemaker_pytorch_serving_container.default_pytorch_inference_handler")
    torch.manual_seed(5)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    network = torch.nn.Sequential(network, torch.nn.Flatten(0))
    torch.jit.script(network).save(str(tmp_path / "model.pt"))
    (tmp_path / "hyperparameters.json").write_text(
        json.dumps({"tab_field_list": ["age", "visits"], "cat_field_list": ["plan"]})
    )
    handler = handlers.DefaultPytorchInferenceHandler()

    plain = request(tmp_path, samples)
    assert (plain.family, plain.recipe) == ("pytorch", "pytorch")
    assert len(transformed(handler, tmp_path, plain, monkeypatch)) == samples

    values: Dict[str, List[Any]] = {**dict(list(SERIES.items())[:2]), "plan": [1, 2, 3]}
    made = request(tmp_path, samples, values)
    predicted = transformed(handler, tmp_path, made, monkeypatch)
    rows = list(zip(*values.values()))[:samples]
    assert predicted == pytest.approx(network(torch.FloatTensor(rows)).tolist())
    answered(
        made,
        "`model.pt` of TorchScript, inputs in `hyperparameters.json`",
        "torch",
        "200, predicts as PyTorch does",
        PYTORCH,
        "sagemaker-pytorch-inference",
    )
