"""Any bytes as a pickled model: fields, none, or the one error of a reader."""

from __future__ import annotations

import zlib
from typing import Any, List

import atheris  # type: ignore[import-untyped]

from tests.fuzz.running import ROOT, run

with atheris.instrument_imports(include=["mims"]):
    from mims.inputs import sklearn
    from mims.inputs.member import HEAD, MemberBytes, Told, UnreadableError
    from mims.inputs.sources import SKLEARN


def fuzz_sklearn(fuzzed: bytes) -> None:
    """A pickle, and the same bytes compressed, are told alike in one chunk and in many."""
    for name, content in (("features.pkl", fuzzed), ("model.z", zlib.compress(fuzzed, 1))):
        if not sklearn.wants(name, content[:HEAD]):
            continue
        if not content.startswith(SKLEARN.heads):
            raise AssertionError("what is wanted is not let through")
        pieces = [content[at : at + 97] for at in range(0, len(content), 97)]
        if outcome(name, [content]) != outcome(name, pieces):
            raise AssertionError("what is told depends on the chunks")


def outcome(name: str, chunks: List[bytes]) -> Any:
    try:
        told = sklearn.read(MemberBytes(name, chunks))
    except UnreadableError as error:
        return str(error)
    if isinstance(told, Told):
        names = [field.name.encode("utf-8") for field in told.fields]
        if len(set(names)) < len(names) or b"" in names or bool(names) == bool(told.why):
            raise AssertionError("the fields are not what they must be")
    return repr(told)


if __name__ == "__main__":
    run(fuzz_sklearn, ROOT / "tests" / "models" / "sources" / "pickled")
