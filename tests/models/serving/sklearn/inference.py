"""The functions that the SageMaker scikit-learn container calls, for the late-invoice model."""

from __future__ import annotations

import io
import json
import os
from typing import Any

# mypy: disable-error-code="import-not-found,import-untyped"
import joblib
import numpy as np
import pandas


def model_fn(model_dir: str) -> Any:
    """Load the fitted pipeline."""
    return joblib.load(os.path.join(model_dir, "model.joblib"))


def input_fn(body: Any, content_type: str) -> pandas.DataFrame:
    """Read records from JSON (`{"instances": [...]}`), JSON lines, or CSV with a header row."""
    text = body.decode("utf-8") if isinstance(body, bytes) else body
    if content_type == "application/json":
        return pandas.DataFrame(json.loads(text)["instances"])
    if content_type == "application/jsonlines":
        return pandas.DataFrame([json.loads(line) for line in text.split("\n")])
    if content_type == "text/csv":
        return pandas.read_csv(io.StringIO(text))
    raise ValueError(f"{content_type} is not supported")


def predict_fn(records: pandas.DataFrame, model: Any) -> np.ndarray:
    """Return the probability that the invoice is paid late, one a record."""
    return np.asarray(model.predict_proba(records))[:, 1]
