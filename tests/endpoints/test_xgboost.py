"""SageMaker XGBoost: its container passes rows of numbers to xgboost, and reads no names.

https://github.com/aws/sagemaker-xgboost-container: src/sagemaker_xgboost_container/encoder.py and
algorithm_mode/serve_utils.py. The container is not on a package index, so xgboost itself is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import pytest
from mims.errors import InvalidSettingsError

from tests.endpoints.recipes import RECIPES, body, fields, library, payload
from tests.models.kept import extracted

# xgboost warns that it will stop reading text files itself.
pytestmark = [
    pytest.mark.endpoints,
    pytest.mark.filterwarnings("ignore:.*Text file input has been deprecated.*:UserWarning"),
]
SEVERAL = {
    "SAMPLE_COUNT": "3",
    "FIELD_DEFAULTS": '{"item_price": [5, 80.5, 900], "payment_method": 1}',
}


@pytest.fixture
def booster(tmp_path: Path) -> Any:
    xgboost = library("xgboost")
    return xgboost.Booster(model_file=extracted("xgboost", tmp_path) / "xgboost_model.ubj")


def from_csv(content: bytes) -> Any:
    """Read CSV as the container does: every cell of every line is a number."""
    numpy, xgboost = library("numpy"), library("xgboost")
    cells = [line.split(",") for line in content.decode().split("\n")]
    return xgboost.DMatrix(numpy.array(cells).astype(float))


def from_file(content: bytes, folder: Path, query: str) -> Any:
    """Read a text format as xgboost itself does, and as the container reads its LIBSVM."""
    path = folder / "request"
    path.write_bytes(content)
    return library("xgboost").DMatrix(f"{path}?{query}")


def predictions(booster: Any, matrix: Any) -> List[float]:
    """Predict like the container, which does not compare names."""
    return [float(value) for value in booster.predict(matrix, validate_features=False)]


def test_xgboost_predicts_from_csv_without_a_header(booster: Any, tmp_path: Path) -> None:
    made = payload("xgboost", {**RECIPES["xgboost"], **SEVERAL})
    assert made.content_types == ("text/csv",)
    matrix = from_csv(body(made))
    assert (matrix.num_row(), matrix.num_col()) == (3, len(booster.feature_names))
    assert booster.feature_names == fields(made)
    answers = predictions(booster, matrix)
    assert len(set(answers)) > 1, "the samples differ, so the answers should too"
    own = from_file(body(made), tmp_path, "format=csv")
    assert predictions(booster, own) == answers


def test_a_header_row_is_an_error_for_the_container_and_a_sample_for_xgboost(
    tmp_path: Path,
) -> None:
    content = body(payload("xgboost", {**RECIPES["xgboost"], "CONTENT_TYPES": "text/csv"}))
    with pytest.raises(ValueError, match="could not convert string to float"):
        from_csv(content)
    assert from_file(content, tmp_path, "format=csv").num_row() == 2


def test_a_text_in_a_cell_is_refused() -> None:
    content = body(payload("xgboost", {"CONTENT_TYPES": "text/csv; header=absent"}))
    with pytest.raises(ValueError, match=r"could not convert string to float: .*DEFAULT_TEXT"):
        from_csv(content)


def test_without_a_number_for_categories_no_libsvm_is_made() -> None:
    with pytest.raises(InvalidSettingsError, match="'payment_method' has a string"):
        payload("xgboost", {"CONTENT_TYPES": "text/libsvm"})


def test_xgboost_predicts_the_same_from_libsvm_and_from_csv(booster: Any, tmp_path: Path) -> None:
    libsvm = body(payload("xgboost", {**RECIPES["xgboost libsvm"], **SEVERAL}))
    matrix = from_file(libsvm, tmp_path, "format=libsvm&indexing_mode=1")
    csv = from_csv(body(payload("xgboost", {**RECIPES["xgboost"], **SEVERAL})))
    assert predictions(booster, matrix) == predictions(booster, csv)


def test_libsvm_from_0_fits_a_model_that_was_trained_on_columns(
    booster: Any, tmp_path: Path
) -> None:
    made = payload("xgboost", {**RECIPES["xgboost libsvm from 0"], **SEVERAL})
    assert made.content_types == ("text/libsvm",)
    matrix = from_file(body(made), tmp_path, "format=libsvm")
    assert matrix.num_col() == len(booster.feature_names)
    csv = from_csv(body(payload("xgboost", {**RECIPES["xgboost"], **SEVERAL})))
    assert predictions(booster, matrix) == predictions(booster, csv)


def test_a_model_trained_on_such_libsvm_files_predicts_from_libsvm(tmp_path: Path) -> None:
    """The container numbers columns from 0 in training and in serving: index 0 is not used."""
    xgboost = library("xgboost")
    width = len(fields(payload("xgboost", RECIPES["xgboost"])))
    rows = [
        f"{row % 2} " + " ".join(f"{i}:{row % 2 + i / 8}" for i in range(1, width + 1))
        for row in range(40)
    ]
    training = from_file("\n".join(rows).encode(), tmp_path, "format=libsvm")
    assert training.num_col() == width + 1
    trained = xgboost.train({"objective": "binary:logistic", "nthread": 1}, training, 3)
    content = body(payload("xgboost", RECIPES["xgboost libsvm"]))
    (answer,) = predictions(trained, from_file(content, tmp_path, "format=libsvm"))
    assert 0.0 < answer < 0.5


def test_a_model_trained_on_columns_refuses_libsvm_as_the_container_reads_it(
    booster: Any, tmp_path: Path
) -> None:
    content = body(payload("xgboost", RECIPES["xgboost libsvm"]))
    matrix = from_file(content, tmp_path, "format=libsvm")
    assert matrix.num_col() == len(booster.feature_names) + 1
    with pytest.raises(library("xgboost").core.XGBoostError, match="Number of columns"):
        predictions(booster, matrix)
