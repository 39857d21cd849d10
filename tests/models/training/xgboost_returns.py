"""XGBoost: will a customer's return turn out to be abusive?"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

# mypy: disable-error-code="import-not-found,import-untyped"
import numpy as np
import xgboost

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
    "History.orders_by_customer.n_orders_last_365_days": Figure(14),
    "History.orders_by_customer.n_units_last_365_days": Figure(31),
    "History.orders_by_customer.amount_last_365_days": Figure(640, decimals=2),
    "History.returns_by_customer.n_returns_last_30_days": Figure(0.6),
    "History.returns_by_customer.n_returns_last_365_days": Figure(3),
    "History.returns_by_customer.amount_last_365_days": Figure(110, decimals=2),
    "History.refunds_by_customer.n_refunds_without_return_last_365_days": Figure(0.8),
    "History.refunds_by_address.n_customers_last_365_days": Figure(2),
    "account_age_days": Figure(900),
    "days_since_delivery": Figure(9),
    "item_price": Figure(48, decimals=2),
    "return_quantity": Figure(1.4),
}
CATEGORIES = {
    "payment_method": ["bank_transfer", "card", "gift_card", "invoice", "wallet"],
    "item_category": ["apparel", "beauty", "electronics", "home", "sports", "toys"],
    "return_reason": ["damaged", "not_as_described", "not_delivered", "other", "unwanted"],
    "shipment_status": ["delivered", "in_transit", "lost", "returned_to_sender"],
}
NUM_ROUND = 24
EARLY_ROUND = 8


def train(folder: Path) -> None:
    """Train the model, and write to `folder` what its training job leaves."""
    samples = make_training_data(20260115, 900, NUMERIC_FIELDS, CATEGORIES, 0.22)
    imputation, risks = medians(samples), risk_tables(samples)
    matrix = xgboost.DMatrix(
        encoded(samples, imputation, risks), label=samples.labels, feature_names=samples.names
    )
    parameters = {
        "objective": "binary:logistic",
        "eta": 0.2,
        "max_depth": 3,
        "min_child_weight": 2.0,
        "lambda": 1.0,
        "tree_method": "hist",
        "nthread": 1,
        "seed": 7,
    }
    booster = xgboost.train(parameters, matrix, num_boost_round=EARLY_ROUND)
    (folder / "checkpoints").mkdir()
    booster.save_model(folder / "checkpoints" / f"xgboost-checkpoint.{EARLY_ROUND - 1}.ubj")
    booster = xgboost.train(parameters, matrix, NUM_ROUND - EARLY_ROUND, xgb_model=booster)
    booster.save_model(folder / "xgboost_model.ubj")

    scores = booster.predict(matrix)
    gain = booster.get_score(importance_type="gain")
    write_json(folder / "hyperparameters.json", hyperparameters(imputation, risks))
    write_feature_columns(folder / "feature_columns.txt", samples.names)
    write_json(
        folder / "feature_importance.json",
        {name: float(np.round(gain[name], 4)) for name in sorted(gain)},
    )
    write_json(folder / "metrics.json", metrics(samples.labels, scores))
    write_pickle(folder / "impute_dict.pkl", imputation)
    write_pickle(folder / "risk_table_map.pkl", risks)
    write_json(
        folder / "calibration" / "calibration_bins.json", calibration(samples.labels, scores)
    )


def calibration(labels: np.ndarray, scores: np.ndarray) -> Dict[str, Any]:
    """Return, for each tenth of the records by score, the mean score and the share of positives."""
    tenths = np.array_split(np.argsort(scores, kind="stable"), 10)
    return {
        "method": "quantile_bins",
        "mean_score": [round(float(scores[tenth].mean()), 4) for tenth in tenths],
        "positive_share": [round(float(labels[tenth].mean()), 4) for tenth in tenths],
    }


def hyperparameters(
    imputation: Dict[str, float], risks: Dict[str, Dict[str, float]]
) -> Dict[str, Any]:
    """Return the job's hyperparameters: typed values, nulls, dotted names, columns not input."""
    return {
        "_input_format": "parquet",
        "alpha_xgb": 0.0,
        "base_score": None,
        "batch_size": 32,
        "booster": "gbtree",
        "cat_field_list": list(CATEGORIES),
        "categorical_features_to_encode": list(CATEGORIES),
        "class_weights": [1.0, 3.5],
        "colsample_bytree": 1.0,
        "device": -1,
        "early_stopping_rounds": None,
        "eta": 0.2,
        "full_field_list": [
            *NUMERIC_FIELDS,
            *CATEGORIES,
            "return_id",
            "order_id",
            "marketplace_id",
            "return_requested_at",
            "is_abusive_return",
        ],
        "gamma": 0.0,
        "header": 0,
        "id_name": "return_id",
        "imputation_dict": imputation,
        "is_binary": True,
        "label_name": "is_abusive_return",
        "lambda_xgb": 1.0,
        "max_depth": 3,
        "metric_choices": ["auroc", "f1_score"],
        "min_child_weight": 2.0,
        "model_class": "xgboost",
        "model_objective": "Abusive returns",
        "multiclass_categories": [0, 1],
        "num_classes": 2,
        "num_parallel_tree": None,
        "num_round": NUM_ROUND,
        "pipeline_name": "returns-risk",
        "pipeline_version": "1.4.0",
        "risk_tables": risks,
        "scale_pos_weight": 1.0,
        "seed": 7,
        "sketch_eps": None,
        "smooth_factor": 0.01,
        "subsample": 1.0,
        "tab_field_list": list(NUMERIC_FIELDS),
        "tree_method": "hist",
    }
