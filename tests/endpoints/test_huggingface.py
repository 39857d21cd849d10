"""HuggingFace's inference toolkit: its decoder, and the request as its handler needs it.

https://github.com/aws/sagemaker-huggingface-inference-toolkit: decoder_encoder.py, and `predict` in
handler_service.py, which passes `inputs` to the pipeline, or else the whole object.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.endpoints.recipes import RECIPES, body, library, payload, payload_from

pytestmark = [pytest.mark.endpoints, pytest.mark.filterwarnings("ignore")]

CLASSIFIER = {"tab_field_list": [], "text_name": "inputs"}
ANSWERER = {"field_info": {"question": "text", "context": "text"}}


def decoded(content: bytes, content_type: str) -> Any:
    toolkit = library("sagemaker_huggingface_inference_toolkit.decoder_encoder")
    return toolkit.decode(content.decode("utf-8"), content_type)


def test_a_field_named_inputs_makes_the_usual_request() -> None:
    made = payload_from(CLASSIFIER, {**RECIPES["huggingface"], "SPECIAL_FIELD_inputs": "Any news?"})
    assert body(made) == b'{"inputs": "Any news?"}'
    assert decoded(body(made), "application/json") == {"inputs": "Any news?"}


def test_the_fields_of_a_task_make_its_object() -> None:
    made = payload_from(ANSWERER, RECIPES["huggingface"])
    request = decoded(body(made), "application/json")
    assert request == {"inputs": {"question": "DEFAULT_TEXT", "context": "DEFAULT_TEXT"}}


def test_csv_with_a_header_gives_one_text_for_each_sample() -> None:
    made = payload_from(
        CLASSIFIER, {**RECIPES["huggingface csv"], "SPECIAL_FIELD_inputs": 'one, "two"\nthree'}
    )
    assert decoded(body(made), "text/csv") == {"inputs": ['one, "two"\nthree'] * 2}


def test_csv_of_questions_gives_one_object_for_each_sample() -> None:
    made = payload_from(ANSWERER, RECIPES["huggingface csv"])
    record = {"question": "DEFAULT_TEXT", "context": "DEFAULT_TEXT"}
    assert decoded(body(made), "text/csv") == {"inputs": [record, record]}


def test_csv_without_a_header_or_with_other_names_is_refused() -> None:
    service = library("mms.service")
    headless = payload_from(CLASSIFIER, {"CONTENT_TYPES": "text/csv; header=absent"})
    others = payload("sklearn", {"CONTENT_TYPES": "text/csv"})
    for made in (headless, others):
        with pytest.raises(service.PredictionException, match="Header columns"):
            decoded(body(made), "text/csv")


def test_json_lines_are_refused() -> None:
    errors = library("sagemaker_inference.errors")
    made = payload_from(CLASSIFIER, {"CONTENT_TYPES": "application/jsonlines"})
    with pytest.raises(errors.UnsupportedFormatError):
        decoded(body(made), "application/jsonlines")
