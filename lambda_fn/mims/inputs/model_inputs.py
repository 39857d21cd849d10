"""A model's inputs, as its files give them, and what the settings ask of the search for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, NamedTuple, Optional, Tuple

from mims.fields import Field, NamedFields
from mims.inputs.hyperparameters import Hyperparameters

SETTINGS, HYPERPARAMETERS = "settings", "hyperparameters"


class Wishes(NamedTuple):
    """What the settings ask of the search.

    Attributes
    ----------
    fields
        The fields that a setting names, if one does, and warnings about them.
    family
        The family of the model must be found out (`RECIPE=auto`).
    """

    fields: Optional[NamedFields] = None
    family: bool = False


# Hyperparameters, which may contain settings → what is asked of the search.
Consult = Callable[[Hyperparameters], Wishes]


@dataclass(frozen=True)
class ModelInputs:
    """A model's fields, and all else in its files that a payload depends on.

    Attributes
    ----------
    source, member
        What named the fields, and the path in the model of the file that did.
    modified
        That file's modification time, in seconds since the epoch.
    family
        The family of the model that the fields belong to, if it is known.
    shown_family
        The family that the model's files show, as far as they were read.
    form
        The form of what named the fields, as in `Told`.
    training
        Field name → values that the model's own files recorded.
    """

    fields: Tuple[Field, ...]
    source: str
    member: Optional[str]
    modified: int
    hyperparameters: Hyperparameters
    family: Optional[str] = None
    shown_family: Optional[str] = None
    form: str = ""
    training: Mapping[str, Tuple[Any, ...]] = field(default_factory=dict)
    warnings: Tuple[str, ...] = ()
