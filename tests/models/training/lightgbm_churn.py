"""LightGBM: will a subscriber cancel within the next month?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

# mypy: disable-error-code="import-not-found,import-untyped"
import lightgbm
import numpy as np

from tests.models.training.files import write_feature_columns, write_json, write_pickle
from tests.models.training.synthetic import (
    Figure,
    encoded,
    make_training_data,
    medians,
    metrics,
    risk_tables,
)

NUMERIC_FIELDS = {
    "tenure_months": Figure(19),
    "monthly_fee": Figure(13, decimals=2),
    "discount_share": Figure(0.2, decimals=3, largest=1),
    "usage.minutes_last_7_days": Figure(210, decimals=1),
    "usage.minutes_last_30_days": Figure(900, decimals=1),
    "usage.n_devices_last_30_days": Figure(3),
    "support.n_tickets_last_90_days": Figure(1.2),
    "support.hours_to_first_answer": Figure(7, decimals=2),
    "n_failed_payments_last_180_days": Figure(0.7),
}
CATEGORIES = {
    "plan": ["basic", "family", "premium", "student"],
    "billing_period": ["monthly", "quarterly", "yearly"],
    "acquisition_channel": ["app_store", "partner", "referral", "search"],
}
NUM_ITERATIONS = 20


def train(folder: Path) -> None:
    """Train the model, and write to `folder` what its training job leaves."""
    samples = make_training_data(41, 800, NUMERIC_FIELDS, CATEGORIES, 0.3)
    imputation, risks = medians(samples), risk_tables(samples)
    matrix = encoded(samples, imputation, risks)
    parameters = {
        "objective": "binary",
        "learning_rate": 0.1,
        "num_leaves": 8,
        "min_data_in_leaf": 20,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "seed": 11,
        "verbosity": -1,
    }
    records = lightgbm.Dataset(
        matrix, label=samples.labels, feature_name=samples.names, params=parameters
    )
    booster = lightgbm.train(parameters, records, num_boost_round=NUM_ITERATIONS)
    booster.save_model(folder / "lightgbm_model.txt")

    scores = np.asarray(booster.predict(matrix))
    gain = booster.feature_importance("gain")
    bins = {name: {"bins": table, "default_bin": 0.3} for name, table in risks.items()}
    write_json(folder / "hyperparameters.json", hyperparameters(imputation, bins))
    write_feature_columns(folder / "feature_columns.txt", samples.names)
    (folder / "feature_importance.csv").write_text(
        "feature,gain\n"
        + "".join(f"{name},{value:.4f}\n" for name, value in zip(samples.names, gain)),
        encoding="utf-8",
    )
    write_json(folder / "metrics.json", metrics(samples.labels, scores))
    write_pickle(folder / "impute_dict.pkl", imputation)
    write_pickle(folder / "risk_table_map.pkl", bins)


def hyperparameters(
    imputation: Dict[str, float], risk_bins: Dict[str, Dict[str, Any]]
) -> Dict[str, str]:
    """Return the job's hyperparameters, all as strings, as SageMaker passes them to a job."""
    typed = {
        "_input_format": "csv",
        "bagging_fraction": 1.0,
        "batch_size": 64,
        "cat_field_list": list(CATEGORIES),
        "early_stopping_rounds": None,
        "feature_fraction": 1.0,
        "full_field_list": [
            *NUMERIC_FIELDS,
            *CATEGORIES,
            "subscriber_id",
            "snapshot_date",
            "cancelled_next_month",
        ],
        "header": 0,
        "id_name": "subscriber_id",
        "imputation_dict": imputation,
        "is_binary": True,
        "label_name": "cancelled_next_month",
        "learning_rate": 0.1,
        "max_depth": None,
        "metric_choices": ["auroc", "f1_score"],
        "min_data_in_leaf": 20,
        "model_class": "lightgbm",
        "multiclass_categories": [0, 1],
        "num_classes": 2,
        "num_iterations": NUM_ITERATIONS,
        "num_leaves": 8,
        "risk_tables": risk_bins,
        "seed": 11,
        "tab_field_list": list(NUMERIC_FIELDS),
        "text_name": None,
    }
    return {name: stringified(value) for name, value in typed.items()}


def stringified(value: Any) -> str:
    """Return a value as a job's string: strings unchanged, `None` as in Python, others as JSON."""
    return value if isinstance(value, str) else "None" if value is None else json.dumps(value)
