"""PyTorch: should a refund that a customer disputes be granted? Numbers and two texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

# mypy: disable-error-code="import-not-found,import-untyped,no-untyped-call"
import numpy as np
import pandas
import torch

from tests.models.serving.pytorch.inference import TrimodalNetwork, as_tensors
from tests.models.training.files import write_json
from tests.models.training.synthetic import (
    Figure,
    TrainingData,
    make_training_data,
    medians,
    metrics,
)

NUMERIC_FIELDS = {
    "refund_amount": Figure(42, decimals=2),
    "order_amount": Figure(95, decimals=2),
    "n_messages": Figure(5),
    "n_delivery_events": Figure(11),
    "n_refunds_last_365_days": Figure(1.5),
    "days_since_order": Figure(12),
}
TEXT_FIELDS = ["chat_transcript", "delivery_event_history"]
AUDIT_COLUMNS = [
    "case_id",
    "customer_id",
    "queue_id",
    "case_opened_at",
    "case_closed_at",
    "reviewer_comment",
    "reviewer_decision",
    "row_number",
]
PHRASES = {
    "chat_transcript": [
        ["where is my parcel", "it never arrived", "the neighbours have not seen it"],
        ["the box was open", "i already sent photos", "please answer me"],
        ["i want my money now", "this is the third time", "cancel everything"],
    ],
    "delivery_event_history": [
        ["label created", "departed facility", "out for delivery"],
        ["delivery attempted", "recipient not available", "held at pickup point"],
        ["delivered to mailbox", "signature refused", "delivered to neighbour"],
    ],
}
BUCKETS = 64
EMBED_SIZE = 4
EPOCHS = 12
LEARNING_RATE = 0.5


def train(folder: Path) -> None:
    """Train the model, and write to `folder` what its training job leaves."""
    tones = {name: ["0", "1", "2"] for name in TEXT_FIELDS}
    samples = make_training_data(77, 240, NUMERIC_FIELDS, tones, 0.4)
    table = records(samples)
    imputation = medians(samples)
    filled = table[samples.numeric_names].fillna(imputation)
    artifacts = {
        "numeric_fields": list(NUMERIC_FIELDS),
        "text_fields": list(TEXT_FIELDS),
        "buckets": BUCKETS,
        "embed_size": EMBED_SIZE,
        "imputation": imputation,
        "means": [round(float(value), 6) for value in filled.mean()],
        "deviations": [round(float(value), 6) for value in filled.std()],
    }
    torch.manual_seed(5)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    network = TrimodalNetwork(len(NUMERIC_FIELDS), len(TEXT_FIELDS), BUCKETS, EMBED_SIZE)
    optimizer = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE, momentum=0.0)
    inputs = as_tensors(table, artifacts)
    labels = torch.tensor(samples.labels, dtype=torch.float32)
    for _ in range(EPOCHS):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(*inputs), labels)
        loss.backward()
        optimizer.step()

    torch.save(network.state_dict(), folder / "model.pth")
    torch.save(artifacts, folder / "model_artifacts.pth")
    with torch.no_grad():
        figures = metrics(samples.labels, torch.sigmoid(network(*inputs)).numpy())
    figures["loss"] = round(float(loss.detach()), 4)
    # Lightning writes the figures into a checkpoint's name, which is too long for a tar header.
    (folder / "checkpoints").mkdir()
    name = (
        f"refund_disputes-trimodal_embedding-epoch={EPOCHS - 1:02d}-step={EPOCHS:06d}-"
        f"val_loss={figures['loss']:.4f}-val_auroc={figures['auroc']:.4f}-"
        f"val_f1_score={figures['f1_score']:.4f}.ckpt"
    )
    checkpoint = {
        "epoch": EPOCHS - 1,
        "state_dict": network.state_dict(),
        "optimizer_states": [optimizer.state_dict()],
    }
    torch.save(checkpoint, folder / "checkpoints" / name)
    write_json(folder / "metrics.json", figures)
    write_json(folder / "hyperparameters.json", hyperparameters(imputation))


def records(samples: TrainingData) -> pandas.DataFrame:
    """Return the table that the job reads; each text consists of phrases in its record's tone."""
    random = np.random.default_rng(8)
    table = pandas.DataFrame(samples.numeric, columns=samples.numeric_names)
    for name, tones in samples.categorical.items():
        texts: List[str] = []
        for tone in tones.tolist():
            phrases = PHRASES[name][int(tone)]
            texts.append(". ".join(phrases[index] for index in random.permutation(len(phrases))))
        table[name] = texts
    return table


def hyperparameters(imputation: Dict[str, float]) -> Dict[str, Any]:
    """Return the job's hyperparameters: texts in the categorical list, audit columns, nulls."""
    return {
        "batch_size": 240,
        "cat_field_list": list(TEXT_FIELDS),
        "class_weights": [1.0, 1.0],
        "device": -1,
        "early_stop_metric": "val_loss",
        "early_stop_patience": 3,
        "embed_size": EMBED_SIZE,
        "fp16": False,
        "full_field_list": [*NUMERIC_FIELDS, *TEXT_FIELDS, *AUDIT_COLUMNS, "refund_granted"],
        "gradient_clip_val": 1.0,
        "header": 0,
        "id_name": "case_id",
        "id_to_label": None,
        "imputation_dict": imputation,
        "input_tab_dim": len(NUMERIC_FIELDS),
        "is_binary": True,
        "label_name": "refund_granted",
        "label_to_id": None,
        "load_ckpt": False,
        "lr": LEARNING_RATE,
        "max_epochs": EPOCHS,
        "metric_choices": ["auroc", "f1_score"],
        "model_class": "trimodal_embedding",
        "model_path": "/opt/ml/model",
        "multiclass_categories": [0, 1],
        "num_classes": 2,
        "optimizer": "SGD",
        "primary_text_name": TEXT_FIELDS[0],
        "primary_text_processing_steps": ["text_normalizer", "hashing_tokenizer"],
        "risk_tables": {},
        "secondary_text_name": TEXT_FIELDS[1],
        "secondary_text_processing_steps": ["text_normalizer", "hashing_tokenizer"],
        "tab_field_list": list(NUMERIC_FIELDS),
        "text_name": None,
        "text_processing_steps": None,
        "tokenizer": None,
        "warmup_steps": 0,
        "weight_decay": 0.0,
    }
