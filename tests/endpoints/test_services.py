"""Servers whose decoders are not available: what their documentation and public code require."""

from __future__ import annotations

import json

import pytest
from mims.errors import InvalidSettingsError, PayloadTooLargeError
from mims.payload.check import check_payload_archive

from tests.endpoints.recipes import RECIPES, Json, body, fields, files, payload, payload_from

pytestmark = pytest.mark.endpoints

NUMBERS: Json = {"tab_field_list": ["a", "b"]}


def test_tensorflow_serving_gets_rows_of_named_inputs() -> None:
    """https://www.tensorflow.org/tfx/serving/api_rest, row format"""
    made = payload("pytorch", {**RECIPES["tensorflow"], "SAMPLE_COUNT": "2"})
    request = json.loads(body(made))
    assert list(request) == ["instances"]
    assert [list(instance) for instance in request["instances"]] == [fields(made)] * 2


def test_tensorflow_serving_gets_a_list_for_each_named_input() -> None:
    """https://www.tensorflow.org/tfx/serving/api_rest, column format"""
    made = payload("pytorch", {**RECIPES["tensorflow columns"], "SAMPLE_COUNT": "2"})
    request = json.loads(body(made))
    assert list(request) == ["inputs"]
    assert list(request["inputs"]) == fields(made)
    assert {len(column) for column in request["inputs"].values()} == {2}


def test_the_tensorflow_container_is_sent_a_bare_media_type() -> None:
    """It compares the header literally with `application/json`: tensorflowServing.js."""
    assert payload("pytorch", RECIPES["tensorflow columns"]).content_types == ("application/json",)


def test_built_in_algorithms_get_numbers_and_commas() -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html"""
    made = payload("xgboost", RECIPES["built-in"])
    cells = body(made).decode().split(",")
    assert [float(cell) for cell in cells] == [0.0] * len(fields(made))


def test_built_in_algorithms_get_a_vector_of_features_for_each_instance() -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html"""
    made = payload_from(NUMBERS, {**RECIPES["built-in json"], "DEFAULT_NUMERIC_VALUE": "1.5"})
    assert body(made) == b'{"instances": [{"features": [1.5, 1.5]}]}'


def test_a_categorical_field_is_a_string_in_a_vector_of_features() -> None:
    made = payload("xgboost", {**RECIPES["built-in json"], "DEFAULT_CATEGORICAL_VALUE": "0.0"})
    (instance,) = json.loads(body(made))["instances"]
    assert instance["features"][-1] == "0.0", "so such models get CSV"


def test_inference_recommender_gets_only_requests() -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_RecommendationJobPayloadConfig.html"""
    made = payload("lightgbm", RECIPES["flat"])
    found = files(made)
    assert sorted(found) == [f"sample_payload_{index:04}.csv" for index in range(1, 11)]
    assert {content.count(b",") for content in found.values()} == {11}
    assert {content.count(b"\n") for content in found.values()} == {0}
    assert check_payload_archive(made.archive).layout == "flat"


def test_the_layout_contract_would_send_its_metadata_as_a_request() -> None:
    made = payload("lightgbm", {**RECIPES["flat"], "PAYLOAD_LAYOUT": "contract"})
    assert "metadata.json" in files(made)


def test_inference_recommender_accepts_only_one_content_type() -> None:
    with pytest.raises(InvalidSettingsError, match="The layout flat takes one content type"):
        payload(
            "lightgbm",
            {**RECIPES["flat"], "CONTENT_TYPES": "text/csv, application/json"},
        )


def test_a_serverless_endpoint_s_limit_gives_a_warning_and_that_of_any_endpoint_an_error() -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-invoke.html"""
    settings = {"CONTENT_TYPES": "text/csv; header=absent", "SAMPLE_COUNT": "10000"}
    fits, too_wide, far_too_wide = (
        {"tab_field_list": [f"field_{index}" for index in range(count)]} for count in (10, 110, 200)
    )
    assert payload_from(fits, settings).warnings == ()
    (warning,) = payload_from(too_wide, settings).warnings
    assert "a serverless endpoint takes" in warning
    with pytest.raises(PayloadTooLargeError, match="Lower SAMPLE_COUNT"):
        payload_from(far_too_wide, settings)
