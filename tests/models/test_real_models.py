"""Each library loads its model from the committed archive, and predicts for the derived fields."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any, Dict, List

import pytest
from mims.inputs.field_lists import listed_fields
from mims.inputs.hyperparameters import parse_hyperparameters

from tests.archives import extract_hyperparameters
from tests.models.kept import archive, extracted, handler

pytestmark = pytest.mark.models


def library(name: str) -> Any:
    """Import a heavy package, or skip the test that needs it."""
    return pytest.importorskip(
        name,
        reason=f"{name} is not installed: tests/models/README.md says how to get it",
    )


def derived_fields(name: str) -> List[str]:
    """Return the names of the fields that the project derives from the archive."""
    member = extract_hyperparameters([archive(name).read_bytes()])
    return [field.name for field in listed_fields(parse_hyperparameters(member)).fields]


def answers(folder: Path, records: List[Dict[str, Any]]) -> List[float]:
    """Send records as JSON through the archive's own handler, and return its probabilities."""
    code = handler(folder)
    body = json.dumps({"instances": records}).encode()
    predicted = code.predict_fn(code.input_fn(body, "application/json"), code.model_fn(str(folder)))
    return [float(value) for value in predicted]


def assert_probabilities(values: List[float], count: int) -> None:
    """Check that the model answered each record, and each one differently."""
    assert len(values) == count
    assert all(0.0 < value < 1.0 for value in values)
    assert len({round(value, 6) for value in values}) == count


def test_xgboost_predicts_from_the_fields_as_numbers(tmp_path: Path) -> None:
    xgboost, numpy = library("xgboost"), library("numpy")
    folder = extracted("xgboost", tmp_path)
    fields = derived_fields("xgboost")
    hyperparameters = json.loads((folder / "hyperparameters.json").read_text())
    booster = xgboost.Booster(model_file=folder / "xgboost_model.ubj")
    assert booster.feature_names == fields
    assert booster.num_boosted_rounds() == hyperparameters["num_round"]

    risks = pickle.loads((folder / "risk_table_map.pkl").read_bytes())
    imputation = pickle.loads((folder / "impute_dict.pkl").read_bytes())
    assert risks == hyperparameters["risk_tables"]
    assert imputation == hyperparameters["imputation_dict"]
    highest = {name: max(table.values()) for name, table in risks.items()}
    usual = [{**imputation, **highest}[name] for name in fields]
    many_returns = [*[10.0 * value for value in usual[:-4]], *usual[-4:]]
    rows = numpy.array([usual, many_returns])
    named = booster.predict(xgboost.DMatrix(rows, feature_names=fields))
    assert_probabilities([float(value) for value in named], 2)


def test_xgboost_predicts_from_a_csv_row_without_a_header(tmp_path: Path) -> None:
    """The row has no names: only the order of the columns says which field is which."""
    xgboost, numpy = library("xgboost"), library("numpy")
    folder = extracted("xgboost", tmp_path)
    booster = xgboost.Booster(model_file=folder / "xgboost_model.ubj")
    row = ",".join(["0.0"] * len(derived_fields("xgboost")))
    matrix = xgboost.DMatrix(numpy.array([row.split(",")], dtype=numpy.float32))
    assert matrix.num_col() == booster.num_features()
    (probability,) = booster.predict(matrix, validate_features=False)
    assert 0.0 < probability < 1.0


def test_lightgbm_predicts_through_its_handler(tmp_path: Path) -> None:
    lightgbm = library("lightgbm")
    library("pandas")
    folder = extracted("lightgbm", tmp_path)
    fields = derived_fields("lightgbm")
    booster = lightgbm.Booster(model_file=folder / "lightgbm_model.txt")
    assert booster.feature_name() == fields
    known = {**dict.fromkeys(fields, 1.0), "plan": "basic", "billing_period": "yearly"}
    known["acquisition_channel"] = "search"
    unknown = {**known, "billing_period": "monthly", "tenure_months": 60.0, "monthly_fee": 90.0}
    unknown["plan"] = "DEFAULT_TEXT"
    assert_probabilities(answers(folder, [known, unknown]), 2)


def test_sklearn_predicts_through_its_handler(tmp_path: Path) -> None:
    library("sklearn")
    library("pandas")
    folder = extracted("sklearn", tmp_path)
    fields = derived_fields("sklearn")
    pipeline = handler(folder).model_fn(str(folder))
    assert list(pipeline.feature_names_in_) == fields
    late = {**dict.fromkeys(fields, 0.0), "customer_segment": "corporate", "currency": "EUR"}
    late["Branche des Käufers"] = "Handel"
    unknown = {**late, "invoice_amount": 5000.0, "currency": "DEFAULT_TEXT"}
    assert_probabilities(answers(folder, [late, unknown]), 2)


def test_pytorch_predicts_from_numbers_and_both_texts(tmp_path: Path) -> None:
    torch = library("torch")
    library("pandas")
    folder = extracted("pytorch", tmp_path)
    fields = derived_fields("pytorch")
    network, artifacts = handler(folder).model_fn(str(folder))
    assert [*artifacts["numeric_fields"], *artifacts["text_fields"]] == fields
    numbers = dict.fromkeys(artifacts["numeric_fields"], 0.0)
    filler = {**numbers, **dict.fromkeys(artifacts["text_fields"], "DEFAULT_TEXT")}
    chat = {**filler, "chat_transcript": "It never arrived, where is my parcel?"}
    history = {**filler, "delivery_event_history": "delivered to neighbour"}
    amount = {**filler, "refund_amount": 300.0}
    assert_probabilities(answers(folder, [filler, chat, history, amount]), 4)

    (checkpoint,) = (folder / "checkpoints").iterdir()
    resumed = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert {name: value.tolist() for name, value in resumed.items()} == {
        name: value.tolist() for name, value in network.state_dict().items()
    }
