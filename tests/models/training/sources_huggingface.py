"""Configurations of transformers for the tests of the source `huggingface`.

Run with a folder: `python tests/models/training/sources_huggingface.py FOLDER`. Made with
transformers 5.24.0 (Python 3.11). The expectation is what the pipeline takes for the task that
AWS's inference toolkit infers from the architecture: texts, or something that no field can be.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

# mypy: disable-error-code="import-not-found,import-untyped"
import transformers

TEXT = ["inputs"]
QUESTION = ["question", "context"]
CASES = {
    ("Bert", "BertForSequenceClassification"): TEXT,
    ("Bert", "BertForTokenClassification"): TEXT,
    ("Bert", "BertModel"): TEXT,
    ("DistilBert", "DistilBertForQuestionAnswering"): QUESTION,
    ("Roberta", "RobertaForMaskedLM"): TEXT,
    ("GPT2", "GPT2LMHeadModel"): TEXT,
    ("Llama", "LlamaForCausalLM"): TEXT,
    ("T5", "T5ForConditionalGeneration"): TEXT,
    ("Marian", "MarianMTModel"): TEXT,
    ("Tapas", "TapasForQuestionAnswering"): [],
    ("ViT", "ViTForImageClassification"): [],
    ("ViT", "ViTModel"): [],
    ("Whisper", "WhisperForConditionalGeneration"): [],
    ("Wav2Vec2", "Wav2Vec2ForSequenceClassification"): [],
    ("Wav2Vec2", "Wav2Vec2ForCTC"): [],
    ("CLIP", "CLIPModel"): [],
    ("LayoutLMv3", "LayoutLMv3ForTokenClassification"): [],
    ("Detr", "DetrForObjectDetection"): [],
    ("TimeSeriesTransformer", "TimeSeriesTransformerForPrediction"): [],
    ("TimeSeriesTransformer", "TimeSeriesTransformerModel"): [],
}
# The mask that the model's own tokenizer has by default.
MASKS = {"RobertaForMaskedLM": "<mask>"}


def main(folder: Path) -> None:
    for (family, architecture), names in CASES.items():
        config = getattr(transformers, f"{family}Config")(architectures=[architecture])
        kept = folder / f"transformers-5.24-{architecture}"
        kept.mkdir(parents=True, exist_ok=True)
        (kept / "config.json").write_text(config.to_json_string(), encoding="utf-8")
        fields = [{"name": name, "type": "text", "shape": [], "datatype": ""} for name in names]
        if architecture in MASKS:
            fields[0]["mask"] = MASKS[architecture]
        expect = {"source": "huggingface", "fields": fields, "made_up": False}
        content = json.dumps(expect, indent=1) + "\n"
        (kept / "expect.json").write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
