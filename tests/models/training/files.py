"""Writing the files of a model folder."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any, Sequence

PICKLE_PROTOCOL = 4


def write_json(path: Path, value: Any, indent: int = 2) -> None:
    """Write JSON with sorted keys, as the training jobs write their hyperparameters."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=indent, sort_keys=True), encoding="utf-8")


def write_pickle(path: Path, value: Any) -> None:
    """Write a pickle that any Python since 3.4 reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=PICKLE_PROTOCOL))


def write_feature_columns(path: Path, names: Sequence[str]) -> None:
    """Write the model's inputs in their order, one numbered name in each line."""
    lines = ["# Input columns, in the order the model was trained on", "# index,name"]
    lines += [f"{index},{name}" for index, name in enumerate(names)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
