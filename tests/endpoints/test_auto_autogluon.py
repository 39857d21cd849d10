"""AutoGluon's predictors, as they save themselves, and the script that serves them in SageMaker.

https://github.com/autogluon/autogluon-cloud: src/autogluon/cloud/scripts/sagemaker_scripts,
`tabular_serve.py`, which is loaded from the package `autogluon.cloud` as it is.
"""

from __future__ import annotations

import importlib.util
import json
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Dict, List

import pytest

from tests.endpoints.auto import COUNTS, request
from tests.endpoints.recipes import library

pytestmark = [pytest.mark.endpoints, pytest.mark.filterwarnings("ignore")]

JUDGE = "AutoGluon's serving script"
SCRIPT = "autogluon/cloud/scripts/sagemaker_scripts/tabular_serve.py"
VALUES: Dict[str, List[Any]] = {
    "amount": [0.5, -1.5, 2.0],
    "visits": [2, 0, 7],
    "plan": ["gold", "basic", "gold"],
    "size": ["S", "L", "M"],
    "active": [True, False, True],
    "joined": ["2025-03-01T00:00:00", "2025-11-30T00:00:00", "2025-07-04T00:00:00"],
    "note": ["nobody said why it came late", "we asked for our money back", "it came"],
    "site": [1, 1, 1],
}
WORDS = ["the", "parcel", "came", "late", "nobody", "said", "why", "we", "asked", "for", "money"]
ROWS = 160
READS = ("text/csv", "application/json; format=records", "application/jsonl")


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a predictor on a column of each type, and on one that it finds to be of no use.

    What it saved is all that is packed. (The label stands in the midst of the columns.)
    """
    tabular, pandas, numpy = library("autogluon.tabular"), library("pandas"), library("numpy")
    folder = tmp_path_factory.mktemp("autogluon") / "model"
    random = numpy.random.default_rng(5)
    days = pandas.to_timedelta(random.integers(0, 300, ROWS), unit="D")
    table = pandas.DataFrame(
        {
            "amount": random.normal(size=ROWS),
            "visits": random.integers(0, 9, ROWS),
            "plan": random.choice(["basic", "gold"], ROWS),
            "left": 0,
            "size": pandas.Categorical(random.choice(["S", "M", "L"], ROWS)),
            "active": random.integers(0, 2, ROWS).astype(bool),
            "joined": pandas.Timestamp("2025-03-01") + days,
            "note": [" ".join(random.choice(WORDS, 12)) for _ in range(ROWS)],
            "site": 1,
        }
    )
    table["left"] = ((table["amount"] > 0) ^ (table["plan"] == "gold")).astype(int)
    tabular.TabularPredictor("left", path=str(folder), verbosity=0).fit(
        table, hyperparameters={"RF": {"n_estimators": 10}}, num_cpus=1
    )
    return folder


@pytest.fixture(scope="module")
def script() -> Any:
    library("autogluon.tabular")
    path = distribution("autogluon.cloud").locate_file(SCRIPT)
    spec = importlib.util.spec_from_file_location("tabular_serve", str(path))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("samples", COUNTS)
@pytest.mark.parametrize("content_type", READS)
def test_autogluon_answers(
    content_type: str, samples: int, predictor: Path, script: Any, answered: Any
) -> None:
    model, pandas = script.model_fn(str(predictor)), library("pandas")
    # The first is the recipe's; the others are named.
    named: Dict[str, Any] = {} if content_type == READS[0] else {"CONTENT_TYPES": content_type}
    plain = request(predictor, samples, **named)
    assert (plain.family, plain.recipe) == ("autogluon", "autogluon")
    assert plain.content_type == content_type
    assert plain.fields == list(VALUES)
    answer, _ = script.transform_fn(model, plain.body.decode(), plain.media_type)
    assert len(json.loads(answer)) == samples

    made = request(predictor, samples, VALUES, **named)
    answer, media_type = script.transform_fn(model, made.body.decode(), made.media_type)
    assert media_type == "application/json"
    predictions = json.loads(answer)
    table = pandas.DataFrame(VALUES)[:samples].astype({"joined": "datetime64[ns]"})
    assert [one["left"] for one in predictions] == list(model.predict(table))
    own = model.predict_proba(table)[1]
    assert [one["1_proba"] for one in predictions] == pytest.approx(list(own), abs=1e-6)
    assert samples == 1 or len(set(own)) > 1
    answered(
        made,
        "TabularPredictor, as it saves itself",
        "autogluon-tabular",
        "predicts as AutoGluon does",
        JUDGE,
        "autogluon-cloud",
    )


def test_autogluon_does_not_know_jsonlines(predictor: Path, script: Any) -> None:
    made = request(predictor, CONTENT_TYPES="application/jsonlines")
    with pytest.raises(ValueError, match="content type not supported"):
        script.transform_fn(script.model_fn(str(predictor)), made.body.decode(), made.media_type)
