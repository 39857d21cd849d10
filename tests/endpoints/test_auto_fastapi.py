"""A self-made service: FastAPI with strict pydantic models, over HTTP, in front of a pipeline.

A strict model accepts no integer written `1.0`, no string for a number and no unknown key, so this
checks the types of the payload's values. It has no recipe: CONTENT_TYPES names its body.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from tests.endpoints.auto import COUNTS, request
from tests.endpoints.recipes import library
from tests.endpoints.servers import serving

pytestmark = [pytest.mark.endpoints, pytest.mark.filterwarnings("ignore")]

JUDGE = "FastAPI with strict pydantic models, over HTTP"
VALUES: Dict[str, List[Any]] = {
    "age": [33.5, 21.0, 64.0],
    "visits": [2, 0, 7],
    "member": [True, False, True],
    "plan": ["gold", "basic", "gold"],
}
FIELD_INFO = {
    "age": "float",
    "visits": "int",
    "member": "bool",
    "plan": {"type": "category", "categories": ["basic", "gold"]},
}
BODIES = {
    "application/json": "/instances",
    "application/json; format=records": "/records",
    "application/json; format=record": "/record",
}


def train(folder: Path) -> Any:
    joblib, pandas = library("joblib"), library("pandas")
    compose, linear_model = library("sklearn.compose"), library("sklearn.linear_model")
    preprocessing, pipeline = library("sklearn.preprocessing"), library("sklearn.pipeline")
    table = pandas.DataFrame({name: values * 4 for name, values in VALUES.items()})
    encoder = preprocessing.OneHotEncoder(handle_unknown="error")
    columns = compose.ColumnTransformer([("plan", encoder, ["plan"])], remainder="passthrough")
    model = pipeline.make_pipeline(columns, linear_model.Ridge())
    model.fit(table, [0.5, 1.0, 2.0] * 4)
    joblib.dump(model, folder / "model.joblib")
    (folder / "hyperparameters.json").write_text(json.dumps({"field_info": FIELD_INFO}))
    return model


def service(model: Any) -> Any:
    """Return the application; each path accepts another kind of body."""
    fastapi, pandas, pydantic = library("fastapi"), library("pandas"), library("pydantic")
    strict = pydantic.ConfigDict(strict=True, extra="forbid")
    record = pydantic.create_model(
        "Record",
        __config__=strict,
        age=(float, ...),
        visits=(int, ...),
        member=(bool, ...),
        plan=(str, ...),
    )
    batch = pydantic.create_model("Batch", __config__=strict, instances=(List[record], ...))  # type: ignore[valid-type]

    def predicted(records: Any) -> Dict[str, List[float]]:
        table = pandas.DataFrame([record.model_dump() for record in records])
        return {"predictions": model.predict(table).tolist()}

    def of_record(body: Any) -> Dict[str, List[float]]:
        return predicted([body])

    def of_records(body: Any) -> Dict[str, List[float]]:
        return predicted(body)

    def of_instances(body: Any) -> Dict[str, List[float]]:
        return predicted(body.instances)

    of_record.__annotations__["body"] = record
    of_records.__annotations__["body"] = List[record]  # type: ignore[valid-type]
    of_instances.__annotations__["body"] = batch
    application = fastapi.FastAPI()
    application.post("/record")(of_record)
    application.post("/records")(of_records)
    application.post("/instances")(of_instances)
    return application


@pytest.mark.parametrize(
    ("content_type", "samples"),
    [
        (content_type, samples)
        for content_type in BODIES
        for samples in COUNTS
        if samples == 1 or not content_type.endswith("=record")
    ],
)
def test_a_strict_service_answers(
    content_type: str, samples: int, tmp_path: Path, answered: Any
) -> None:
    model, pandas = train(tmp_path), library("pandas")
    plain = request(tmp_path, samples, CONTENT_TYPES=content_type)
    made = request(tmp_path, samples, VALUES, CONTENT_TYPES=content_type)
    with serving(service(model)) as server:
        assert server.post(BODIES[content_type], plain.body, plain.media_type).status == 200
        answer = server.post(BODIES[content_type], made.body, made.media_type)
    assert answer.status == 200, answer.body
    own = model.predict(pandas.DataFrame(VALUES)[:samples])
    assert json.loads(answer.body)["predictions"] == pytest.approx(list(own))
    answered(
        made,
        "`model.joblib`, fields in `hyperparameters.json`",
        "scikit-learn",
        "200, predicts as scikit-learn does",
        JUDGE,
        "fastapi",
    )


@pytest.mark.parametrize(
    ("field", "wrong"), [("visits", 0.5), ("member", 0), ("plan", 1), ("age", "0.0")]
)
def test_a_strict_service_refuses_another_type(field: str, wrong: Any, tmp_path: Path) -> None:
    model = train(tmp_path)
    record = request(tmp_path, CONTENT_TYPES="application/json; format=record").json
    with serving(service(model)) as server:
        body = json.dumps({**record, field: wrong}).encode()
        assert server.post("/record", body, "application/json").status == 422
