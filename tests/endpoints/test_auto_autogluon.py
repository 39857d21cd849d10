"""AutoGluon's predictors, as they save themselves, and the script that serves them in SageMaker.

https://github.com/autogluon/autogluon-cloud: src/autogluon/cloud/scripts/sagemaker_scripts,
`tabular_serve.py`, which is loaded unchanged from the package `autogluon.cloud`.
"""

from __future__ import annotations

import importlib.util
import json
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import pytest

from tests.endpoints.auto import COUNTS
from tests.endpoints.auto import request as sent
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


class Trained(NamedTuple):
    """A predictor's folder, the name of its label, and values for its columns."""

    folder: Path
    label: Any
    values: Dict[Any, List[Any]]
    description: str


def trained(table: Any, label: Any, folder: Path) -> Path:
    """Train a predictor; only what it saves is packed."""
    library("autogluon.tabular").TabularPredictor(label, path=str(folder), verbosity=0).fit(
        table, hyperparameters={"RF": {"n_estimators": 10}}, num_cpus=1
    )
    return folder


@pytest.fixture(scope="module")
def table() -> Any:
    """A column of each type, one that is useless, and the label among them."""
    library("autogluon.tabular")
    pandas, numpy = library("pandas"), library("numpy")
    random = numpy.random.default_rng(5)
    days = pandas.to_timedelta(random.integers(0, 300, ROWS), unit="D")
    made = pandas.DataFrame(
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
    made["left"] = ((made["amount"] > 0) ^ (made["plan"] == "gold")).astype(int)
    return made


@pytest.fixture(scope="module")
def predictor(table: Any, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = trained(table, "left", tmp_path_factory.mktemp("autogluon") / "model")
    return Trained(folder, "left", VALUES, "TabularPredictor, as it saves itself")


@pytest.fixture(scope="module")
def numbered(table: Any, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The same, trained on a table without a header, whose columns have numbers in pandas."""
    number = {name: position for position, name in enumerate(table.columns)}
    folder = tmp_path_factory.mktemp("numbered") / "model"
    trained(table.rename(columns=number), number["left"], folder)
    values = {number[name]: cells for name, cells in VALUES.items()}
    return Trained(folder, number["left"], values, "TabularPredictor, of a table without a header")


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
@pytest.mark.parametrize("which", ["predictor", "numbered"])
def test_autogluon_answers(
    which: str,
    content_type: str,
    samples: int,
    script: Any,
    answered: Any,
    request: pytest.FixtureRequest,
) -> None:
    chosen: Trained = request.getfixturevalue(which)
    model, pandas = script.model_fn(str(chosen.folder)), library("pandas")
    # The first is the recipe's own, with a header only if training had one; the others are named.
    named: Dict[str, Any] = {} if content_type == READS[0] else {"CONTENT_TYPES": content_type}
    if which == "numbered" and not named:
        content_type = "text/csv; header=absent"
    plain = sent(chosen.folder, samples, **named)
    assert (plain.family, plain.recipe) == ("autogluon", "autogluon")
    assert plain.content_type == content_type
    assert plain.fields == [str(name) for name in chosen.values]
    answer, _ = script.transform_fn(model, plain.body.decode(), plain.media_type)
    assert len(json.loads(answer)) == samples

    values = {str(name): cells for name, cells in chosen.values.items()}
    made = sent(chosen.folder, samples, values, **named)
    answer, media_type = script.transform_fn(model, made.body.decode(), made.media_type)
    assert media_type == "application/json"
    predictions = json.loads(answer)
    table = pandas.DataFrame(chosen.values)[:samples]
    (joined,) = (name for name, cells in chosen.values.items() if cells == VALUES["joined"])
    table = table.astype({joined: "datetime64[ns]"})
    labels = [prediction[str(chosen.label)] for prediction in predictions]
    assert labels == list(model.predict(table))
    own = model.predict_proba(table)[1]
    probabilities = [prediction["1_proba"] for prediction in predictions]
    assert probabilities == pytest.approx(list(own), abs=1e-6)
    assert samples == 1 or len(set(own)) > 1
    answered(
        made,
        chosen.description,
        "autogluon-tabular",
        "predicts as AutoGluon does",
        JUDGE,
        "autogluon-cloud",
    )


def test_a_header_of_numbers_is_mistaken_for_one_more_row(numbered: Trained, script: Any) -> None:
    made = sent(numbered.folder, CONTENT_TYPES="text/csv")
    model = script.model_fn(str(numbered.folder))
    with pytest.raises(ValueError, match='"6" not likely a datetime'):  # the name of that column
        script.transform_fn(model, made.body.decode(), made.media_type)


def test_autogluon_does_not_know_jsonlines(predictor: Trained, script: Any) -> None:
    made = sent(predictor.folder, CONTENT_TYPES="application/jsonlines")
    model = script.model_fn(str(predictor.folder))
    with pytest.raises(ValueError, match="content type not supported"):
        script.transform_fn(model, made.body.decode(), made.media_type)
