"""Any bytes to XGBoost, LightGBM and CatBoost: fields, none, or the one error of a reader."""

from __future__ import annotations

from typing import Any

import atheris  # type: ignore[import-untyped]

from tests.fuzz.running import ROOT, run

with atheris.instrument_imports(include=["mims"]):
    from mims.inputs import catboost, lightgbm, xgboost
    from mims.inputs.member import HEAD, MemberBytes, Told, UnreadableError


def fuzz_boosting(fuzzed: bytes) -> None:
    """What is wanted is told alike in one chunk and in many."""
    for source in (xgboost, lightgbm, catboost):
        if source.wants("xgboost-model", fuzzed[:HEAD]):
            whole = outcome(source, [fuzzed])
            pieces = outcome(source, [fuzzed[at : at + 97] for at in range(0, len(fuzzed), 97)])
            if whole != pieces:
                raise AssertionError(f"{source.NAME} depends on the chunks")


def outcome(source: Any, chunks: Any) -> Any:
    try:
        told = source.read(MemberBytes("model", chunks))
    except UnreadableError as error:
        return str(error)
    if isinstance(told, Told):
        names = [field.name.encode("utf-8") for field in told.fields]
        if len(set(names)) < len(names) or b"" in names or bool(names) == bool(told.why):
            raise AssertionError("the fields are not what they must be")
    return repr(told)


if __name__ == "__main__":
    run(fuzz_boosting, ROOT / "tests" / "models" / "sources")
