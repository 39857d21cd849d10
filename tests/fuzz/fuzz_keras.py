"""Any bytes as a Keras model, zip or HDF5; an object of JSON as the configuration within a zip."""

from __future__ import annotations

import io
import zipfile

import atheris  # type: ignore[import-untyped]

from tests.fuzz.running import MODELS, SEEDS, run

with atheris.instrument_imports(include=["mims", "tests.fuzz.model_readers"]):
    from mims.inputs import keras

    from tests.fuzz.model_readers import check_reader


def fuzz_keras(fuzzed: bytes) -> None:
    if fuzzed.startswith(b"{"):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(zipfile.ZipInfo("config.json"), fuzzed)
        fuzzed = stream.getvalue()
    check_reader(keras, fuzzed)


if __name__ == "__main__":
    run(fuzz_keras, MODELS / "keras", SEEDS / "keras")
