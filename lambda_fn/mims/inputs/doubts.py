"""What makes it doubtful that the fields are those of the model, or that its server loads it."""

from __future__ import annotations

from typing import Optional, Tuple

from mims.errors import shown
from mims.fields import Field
from mims.inputs.hyperparameters import FILE_NAME
from mims.inputs.kept import Candidate
from mims.told import counted

LOADED_AS_A_MODEL = (
    "The XGBoost container in algorithm mode loads every file at the model's root as a model, so "
    f"its endpoint fails with {FILE_NAME} there. Put that file in a sub-folder, or leave it out: "
    "the model file tells the names."
)


def nested(name: str) -> Tuple[str, ...]:
    """Warn where the `hyperparameters.json` of that name is not at the model's root."""
    if "/" not in name:
        return ()
    return (
        f"The model has no {FILE_NAME} at its root; '{shown(name)}' was used. Keep only one, so "
        "that no other file can be taken for it.",
    )


def number(fields: Tuple[Field, ...], model: Optional[Candidate]) -> Tuple[str, ...]:
    """Warn where the model that was passed takes another number of inputs."""
    count = sum(field.size for field in fields)
    if model is None or model.told.transformer or model.number == count:
        return ()
    return (
        f"The model '{shown(model.member)}' takes {counted(model.number, 'input')}, but the "
        f"fields have {counted(count, 'value')}. Check that they belong to this model.",
    )
