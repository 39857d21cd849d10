"""What the contracts' archives carry from one step to the next, as data.

    XGBOOST_TRAIN_CONTRACT ─┐ model.tar.gz ┌─ MIMS_PAYLOAD_CONTRACT ── payload.tar.gz ─┐
    PYTORCH_TRAIN_CONTRACT ─┴──────────────┤                                           ├─ MIMS_REG…
                                           └─ MIMS_PACKAGE_CONTRACT ── model.tar.gz ───┘

`mims_pipeline.archives` checks a real archive against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

from mims_pipeline.contracts import (
    MIMS_PACKAGE_CONTRACT,
    MIMS_PAYLOAD_CONTRACT,
    MIMS_REGISTRATION_CONTRACT,
    PYTORCH_TRAIN_CONTRACT,
    XGBOOST_TRAIN_CONTRACT,
    ScriptContract,
)

MODEL_ARCHIVE = "model.tar.gz"
PAYLOAD_ARCHIVE = "payload.tar.gz"
HYPERPARAMETERS = "hyperparameters.json"
METADATA = "metadata.json"


@dataclass(frozen=True)
class Handover:
    """An archive that one contract's output hands to another's input.

    `required` are the members at the archive's root that the receiver cannot do without (`code/`: a
    folder with something in it); `usual` the patterns of those that the giver leaves beside them,
    whose absence is worth a warning.
    """

    giver: ScriptContract
    output: str
    receiver: ScriptContract
    input: str
    archive: str
    required: Tuple[str, ...] = ()
    usual: Tuple[str, ...] = ()


_TRAINED = (
    (
        XGBOOST_TRAIN_CONTRACT,
        (
            "xgboost_model.*",
            "risk_table_map.pkl",
            "impute_dict.pkl",
            "feature_importance.json",
            "feature_columns.txt",
        ),
    ),
    (PYTORCH_TRAIN_CONTRACT, ("model.pth", "model_artifacts.pth")),
)

HANDOVERS: Tuple[Handover, ...] = (
    *(
        Handover(
            giver,
            "model_output",
            receiver,
            "model_input",
            MODEL_ARCHIVE,
            required=(HYPERPARAMETERS,),
            usual=usual,
        )
        for giver, usual in _TRAINED
        for receiver in (MIMS_PAYLOAD_CONTRACT, MIMS_PACKAGE_CONTRACT)
    ),
    Handover(
        MIMS_PACKAGE_CONTRACT,
        "packaged_model",
        MIMS_REGISTRATION_CONTRACT,
        "PackagedModel",
        MODEL_ARCHIVE,
        required=(HYPERPARAMETERS, "code/"),
    ),
    Handover(
        MIMS_PAYLOAD_CONTRACT,
        "payload_sample",
        MIMS_REGISTRATION_CONTRACT,
        "GeneratedPayloadSamples",
        PAYLOAD_ARCHIVE,
        required=(METADATA,),
    ),
)
