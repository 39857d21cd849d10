"""The default decoders of the scikit-learn and PyTorch containers: those of `sagemaker-inference`.

https://github.com/aws/sagemaker-inference-toolkit: src/sagemaker_inference/decoder.py. PyTorch's
handler makes a FloatTensor from text formats and takes npy unchanged:
https://github.com/aws/sagemaker-pytorch-inference-toolkit, default_pytorch_inference_handler.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.endpoints.recipes import RECIPES, bodies, body, fields, library, payload

pytestmark = pytest.mark.endpoints


def decoded(content: bytes, content_type: str) -> Any:
    """Decode like the toolkit's transformer, which first decodes the bytes of text formats."""
    decoder = library("sagemaker_inference.decoder")
    content_types = library("sagemaker_inference.content_types")
    is_text = content_type in content_types.UTF8_TYPES
    return decoder.decode(content.decode("utf-8") if is_text else content, content_type)


@pytest.mark.parametrize("count", ["1", "5"])
def test_npy_is_a_matrix_of_float32_with_a_row_for_each_sample(count: str) -> None:
    made = payload("xgboost", {**RECIPES["numpy"], "SAMPLE_COUNT": count})
    matrix = decoded(body(made), "application/x-npy")
    assert matrix.dtype == "float32"
    assert matrix.shape == (int(count), len(fields(made)))
    assert not matrix.any()


def test_npy_has_the_values() -> None:
    settings = {**RECIPES["numpy"], "SAMPLE_COUNT": "2", "SPECIAL_FIELD_item_price": "12.25"}
    matrix = decoded(body(payload("xgboost", settings)), "application/x-npy")
    assert matrix[:, 10].tolist() == [12.25, 12.25]


def test_numpy_writes_and_reads_the_same_matrix() -> None:
    numpy = library("numpy")
    matrix = decoded(body(payload("xgboost", RECIPES["numpy"])), "application/x-npy")
    assert numpy.array_equal(matrix, numpy.zeros((1, 16), dtype="float32"))


def test_csv_of_two_samples_is_a_matrix_of_numbers() -> None:
    made = payload("xgboost", RECIPES["numpy csv"])
    matrix = decoded(body(made), "text/csv")
    assert matrix.dtype == "float64"
    assert matrix.shape == (2, len(fields(made)))


def test_a_whole_number_among_floats_makes_records_instead_of_a_matrix() -> None:
    """numpy gives each column its own type, so categories are 0.0, not 0."""
    settings = {**RECIPES["numpy csv"], "DEFAULT_CATEGORICAL_VALUE": "0"}
    array = decoded(body(payload("xgboost", settings)), "text/csv")
    assert array.dtype.names is not None
    assert array.shape == (2,)


def test_csv_of_one_sample_is_not_a_matrix() -> None:
    """scikit-learn refuses the vector that numpy makes from one line, hence SAMPLE_COUNT=2."""
    vector = decoded(
        body(payload("xgboost", {**RECIPES["numpy csv"], "SAMPLE_COUNT": "1"})), "text/csv"
    )
    assert vector.shape == (16,)
    linear_model = library("sklearn.linear_model")
    model = linear_model.LinearRegression().fit([[0.0] * 16, [1.0] * 16], [0.0, 1.0])
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        model.predict(vector)
    two = decoded(body(payload("xgboost", RECIPES["numpy csv"])), "text/csv")
    assert model.predict(two).shape == (2,)


def test_a_header_row_turns_all_numbers_into_strings() -> None:
    matrix = decoded(
        body(payload("xgboost", {**RECIPES["numpy csv"], "CONTENT_TYPES": "text/csv"})), "text/csv"
    )
    assert matrix.dtype.kind == "U"
    assert matrix.shape == (3, 16)


def test_json_is_an_object_without_a_shape() -> None:
    content = bodies(payload("xgboost", RECIPES["table"]))["application/json"]
    array = decoded(content, "application/json")
    assert (array.dtype.kind, array.shape) == ("O", ())


def test_the_decoders_compare_content_types_literally() -> None:
    errors = library("sagemaker_inference.errors")
    with pytest.raises(errors.UnsupportedFormatError):
        decoded(b"1.0,2.0", "text/csv; header=absent")


def test_pytorch_makes_a_tensor_of_floats_from_npy_and_csv() -> None:
    torch = library("torch")
    made = payload("xgboost", RECIPES["numpy"])
    tensor = torch.from_numpy(decoded(body(made), "application/x-npy"))
    assert (tensor.dtype, tuple(tensor.shape)) == (torch.float32, (1, 16))
    made = payload("xgboost", RECIPES["numpy csv"])
    tensor = torch.FloatTensor(decoded(body(made), "text/csv"))
    assert (tensor.dtype, tuple(tensor.shape)) == (torch.float32, (2, 16))
    json_body = bodies(payload("xgboost", RECIPES["table"]))["application/json"]
    with pytest.raises(TypeError):
        torch.FloatTensor(decoded(json_body, "application/json"))
