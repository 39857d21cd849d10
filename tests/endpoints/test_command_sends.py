"""The whole way with the command: from an MLflow model's folder to MLflow's real server.

https://github.com/mlflow/mlflow: mlflow/pyfunc/scoring_server/__init__.py, served by uvicorn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import mims_payload
import pytest

from tests.endpoints.recipes import library
from tests.endpoints.servers import serving

pytestmark = [pytest.mark.endpoints, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline that takes its columns by name, saved by MLflow with its signature."""
    pandas, models = library("pandas"), library("mlflow.models")
    sklearn, linear = library("mlflow.sklearn"), library("sklearn.linear_model")
    table = pandas.DataFrame({"age": [1.0, 2.0, 3.0, 4.0], "visits": [4, 3, 2, 1]})
    fitted = linear.LogisticRegression().fit(table, [0, 0, 1, 1])
    folder = tmp_path_factory.mktemp("mlflow") / "model"
    signature = models.infer_signature(table, fitted.predict(table))
    sklearn.save_model(
        fitted,
        str(folder),
        signature=signature,
        pip_requirements=[],
        serialization_format=sklearn.SERIALIZATION_FORMAT_CLOUDPICKLE,
    )
    return folder


@pytest.fixture(scope="module")
def address(model: Path) -> Iterator[str]:
    """The address of MLflow's server, which has loaded the model."""
    pyfunc = library("mlflow.pyfunc")
    application = library("mlflow.pyfunc.scoring_server").init(pyfunc.load_model(str(model)))
    with serving(application) as server:
        yield f"http://127.0.0.1:{server.port}/invocations"


def test_the_payload_of_the_models_folder_is_accepted_by_its_server(
    model: Path, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(model), "-o", str(tmp_path), "--recipe", "auto", "--set", "SAMPLE_COUNT=2"]
    assert mims_payload.command(arguments) == 0
    capsys.readouterr()
    assert mims_payload.command(["--send", address, str(tmp_path / "payload.tar.gz")]) == 0
    text = capsys.readouterr().out
    assert text.startswith("200  ")
    assert '{"predictions": [' in text


@pytest.mark.parametrize(
    ("content_type", "status"), [("application/jsonlines", 415), ("text/csv; header=absent", 400)]
)
def test_a_refusal_of_the_server_is_shown_and_ends_with_1(
    content_type: str,
    status: int,
    model: Path,
    address: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [str(model), "-o", str(tmp_path), "--content-type", content_type]
    assert mims_payload.command(arguments) == 0
    capsys.readouterr()
    assert mims_payload.command(["--send", address, str(tmp_path / "payload.tar.gz")]) == 1
    assert capsys.readouterr().out.startswith(f"{status}  ")
