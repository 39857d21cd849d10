"""Any bytes as each of the model files that are texts: fields, nothing, or the readers' error."""

from __future__ import annotations

from types import ModuleType
from typing import List, Optional

import atheris  # type: ignore[import-untyped]

from tests.fuzz.running import ROOT, run

with atheris.instrument_imports(include=["mims"]):
    from mims.inputs import feature_lists, huggingface, mlflow, triton
    from mims.inputs.member import MemberBytes, Told, UnreadableError

_FILES = (
    ("MLmodel", mlflow),
    ("input_example.json", mlflow),
    ("features.json", feature_lists),
    ("features.txt", feature_lists),
    ("metadata.json", feature_lists),
    ("config.pbtxt", triton),
    ("config.json", huggingface),
)


def fuzz_text_sources(fuzzed: bytes) -> None:
    pieces = [fuzzed[at : at + 3] for at in range(0, len(fuzzed), 3)]
    for path, source in _FILES:
        whole = _outcome(source, path, [fuzzed])
        assert whole == _outcome(source, path, pieces)


def _outcome(source: ModuleType, path: str, chunks: List[bytes]) -> str:
    try:
        told: Optional[Told] = source.read(MemberBytes(path, chunks))
    except UnreadableError as error:
        return str(error)
    if told is not None:
        names = [field.name for field in told.fields]
        assert all(names)
        assert len(set(names)) == len(names)
        "".join(names).encode("utf-8")
        assert bool(names) != bool(told.why)
        assert {*told.training} <= {*names}
        assert all(length > 0 for field in told.fields for length in field.shape)
    return repr(told)


if __name__ == "__main__":
    run(fuzz_text_sources, ROOT / "tests" / "models" / "sources")
