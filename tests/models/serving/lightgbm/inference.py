"""The functions that a SageMaker container with LightGBM calls, for the churn model."""

from __future__ import annotations

import io
import json
import os
import pickle
from typing import Any, Dict, Tuple

# mypy: disable-error-code="import-not-found,import-untyped"
import lightgbm
import numpy as np
import pandas

Model = Tuple[lightgbm.Booster, Dict[str, Any]]


def model_fn(model_dir: str) -> Model:
    """Load the booster, and the risks that stand for its categories."""
    with open(os.path.join(model_dir, "risk_table_map.pkl"), "rb") as file:
        risk_tables = pickle.load(file)
    return lightgbm.Booster(model_file=os.path.join(model_dir, "lightgbm_model.txt")), risk_tables


def input_fn(body: Any, content_type: str) -> pandas.DataFrame:
    """Read records from JSON (`{"instances": [...]}`) or CSV with a header row."""
    text = body.decode("utf-8") if isinstance(body, bytes) else body
    if content_type == "application/json":
        return pandas.DataFrame(json.loads(text)["instances"])
    if content_type == "text/csv":
        return pandas.read_csv(io.StringIO(text))
    raise ValueError(f"{content_type} is not supported")


def predict_fn(records: pandas.DataFrame, model: Model) -> np.ndarray:
    """Return the probability of a cancellation, one a record.

    A category that training never saw takes its field's default risk.
    """
    booster, risk_tables = model
    encoded = records.copy()
    for name, table in risk_tables.items():
        encoded[name] = records[name].map(table["bins"]).fillna(table["default_bin"])
    return np.asarray(booster.predict(encoded[booster.feature_name()].astype(float)))
