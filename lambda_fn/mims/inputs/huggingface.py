"""Hugging Face's `config.json` → the inputs of its architecture's task; the tokenizer's mask.

The task is the one that AWS's toolkit infers from the architecture's name:
https://github.com/aws/sagemaker-huggingface-inference-toolkit/blob/main/src/sagemaker_huggingface_inference_toolkit/transformers_utils.py
"""

from __future__ import annotations

from typing import Any, Optional

from mims.fields import TEXT, Field
from mims.inputs.json_text import JsonText, read_json
from mims.inputs.member import (
    TOKENIZER,
    MemberBytes,
    Told,
    UnreadableError,
)
from mims.values import is_unicode

SOURCE = "huggingface"

_FILE_NAME = "config.json"
_TOKENIZER_NAME = "tokenizer_config.json"
_QUESTION_ANSWERING = "ForQuestionAnswering"
# Table question answering takes a whole table.
_TABLES = "TapasForQuestionAnswering"
# Endings of architectures whose task takes text. Some of the others ending in Model are served for
# text generation, others for feature extraction: HF_TASK tells the toolkit which.
_TEXTS = (
    "ForTokenClassification",
    "ForSequenceClassification",
    "ForMultipleChoice",
    "ForCausalLM",
    "ForConditionalGeneration",
    "ForPreTraining",
    "MTModel",
    "EncoderDecoderModel",
    "LMHeadModel",
)
_MODEL = "Model"
# Text with a mask to be filled. It depends on the model's type, unless the tokenizer has it.
# https://github.com/huggingface/transformers: src/transformers/models/*/tokenization_*.py
_FILL_MASK = "ForMaskedLM"
_MASK, _OTHER_MASK = "[MASK]", "<mask>"
_WITH_OTHER_MASK = (
    *("camembert", "data2vec-text", "esm", "funnel", "ibert", "longformer", "luke", "mega"),
    *("mpnet", "mra", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
)
_MASK_CHARACTERS = 64
# Keys that are only in configurations of models that take images, scanned documents or audio: names
# such as WhisperForConditionalGeneration and Wav2Vec2ForSequenceClassification do not show that.
_OF_MEDIA = (
    *("vision_config", "image_size", "num_channels", "backbone_config", "img_processor", "visual"),
    *("mm_vision_tower", "image_token_id", "image_token_index", "max_2d_position_embeddings"),
    *("audio_config", "num_mel_bins", "feat_extract_norm", "conv_stride", "input_feat_per_channel"),
    *("audio_token_id", "audio_token_index"),
)
_OF_MEDIA_NAMES = ("VisionEncoderDecoderModel", "SpeechEncoderDecoderModel")
# And how the names begin of the best known among them, whatever their configuration holds.
_OF_MEDIA_FAMILIES = (
    *("Whisper", "Speech2Text", "SpeechT5", "SeamlessM4T", "Wav2Vec2", "Hubert", "WavLM", "SEW"),
    *("UniSpeech", "Data2VecAudio", "LayoutLM", "Vilt", "VisualBert", "Blip", "InstructBlip"),
    *("Llava", "Pix2Struct", "Idefics", "PaliGemma", "Mllama", "Qwen2VL", "Qwen2_5_VL"),
)


def wants(path: str, head: bytes) -> bool:
    first = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return path.rpartition("/")[2] in (_FILE_NAME, _TOKENIZER_NAME) and first == b"{"


def read(member: MemberBytes) -> Optional[Told]:
    """Return the inputs of a model's task, or, from a tokenizer, the input with its mask.

    `None` if the file names no architecture, or no mask.
    """
    if member.name.rpartition("/")[2] == _TOKENIZER_NAME:
        return _read_tokenizer(member)
    architecture = model_type = None
    is_of_media = has_vocabulary = False
    try:
        json = read_json(member)
        for key, at in json.entries(json.start()):
            is_of_media = is_of_media or key in _OF_MEDIA
            has_vocabulary = has_vocabulary or key == "vocab_size"
            if key == "architectures" and json.opening(at) == "[":
                first = next(json.elements(at), None)
                architecture = None if first is None else json.value(first)
            elif key == "model_type":
                model_type = json.value(at)
    except UnreadableError:
        if architecture is None:
            return None
        raise
    if not isinstance(architecture, str):
        return None
    is_of_media = is_of_media or architecture.startswith(_OF_MEDIA_FAMILIES)
    if is_of_media or architecture.endswith(_OF_MEDIA_NAMES):
        return Told(SOURCE, why="is of a model that takes images or audio")
    if architecture.endswith(_TABLES):
        return Told(SOURCE, why="is of a model that takes tables")
    if architecture.endswith(_QUESTION_ANSWERING):
        return Told(SOURCE, (Field("question", TEXT), Field("context", TEXT)))
    takes_text = architecture.endswith(_TEXTS) or (has_vocabulary and architecture.endswith(_MODEL))
    if architecture.endswith(_FILL_MASK):
        mask = _OTHER_MASK if model_type in _WITH_OTHER_MASK else _MASK
        return Told(SOURCE, (Field("inputs", TEXT, mask=mask),))
    if takes_text:
        return Told(SOURCE, (Field("inputs", TEXT),))
    return Told(SOURCE, why="is of an architecture whose task is not known to take text")


def _read_tokenizer(member: MemberBytes) -> Optional[Told]:
    mask = None
    try:
        json = read_json(member)
        for key, at in json.entries(json.start()):
            if key == "mask_token":
                mask = _content(json, at)
                break
    except UnreadableError:
        return None
    if not isinstance(mask, str) or not 0 < len(mask) <= _MASK_CHARACTERS or not is_unicode(mask):
        return None
    return Told(SOURCE, (Field("inputs", TEXT, mask=mask),), form=TOKENIZER)


def _content(json: JsonText, at: int) -> Any:
    """Return a token: a string, or the content of an object."""
    if json.opening(at) == "{":
        contents = [value for key, value in json.entries(at) if key == "content"]
        return json.value(contents[0]) if contents else None
    return json.value(at)
