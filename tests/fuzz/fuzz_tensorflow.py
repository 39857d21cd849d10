"""Any bytes as a SavedModel: its inputs, or why it tells none."""

from __future__ import annotations

import atheris  # type: ignore[import-untyped]

from tests.fuzz.running import ROOT, run

with atheris.instrument_imports(include=["mims", "tests.fuzz.graph_readers"]):
    from mims.inputs import tensorflow

    from tests.fuzz.graph_readers import check_reader

if __name__ == "__main__":
    run(
        lambda fuzzed: check_reader(tensorflow, fuzzed),
        ROOT / "tests" / "models" / "sources" / "tensorflow",
    )
