"""scikit-learn: will an invoice be paid late?"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

# mypy: disable-error-code="import-not-found,import-untyped"
import joblib
import numpy as np
import pandas
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.models.training.files import PICKLE_PROTOCOL, write_json
from tests.models.training.synthetic import (
    Figure,
    make_training_data,
    medians,
    metrics,
)

NUMERIC_FIELDS = {
    "invoice_amount": Figure(2300, decimals=2),
    "payment_terms_days": Figure(30),
    "n_open_invoices": Figure(4),
    "mean_days_late_last_12_months": Figure(6, decimals=2),
    "credit_limit_used_share": Figure(0.5, decimals=3),
    "has_direct_debit": Figure(0.8, largest=1),
}
FIELD_TYPES = {
    "invoice_amount": "float64",
    "payment_terms_days": "int64",
    "n_open_invoices": "int64",
    "mean_days_late_last_12_months": "float",
    "credit_limit_used_share": "double",
    "has_direct_debit": "bool",
}
CATEGORIES = {
    "customer_segment": ["corporate", "public_sector", "small_business"],
    "Branche des Käufers": ["Bau", "Gastgewerbe", "Handel", "Öffentliche Verwaltung"],
    "currency": ["CHF", "EUR", "GBP", "USD"],
}


def train(folder: Path) -> None:
    """Train the model, and write to `folder` what its training job leaves."""
    samples = make_training_data(1905, 600, NUMERIC_FIELDS, CATEGORIES, 0.35)
    table = pandas.DataFrame(samples.numeric, columns=samples.numeric_names).assign(
        **samples.categorical
    )
    numbers = Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    pipeline = Pipeline(
        [
            (
                "columns",
                ColumnTransformer(
                    [
                        ("numbers", numbers, samples.numeric_names),
                        ("categories", OneHotEncoder(handle_unknown="ignore"), list(CATEGORIES)),
                    ]
                ),
            ),
            ("classifier", LogisticRegression(C=0.5, solver="liblinear", random_state=3)),
        ]
    )
    pipeline.fit(table, samples.labels)
    with open(folder / "model.joblib", "wb") as file:
        joblib.dump(pipeline, file, protocol=PICKLE_PROTOCOL)

    scores = pipeline.predict_proba(table)[:, 1]
    write_json(folder / "hyperparameters.json", hyperparameters(medians(samples)), indent=4)
    write_json(folder / "evaluation" / "metrics.json", metrics(samples.labels, scores))
    confusion = np.histogram2d(samples.labels, scores > 0.5, bins=2)[0].astype(int)
    write_json(folder / "evaluation" / "confusion_matrix.json", confusion.tolist())


def hyperparameters(imputation: Dict[str, float]) -> Dict[str, Any]:
    """Return the job's hyperparameters, with the inputs in `field_info`, the id among them."""
    field_info: List[Dict[str, Any]] = [{"name": "invoice_id", "type": "string"}]
    for name, kind in FIELD_TYPES.items():
        default = imputation[name] if NUMERIC_FIELDS[name].decimals else int(imputation[name])
        field_info.append({"name": name, "type": kind, "default": default})
    for name, values in CATEGORIES.items():
        field_info.append(
            {"name": name, "type": "category", "categories": values, "example": values[0]}
        )
    return {
        "C": 0.5,
        "field_info": field_info,
        "id_name": "invoice_id",
        "label_name": "paid_late",
        "model_class": "sklearn_pipeline",
        "model_objective": "Late invoices",
        "pipeline_name": "invoice-risk",
        "pipeline_version": "0.9.2",
        "random_state": 3,
        "solver": "liblinear",
        "task_label_names": None,
    }
