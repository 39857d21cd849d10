"""Synthetic training data: numbers with gaps, categories, and a label that depends on both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Mapping, NamedTuple, Sequence

# mypy: disable-error-code="import-not-found,import-untyped"
import numpy as np

MISSING_SHARE = 0.04
RISK_SMOOTHING = 10.0


class Figure(NamedTuple):
    """The values of a numeric field: a typical one, the number of decimals, and the largest."""

    typical: float
    decimals: int = 0
    largest: float = float("inf")


@dataclass(frozen=True)
class TrainingData:
    """Records of a training job.

    `numeric` has the shape (records, numeric fields), with NaN for missing values; `categorical`
    maps each categorical field to one string for each record; `labels` has the shape (records,),
    and is 0 or 1.
    """

    numeric_names: List[str]
    numeric: np.ndarray
    categorical: Dict[str, np.ndarray]
    labels: np.ndarray

    @property
    def names(self) -> List[str]:
        """The model's inputs in their order: numeric fields, then categorical ones."""
        return [*self.numeric_names, *self.categorical]


def make_training_data(
    seed: int,
    records: int,
    numeric_fields: Mapping[str, Figure],
    categories: Mapping[str, Sequence[str]],
    positive_share: float,
) -> TrainingData:
    """Draw records of skewed, partly missing numbers and unevenly frequent categories."""
    random = np.random.default_rng(seed)
    numeric = random.gamma(1.4, 1.0, (records, len(numeric_fields)))
    score = numeric @ random.normal(0.0, 1.2, len(numeric_fields))
    categorical = {}
    for name, values in categories.items():
        frequencies = random.dirichlet(np.full(len(values), 3.0))
        drawn = random.choice(len(values), records, p=frequencies)
        score += random.normal(0.0, 0.9, len(values))[drawn]
        categorical[name] = np.array(values)[drawn]
    score += random.normal(0.0, 1.0, records)
    labels = (score > np.quantile(score, 1.0 - positive_share)).astype(int)
    numeric = np.column_stack(
        [
            np.minimum(np.round(column * figure.typical, figure.decimals), figure.largest)
            for column, figure in zip(numeric.T, numeric_fields.values())
        ]
    )
    numeric[random.random(numeric.shape) < MISSING_SHARE] = np.nan
    return TrainingData(list(numeric_fields), numeric, categorical, labels)


def medians(samples: TrainingData) -> Dict[str, float]:
    """Return the values that replace missing numbers: numeric field → median."""
    values = np.nanmedian(samples.numeric, axis=0)
    return {name: float(value) for name, value in zip(samples.numeric_names, np.round(values, 4))}


def risk_tables(samples: TrainingData) -> Dict[str, Dict[str, float]]:
    """Return categorical field → category → smoothed share of positive labels."""
    prior = samples.labels.mean()
    tables: Dict[str, Dict[str, float]] = {}
    for name, values in samples.categorical.items():
        tables[name] = {}
        for category in sorted(set(values.tolist())):
            labels = samples.labels[values == category]
            risk = (labels.sum() + RISK_SMOOTHING * prior) / (len(labels) + RISK_SMOOTHING)
            tables[name][category] = round(float(risk), 6)
    return tables


def encoded(
    samples: TrainingData,
    imputation: Mapping[str, float],
    risks: Mapping[str, Mapping[str, float]],
) -> np.ndarray:
    """Return the model's input matrix, (records, fields): numbers imputed, categories as risks."""
    replacements = [imputation[name] for name in samples.numeric_names]
    numeric = np.where(np.isnan(samples.numeric), replacements, samples.numeric)
    columns = [
        np.array([risks[name][category] for category in values.tolist()])
        for name, values in samples.categorical.items()
    ]
    return np.column_stack([numeric, *columns])


def metrics(labels: np.ndarray, scores: np.ndarray) -> Dict[str, float]:
    """Return the figures that the training jobs write: AUROC, and F1 at a threshold of one half."""
    positive, negative = scores[labels == 1], scores[labels == 0]
    wins = (positive[:, None] > negative[None, :]).mean()
    ties = (positive[:, None] == negative[None, :]).mean()
    predicted = scores > 0.5
    hits = int((predicted & (labels == 1)).sum())
    f1 = 2 * hits / max(int(predicted.sum()) + len(positive), 1)
    return {"auroc": round(float(wins + ties / 2), 4), "f1_score": round(float(f1), 4)}
