"""Hugging Face's `config.json` → fields."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mims.fields import Field
from mims.inputs import huggingface
from mims.inputs.member import Told, UnreadableError

from tests.unit.inputs.readings import (
    MIB,
    outcome,
    peak_of,
    read,
)

PATH = "config.json"
TOKENIZER = "a/tokenizer_config.json"


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"architectures": ["WhisperForConditionalGeneration"], "num_mel_bins": 80}, "audio"),
        ({"architectures": ["VisionEncoderDecoderModel"], "vocab_size": 3}, "images"),
        ({"vision_config": {}, "architectures": ["GitForCausalLM"]}, "images"),
        ({"architectures": ["TapasForQuestionAnswering"]}, "tables"),
        ({"architectures": ["ResNetForImageClassification"]}, "not known to take text"),
        ({"architectures": ["AnyModel"]}, "not known to take text"),
        ({"architectures": ["WhisperForConditionalGeneration"]}, "audio"),
        ({"architectures": ["Wav2Vec2ForSequenceClassification"]}, "audio"),
        ({"architectures": ["LayoutLMv3ForQuestionAnswering"]}, "images"),
        ({"architectures": ["SpeechEncoderDecoderModel"]}, "audio"),
    ],
)
def test_what_takes_something_else_than_text(config: Dict[str, Any], why: str) -> None:
    told = read(huggingface, json.dumps(config))
    assert told is not None
    assert told.fields == ()
    assert why in told.why


@pytest.mark.parametrize(
    "architecture",
    ["GPT2LMHeadModel", "T5WithLMHeadModel", "MarianMTModel", "EncoderDecoderModel"],
)
def test_a_model_for_a_task_of_the_toolkit_takes_a_text_in_any_case(
    architecture: str,
) -> None:
    config = {"architectures": [architecture], "encoder": {"vocab_size": 9}}
    told = read(huggingface, json.dumps(config))
    assert told == Told("huggingface", (Field("inputs", "text"),))


def test_the_first_architecture_counts() -> None:
    config = {"architectures": ["BertForQuestionAnswering", "BertForMaskedLM"]}
    told = read(huggingface, "\ufeff" + json.dumps(config))
    assert told == Told("huggingface", (Field("question", "text"), Field("context", "text")))


@pytest.mark.parametrize(
    ("model_type", "mask"),
    [
        *((kind, "[MASK]") for kind in ("bert", "distilbert", "albert", "electra", "deberta")),
        *((kind, "<mask>") for kind in ("roberta", "xlm-roberta", "camembert", "mpnet", "esm")),
        (None, "[MASK]"),
        (["roberta"], "[MASK]"),
    ],
)
def test_a_model_that_fills_masks_has_the_mask_of_its_type(model_type: Any, mask: str) -> None:
    config = {"architectures": ["AnyForMaskedLM"], "model_type": model_type, "vocab_size": 9}
    for ordered in (config, dict(reversed(config.items()))):
        told = read(huggingface, json.dumps(ordered))
        assert told == Told("huggingface", (Field("inputs", "text", mask=mask),))


@pytest.mark.parametrize("token", ["<m>", {"content": "<m>", "lstrip": True}])
def test_a_tokenizer_gives_its_mask(token: Any) -> None:
    told = read(huggingface, json.dumps({"cls_token": "[", "mask_token": token}), path=TOKENIZER)
    assert told is not None
    assert (told.fields, told.form) == ((Field("inputs", "text", mask="<m>"),), "tokenizer")


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[]",
        '{"mask_token": null}',
        '{"mask_token": ""}',
        '{"mask_token": 7}',
        '{"mask_token": ["<m>"]}',
        '{"mask_token": {}}',
        '{"mask_token": {"content": {}}}',
        '{"mask_token": "\\ud800"}',
        f'{{"mask_token": "{"m" * 65}"}}',
        '{"mask_token"',
        '{"mask_token": {"content"',
        '{"a" 1, "mask_token": "<m>"}',
        '{"architectures": ["BertModel"]}',
    ],
)
def test_a_tokenizer_without_a_mask_gives_none(content: str) -> None:
    assert read(huggingface, content, path=TOKENIZER) is None


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        '{"architectures": null}',
        '{"architectures": []}',
        '{"architectures": [1]}',
        '{"architectures": "BertModel"}',
        '{"architecture": "resnet50"}',
        '{"features": ["a"]}',
        "{",
        '{"architectures": [',
        '{"a": 1,}',
    ],
)
def test_another_configuration_is_something_else(content: str) -> None:
    assert read(huggingface, content) is None


def test_damage_after_the_architecture_is_an_error() -> None:
    with pytest.raises(UnreadableError, match="is not valid JSON"):
        read(huggingface, '{"architectures": ["BertForMaskedLM"], "a" 1}')


@pytest.mark.parametrize(
    ("path", "head"),
    [("vocab.json", b"{"), ("config.yaml", b"{"), ("config.json", b"[1]")],
)
def test_other_files_are_not_wanted(path: str, head: bytes) -> None:
    assert not huggingface.wants(path, head)


@pytest.mark.parametrize("path", [PATH, TOKENIZER])
@pytest.mark.parametrize("unit", [b"\0", b" ", b'{"a":', b'{"architectures":[', b'{"mask_token":{'])
def test_a_gigabyte_of_anything_is_bounded(unit: bytes, path: str) -> None:
    chunk = unit * (65_536 // len(unit))
    assert peak_of(huggingface, (chunk for _ in range(16_384)), path)[1] < 32 * MIB


@given(st.binary(max_size=100) | st.text('{}[]":,1architecturesmk_\ud800', max_size=100))
def test_any_bytes_give_an_answer_or_the_error(content: Any) -> None:
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    for before in (b"", b'{"architectures": ["BertModel"]', b'{"mask_token": '):
        whole = before + raw
        for path in (PATH, TOKENIZER):
            once = outcome(huggingface, whole, path=path)
            assert once == outcome(huggingface, whole, 1, path)
