"""Any bytes as each model file that is a text: fields, none, or the only error of a reader."""

from __future__ import annotations

import atheris  # type: ignore[import-untyped]

from tests.fuzz.running import MODELS, run

with atheris.instrument_imports(include=["mims", "tests.fuzz.model_readers"]):
    from mims.inputs import feature_lists, huggingface, mlflow, triton

    from tests.fuzz.model_readers import check_reader

_FILES = (
    ("MLmodel", mlflow),
    ("input_example.json", mlflow),
    ("features.json", feature_lists),
    ("features.txt", feature_lists),
    ("metadata.json", feature_lists),
    ("config.pbtxt", triton),
    ("config.json", huggingface),
    ("tokenizer_config.json", huggingface),
)


def fuzz_text_sources(fuzzed: bytes) -> None:
    for path, source in _FILES:
        check_reader(source, fuzzed, path)


if __name__ == "__main__":
    run(fuzz_text_sources, MODELS / "mlflow", MODELS / "triton", MODELS / "huggingface")
