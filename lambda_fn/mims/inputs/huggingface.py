"""Hugging Face's `config.json` → what the task of its architecture takes.

The task is the one that AWS's toolkit infers from the architecture's name:
https://github.com/aws/sagemaker-huggingface-inference-toolkit/blob/main/src/sagemaker_huggingface_inference_toolkit/transformers_utils.py
"""

from __future__ import annotations

from typing import Optional

from mims.fields import TEXT, Field
from mims.inputs.json_text import read_json
from mims.inputs.member import MemberBytes, Told, UnreadableError

SOURCE = "huggingface"

_FILE_NAME = "config.json"
_QUESTION_ANSWERING = "ForQuestionAnswering"
# Table question answering takes a whole table.
_TABLES = "TapasForQuestionAnswering"
# How the names of architectures end whose task takes a text. Of those that end in Model, some are
# served for text generation, and others for feature extraction, which HF_TASK tells the toolkit.
_TEXTS = (
    "ForTokenClassification",
    "ForSequenceClassification",
    "ForMultipleChoice",
    "ForMaskedLM",
    "ForCausalLM",
    "ForConditionalGeneration",
    "ForPreTraining",
)
_MODEL = "Model"
# What only the configuration of a model holds that takes images, scanned documents or audio: names
# such as WhisperForConditionalGeneration and Wav2Vec2ForSequenceClassification do not show it.
_OF_MEDIA = (
    *("vision_config", "image_size", "num_channels", "backbone_config", "img_processor", "visual"),
    *("mm_vision_tower", "image_token_id", "image_token_index", "max_2d_position_embeddings"),
    *("audio_config", "num_mel_bins", "feat_extract_norm", "conv_stride", "input_feat_per_channel"),
    *("audio_token_id", "audio_token_index"),
)
_OF_MEDIA_NAMES = ("VisionEncoderDecoderModel", "SpeechEncoderDecoderModel")


def wants(path: str, head: bytes) -> bool:
    first = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return path.rpartition("/")[2] == _FILE_NAME and first == b"{"


def read(member: MemberBytes) -> Optional[Told]:
    """Return the inputs of a model's task; `None` where the file names no architecture."""
    architecture = None
    is_of_media = has_vocabulary = False
    try:
        json = read_json(member)
        for key, at in json.entries(json.start()):
            is_of_media = is_of_media or key in _OF_MEDIA
            has_vocabulary = has_vocabulary or key == "vocab_size"
            if key == "architectures" and json.opening(at) == "[":
                first = next(json.elements(at), None)
                architecture = None if first is None else json.value(first)
    except UnreadableError as error:
        if architecture is None:
            return None
        raise UnreadableError(str(error), SOURCE) from None
    if not isinstance(architecture, str):
        return None
    if is_of_media or architecture.endswith(_OF_MEDIA_NAMES):
        return Told(SOURCE, why="is of a model that takes images or audio")
    if architecture.endswith(_TABLES):
        return Told(SOURCE, why="is of a model that takes tables")
    if architecture.endswith(_QUESTION_ANSWERING):
        return Told(SOURCE, (Field("question", TEXT), Field("context", TEXT)))
    takes_text = has_vocabulary if architecture.endswith(_MODEL) else architecture.endswith(_TEXTS)
    if takes_text:
        return Told(SOURCE, (Field("inputs", TEXT),))
    return Told(SOURCE, why="is of an architecture whose task is not known to take a text")
