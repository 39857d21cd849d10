"""Any bytes as a SavedModel: its inputs, or why it names none."""

from __future__ import annotations

import atheris  # type: ignore[import-untyped]

from tests.fuzz.running import MODELS, run

with atheris.instrument_imports(include=["mims", "tests.fuzz.model_readers"]):
    from mims.inputs import tensorflow

    from tests.fuzz.model_readers import check_reader

if __name__ == "__main__":
    run(
        lambda fuzzed: check_reader(tensorflow, fuzzed),
        MODELS / "tensorflow",
    )
