"""Train small predictors of AutoGluon, and keep the learner of each under `sources/pickled/`.

Run once in an environment for each version, from the project's root:

    python tests/models/training/sources_autogluon.py tests/models/sources/pickled

- Python 3.8: autogluon.tabular==0.8.2
- 3.11: autogluon.tabular==1.1.1
- 3.11: autogluon.tabular==1.6.3

The expectation is what the predictor reports once it is loaded again: its original features, and
the types that it found.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List

# mypy: disable-error-code="import-not-found,import-untyped"
import numpy as np
import pandas as pd
from autogluon.tabular import TabularPredictor, __version__

ROWS = 60
LABEL = "left"
WORDS = ["the", "parcel", "came", "late", "nobody", "said", "why", "we", "asked", "for", "money"]
TYPES = {
    "int": "integer",
    "float": "numeric",
    "bool": "boolean",
    "datetime": "datetime",
    "category": "categorical",
    "object": "categorical",
}


def table() -> Any:
    """Return a column of each type, one that is useless, and the label among them."""
    random = np.random.default_rng(7)
    days = pd.Timestamp("2025-03-01") + pd.to_timedelta(random.integers(0, 300, ROWS), unit="D")
    made = pd.DataFrame(
        {
            "amount": random.normal(size=ROWS),
            "visits, yearly": random.integers(0, 9, ROWS),
            "plan": random.choice(["basic", "gold", "né(e)"], ROWS),
            "constant": 1,
            LABEL: random.integers(0, 2, ROWS),
            "Größe": pd.Categorical(random.choice(["S", "M", "L"], ROWS)),
            "active": random.integers(0, 2, ROWS).astype(bool),
            "joined": days,
            "since": days.strftime("%Y-%m-%d"),
            "note": [" ".join(random.choice(WORDS, 12)) for _ in range(ROWS)],
        }
    )
    made[LABEL] = (made["amount"] > 0).astype(int)
    return made


def expected(predictor: Any) -> Dict[str, Any]:
    """Return what the predictor says about its inputs."""
    metadata = predictor.feature_metadata_in
    names = predictor.original_features
    raw = metadata.type_map_raw
    special = {
        **dict.fromkeys(metadata.type_group_map_special.get("text", ()), "text"),
        **dict.fromkeys(metadata.type_group_map_special.get("datetime_as_object", ()), "datetime"),
    }
    # A useless column has no type; any value will do.
    types = {name: special.get(name) or TYPES[raw.get(name, "float")] for name in names}
    fields: List[Dict[str, str]] = [{"name": name, "type": types[name]} for name in names]
    return {
        "source": "autogluon",
        "made_up": False,
        "count": len(names),
        "transformer": False,
        "fields": fields,
    }


def main(folder: Path) -> None:
    trained = Path(tempfile.gettempdir()) / "model"  # the learner contains this path
    shutil.rmtree(trained, ignore_errors=True)
    TabularPredictor(LABEL, path=str(trained), verbosity=0).fit(
        table(), hyperparameters={"RF": {"n_estimators": 2}}, num_cpus=1
    )
    kept = folder / f"autogluon-{__version__}-columns"
    kept.mkdir(parents=True, exist_ok=True)
    shutil.copy(trained / "learner.pkl", kept / "learner.pkl")
    expect = expected(TabularPredictor.load(str(trained)))
    content = json.dumps(expect, ensure_ascii=False, indent=1) + "\n"
    (kept / "expect.json").write_text(content, encoding="utf-8")
    shutil.rmtree(trained)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
