"""Any bytes to XGBoost, LightGBM and CatBoost: fields, none, or the only error of a reader."""

from __future__ import annotations

import atheris  # type: ignore[import-untyped]

from tests.fuzz.running import MODELS, run

with atheris.instrument_imports(include=["mims", "tests.fuzz.model_readers"]):
    from mims.inputs import catboost, lightgbm, xgboost
    from mims.inputs.member import HEAD

    from tests.fuzz.model_readers import check_reader


def fuzz_boosting(fuzzed: bytes) -> None:
    for source in (xgboost, lightgbm, catboost):
        if source.wants("xgboost-model", fuzzed[:HEAD]):
            check_reader(source, fuzzed)


if __name__ == "__main__":
    run(fuzz_boosting, MODELS / "xgboost", MODELS / "lightgbm", MODELS / "catboost")
