"""Any bytes as a pickled model: fields, none, or the only error of a reader."""

from __future__ import annotations

import zlib

import atheris  # type: ignore[import-untyped]

from tests.fuzz.running import MODELS, run

with atheris.instrument_imports(include=["mims", "tests.fuzz.model_readers"]):
    from mims.inputs import sklearn
    from mims.inputs.member import HEAD
    from mims.inputs.sources import SKLEARN

    from tests.fuzz.model_readers import check_reader


def fuzz_sklearn(fuzzed: bytes) -> None:
    """A pickle, and the same bytes compressed."""
    for path, content in (("features.pkl", fuzzed), ("model.z", zlib.compress(fuzzed, 1))):
        if sklearn.wants(path, content[:HEAD]):
            assert content.startswith(SKLEARN.heads), "what is wanted is not let through"
            check_reader(sklearn, content, path)


if __name__ == "__main__":
    run(fuzz_sklearn, MODELS / "pickled")
