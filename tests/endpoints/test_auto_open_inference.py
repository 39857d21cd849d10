"""The Open Inference Protocol: MLServer over HTTP, and Triton by its documented rule.

MLServer (https://github.com/SeldonIO/MLServer) makes a table from named tensors, with
`content_type` `pd` in its model's settings. Triton is not on a package index: its protocol says
what a tensor must be, https://github.com/kserve/open-inference-protocol, and its documentation of
`config.pbtxt` says that a batch dimension comes before the dims if `max_batch_size` is not 0,
https://github.com/triton-inference-server/server: docs/user_guide/model_configuration.md.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from tests.endpoints.auto import COUNTS, Request, request
from tests.endpoints.recipes import library
from tests.endpoints.servers import Server, free_ports, running

pytestmark = [pytest.mark.endpoints, pytest.mark.filterwarnings("ignore")]

MLSERVER = "MLServer, over HTTP"
TRITON = "the protocol's and config.pbtxt's documented rule"
V2 = "application/json; format=v2"
VALUES: Dict[str, List[Any]] = {
    "age": [33.5, 21.0, 64.0],
    "visits": [2.0, 0.0, 7.0],
    "plan": ["gold", "basic", "gold"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a pipeline that takes a table by its columns, and write MLServer's settings for it."""
    joblib, pandas = library("joblib"), library("pandas")
    compose, linear_model = library("sklearn.compose"), library("sklearn.linear_model")
    preprocessing, pipeline = library("sklearn.preprocessing"), library("sklearn.pipeline")
    library("mlserver_sklearn")
    folder = tmp_path_factory.mktemp("mlserver")
    table = pandas.DataFrame({name: values * 4 for name, values in VALUES.items()})
    encoder = preprocessing.OneHotEncoder(handle_unknown="error")
    columns = compose.ColumnTransformer([("plan", encoder, ["plan"])], remainder="passthrough")
    model = pipeline.make_pipeline(columns, linear_model.Ridge())
    joblib.dump(model.fit(table, [0.5, 1.0, 2.0] * 4), folder / "model.joblib")
    settings = {
        "name": "model",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "model.joblib", "content_type": "pd"},
    }
    (folder / "model-settings.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    ports = free_ports(3)
    variables = {
        "MLSERVER_HOST": "127.0.0.1",
        "MLSERVER_HTTP_PORT": str(ports[0]),
        "MLSERVER_GRPC_PORT": str(ports[1]),
        "MLSERVER_METRICS_PORT": str(ports[2]),
        "MLSERVER_METRICS_DIR": str(tmp_path_factory.mktemp("metrics")),
        "MLSERVER_PARALLEL_WORKERS": "0",
        # Only this interpreter's packages, and none of the user's folder.
        "PYTHONNOUSERSITE": "1",
    }
    command = [str(Path(sys.executable).with_name("mlserver")), "start", str(folder)]
    ready = "/v2/models/model/ready"
    with running(command, ports[0], ready, variables, tmp_path_factory.mktemp("log")) as started:
        yield started


@pytest.mark.parametrize("samples", COUNTS)
def test_mlserver_answers(samples: int, folder: Path, server: Server, answered: Any) -> None:
    model, pandas = library("joblib").load(folder / "model.joblib"), library("pandas")
    plain = request(folder, samples, RECIPE="triton")
    assert plain.content_type == V2
    answer = server.post("/v2/models/model/infer", plain.body, plain.media_type)
    assert answer.status == 200, answer.body

    made = request(folder, samples, VALUES, RECIPE="triton")
    answer = server.post("/v2/models/model/infer", made.body, made.media_type)
    assert answer.status == 200, answer.body
    (output,) = json.loads(answer.body)["outputs"]
    own = model.predict(pandas.DataFrame(VALUES)[:samples])
    assert output["data"] == pytest.approx(list(own))
    answered(
        made,
        "`model.joblib`, a pipeline with categories",
        "scikit-learn",
        "200, predicts as scikit-learn does",
        MLSERVER,
        "mlserver",
    )


def test_mlserver_refuses_a_tensor_without_a_type(folder: Path, server: Server) -> None:
    body = request(folder, RECIPE="triton").json
    del body["inputs"][0]["datatype"]
    answer = server.post("/v2/models/model/infer", json.dumps(body).encode(), "application/json")
    assert answer.status == 422


CONFIG = """
name: "churn"
platform: "onnxruntime_onnx"
max_batch_size: 8
input [
  { name: "window" data_type: TYPE_FP32 dims: [ 3, 2 ] },
  { name: "steps" data_type: TYPE_INT64 dims: [ 1 ] },
  { name: "flag" data_type: TYPE_BOOL dims: [ 1 ] },
  { name: "note" data_type: TYPE_STRING dims: [ 1 ] }
]
output [ { name: "score" data_type: TYPE_FP32 dims: [ 1 ] } ]
"""
PYTHON_TYPES = {"FP32": float, "INT64": int, "BOOL": bool, "BYTES": str}


def problems(made: Request, batched: bool) -> List[str]:
    """Return the errors in a request by the protocol and the configuration."""
    declared: Dict[str, Any] = {
        "window": ("FP32", [3, 2]),
        "steps": ("INT64", [1]),
        "flag": ("BOOL", [1]),
        "note": ("BYTES", [1]),
    }
    found = []
    for tensor in made.json["inputs"]:
        datatype, dims = declared.pop(tensor["name"])
        shape = [made.samples, *dims] if batched else dims
        size = 1
        for length in tensor["shape"]:
            size *= length
        if tensor["shape"] != shape:
            found.append(f"{tensor['name']}: shape {tensor['shape']}")
        if tensor["datatype"] != datatype:
            found.append(f"{tensor['name']}: datatype {tensor['datatype']}")
        if len(tensor["data"]) != size:
            found.append(f"{tensor['name']}: {len(tensor['data'])} elements")
        if {type(element) for element in tensor["data"]} != {PYTHON_TYPES[datatype]}:
            found.append(f"{tensor['name']}: elements of another type")
    return found + [f"{name} is missing" for name in declared]


@pytest.mark.parametrize("samples", COUNTS)
def test_the_body_follows_triton_s_rule(samples: int, tmp_path: Path, answered: Any) -> None:
    (tmp_path / "config.pbtxt").write_text(CONFIG)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "model.onnx").write_bytes(b"\x08\x08")
    made = request(tmp_path, samples)
    assert (made.family, made.recipe, made.content_type) == ("triton", "triton", V2)
    assert problems(made, batched=True) == []
    answered(made, "`config.pbtxt` of an ONNX model", "", "nothing to refuse", TRITON)
