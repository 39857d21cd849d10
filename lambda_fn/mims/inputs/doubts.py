"""Warnings where the fields may not be those of the model, or its server may not load it."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from mims.errors import shown
from mims.fields import Field
from mims.inputs.candidates import XGBOOST_CONTAINERS_FILE
from mims.inputs.hyperparameters import FILE_NAME
from mims.inputs.kept import Candidate
from mims.wording import counted


def nested(name: str) -> Tuple[str, ...]:
    """Warn where the `hyperparameters.json` of that name is not at the model's root."""
    if "/" not in name:
        return ()
    return (
        f"The model has no {FILE_NAME} at its root; '{shown(name)}' was used. Keep only one, so "
        "that no other file can be taken for it.",
    )


def number(fields: Tuple[Field, ...], model: Optional[Candidate]) -> Tuple[str, ...]:
    """Warn where the model itself takes another number of inputs."""
    count = sum(field.size for field in fields)
    if model is None or model.told.transformer or model.number == count:
        return ()
    return (
        f"The model '{shown(model.member)}' takes {counted(model.number, 'input')}, but the "
        f"fields have {counted(count, 'value')}. Check that they belong to this model.",
    )


def beside_xgboost_model(files: Sequence[str], model: Optional[Candidate]) -> List[str]:
    """Return a warning if one of the files is next to an `xgboost-model` at the root."""
    at_root = [file for file in files if file not in ("", XGBOOST_CONTAINERS_FILE)]
    at_root = [shown(file) for file in dict.fromkeys(at_root) if "/" not in file]
    if not at_root:
        return []
    gives_names = model is not None and not model.told.made_up
    remedy = ", or leave it out: the model file gives the names" if gives_names else ""
    named = "that file" if len(at_root) == 1 else "these files"
    return [
        "The XGBoost container in algorithm mode loads every file at the model's root as a model, "
        f"so its endpoint fails with {' and '.join(at_root)} there. Put {named} in a sub-folder"
        f"{remedy}."
    ]
