"""Models with their own `inference.py`, and pandas, by which such handlers read tables."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, List

import pytest

from tests.endpoints.recipes import RECIPES, bodies, body, fields, files, library, payload
from tests.models.kept import extracted, handler

pytestmark = pytest.mark.endpoints


def answers(model: str, folder: Path, content: bytes, content_type: str) -> List[float]:
    code = handler(extracted(model, folder))
    records = code.input_fn(content, content_type)
    return [float(value) for value in code.predict_fn(records, code.model_fn(str(folder)))]


@pytest.mark.parametrize(
    ("model", "packages", "content_types"),
    [
        ("lightgbm", ["lightgbm", "pandas"], ["application/json", "text/csv"]),
        (
            "sklearn",
            ["sklearn", "pandas"],
            ["application/json", "application/jsonlines", "text/csv"],
        ),
        ("pytorch", ["torch", "pandas"], ["application/json", "application/jsonlines", "text/csv"]),
    ],
)
@pytest.mark.parametrize("realistic", ["false", "true"])
def test_the_handler_answers_each_content_type_alike(
    model: str, packages: List[str], content_types: List[str], realistic: str, tmp_path: Path
) -> None:
    for package in packages:
        library(package)
    settings = {**RECIPES["table"], "REALISTIC_VALUES": realistic, "SAMPLE_COUNT": "3"}
    sent = bodies(payload(model, settings))
    found = [answers(model, tmp_path, sent[media_type], media_type) for media_type in content_types]
    assert len(found[0]) == 3
    assert all(0.0 < value < 1.0 for value in found[0])
    assert found == [found[0]] * len(found)


def test_realistic_values_reach_the_model(tmp_path: Path) -> None:
    library("lightgbm")
    library("pandas")
    settings = {**RECIPES["table"], "SAMPLE_COUNT": "4"}
    plain = bodies(payload("lightgbm", settings))["application/json"]
    made = payload("lightgbm", {**settings, "REALISTIC_VALUES": "true"})
    realistic = bodies(made)["application/json"]
    assert b"premium" in realistic
    assert b"premium" not in plain
    found = [answers("lightgbm", tmp_path, sent, "application/json") for sent in (plain, realistic)]
    assert [len(set(values)) > 1 for values in found] == [False, True]


def test_pandas_without_a_header_reads_the_rows_with_their_types() -> None:
    pandas = library("pandas")
    made = payload("sklearn", {**RECIPES["pandas without header"], "SAMPLE_COUNT": "2"})
    table = pandas.read_csv(io.BytesIO(body(made)), header=None)
    assert table.shape == (2, len(fields(made)))
    types = {"numeric": "f", "integer": "i", "boolean": "i"}
    metadata = json.loads(files(made)["metadata.json"])
    wanted = [types[field["type"]] for field in metadata["fields"][:6]]
    assert [kind.kind for kind in table.dtypes[:6]] == wanted
    assert table.iloc[0, 6] == "corporate"


def test_pandas_without_a_header_mistakes_the_header_row_for_a_sample() -> None:
    pandas = library("pandas")
    made = payload("sklearn", {"CONTENT_TYPES": "text/csv"})
    table = pandas.read_csv(io.BytesIO(body(made)), header=None)
    assert len(table) == 2
    assert not [kind for kind in table.dtypes if kind.kind == "f"]


def test_pandas_with_a_header_loses_the_only_sample_if_there_is_no_header() -> None:
    pandas = library("pandas")
    made = payload("sklearn", RECIPES["pandas without header"])
    assert len(pandas.read_csv(io.BytesIO(body(made)))) == 0


def test_read_json_reads_records_and_json_lines() -> None:
    pandas = library("pandas")
    made = payload("sklearn", {**RECIPES["pandas json"], "SAMPLE_COUNT": "2"})
    records = pandas.read_json(io.BytesIO(body(made)))
    made = payload("sklearn", {"CONTENT_TYPES": "application/jsonlines", "SAMPLE_COUNT": "2"})
    lines = pandas.read_json(io.BytesIO(body(made)), lines=True)
    assert list(records.columns) == list(lines.columns) == fields(made)
    assert len(records) == len(lines) == 2
    pandas.testing.assert_frame_equal(records, lines)


def test_read_json_mistakes_instances_for_a_column() -> None:
    pandas = library("pandas")
    made = payload("sklearn", {"CONTENT_TYPES": "application/json", "SAMPLE_COUNT": "2"})
    assert list(pandas.read_json(io.BytesIO(body(made))).columns) == ["instances"]


def test_a_newline_would_make_another_record() -> None:
    """So no payload file has a newline at its end, or within a JSON document."""
    pandas = library("pandas")
    made = payload("sklearn", {**RECIPES["table"], "SAMPLE_COUNT": "2"})
    sent = bodies(made)
    assert not [name for name, content in files(made).items() if content.endswith(b"\n")]
    assert b"\n" not in sent["application/json"]
    with pytest.raises(ValueError, match=r"Expected|Unexpected|Unmatched"):
        pandas.read_json(io.BytesIO(sent["application/json"].replace(b", ", b",\n")), lines=True)
    rows: Any = (sent["text/csv"] + b"\n").decode().split("\n")
    assert rows[-1] == "", "what splits at newlines gets an empty record"
