"""The SageMaker Python SDK's serializers write the same bytes for the same samples.

https://github.com/aws/sagemaker-python-sdk: sagemaker-core/src/sagemaker/core/serializers/base.py
(version 2: src/sagemaker/serializers.py).
"""

from __future__ import annotations

import io
import json
from typing import Any, Dict, List

import pytest

from tests.endpoints.recipes import RECIPES, Json, body, library, payload, payload_from

pytestmark = [pytest.mark.endpoints, pytest.mark.filterwarnings("ignore")]

TEXTS = ["", "plain", "a,b", 'say "yes"', "two\nlines", "two\r\nlines", " spaces ", "'", "1e5", "ü"]


def serializers() -> Any:
    return library("sagemaker.core.serializers.base")


def several(texts: List[str]) -> Dict[str, str]:
    values = {"note": texts, "amount": [0.5, -1e-7, 1e22, 3]}
    return {"SAMPLE_COUNT": str(len(texts)), "FIELD_DEFAULTS": json.dumps(values)}


HYPERPARAMETERS: Json = {"tab_field_list": ["amount"], "cat_field_list": ["note"]}


def records(texts: List[str]) -> List[Json]:
    numbers = [0.5, -1e-7, 1e22, 3.0]
    return [{"amount": numbers[i % 4], "note": text} for i, text in enumerate(texts)]


def test_csv_without_a_header_is_the_sdk_s_csv() -> None:
    made = payload_from(
        HYPERPARAMETERS, {"CONTENT_TYPES": "text/csv; header=absent", **several(TEXTS)}
    )
    rows = [list(record.values()) for record in records(TEXTS)]
    assert body(made) == serializers().CSVSerializer().serialize(rows).encode()


def test_json_lines_are_the_sdk_s_json_lines() -> None:
    ascii_texts = [text for text in TEXTS if text.isascii()]
    made = payload_from(
        HYPERPARAMETERS, {"CONTENT_TYPES": "application/jsonlines", **several(ascii_texts)}
    )
    lines = serializers().JSONLinesSerializer().serialize(records(ascii_texts))
    assert body(made) == lines.encode()


def test_json_lines_beyond_ascii_are_the_same_in_other_bytes() -> None:
    made = payload_from(
        HYPERPARAMETERS, {"CONTENT_TYPES": "application/jsonlines", **several(TEXTS)}
    )
    lines = serializers().JSONLinesSerializer().serialize(records(TEXTS))
    assert body(made) != lines.encode(), "the SDK escapes; the generator writes UTF-8"
    assert [json.loads(line) for line in body(made).decode().split("\n")] == records(TEXTS)


def test_json_is_the_sdk_s_json() -> None:
    made = payload_from(
        HYPERPARAMETERS, {"CONTENT_TYPES": "application/json", **several(["a", "b"])}
    )
    request = {"instances": records(["a", "b"])}
    assert body(made) == serializers().JSONSerializer().serialize(request).encode()


def test_npy_has_the_same_content_as_the_sdk_s_npy() -> None:
    numpy = library("numpy")
    made = payload("xgboost", RECIPES["numpy"])
    theirs = serializers().NumpySerializer(dtype="float32").serialize([[0.0] * 16])
    ours, other = (numpy.load(io.BytesIO(content)) for content in (body(made), theirs))
    assert ours.dtype == other.dtype
    assert numpy.array_equal(ours, other)
