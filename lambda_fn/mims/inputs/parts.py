"""Objects of which a model has thousands, like the trees of a forest: released once complete.

The memory of such an object is free again, so that a large model leaves room for what follows. For
that to be true, no older object may refer to it: while one is open, no older container is taken
from the memo.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mims.inputs.arrays import dtype_of
from mims.inputs.nodes import LOST, Global, Instance
from mims.inputs.room import INSTANCE

if TYPE_CHECKING:
    from mims.inputs.pickles import Machine

_MODULES = ("sklearn.tree.", "sklearn.ensemble._hist_gradient_boosting.predictor")
_NAMES = "feature_names_in_"


def begin(machine: Machine, instance: Instance) -> None:
    """Note what is kept when an object begins that will be released."""
    if instance.made_by.module.startswith(_MODULES):
        room = machine.room
        instance.began = (len(machine.memo), room.memory, room.taken_by_texts)
        machine.open_parts += 1


def release(machine: Machine, instance: Instance) -> None:
    """Keep only the numbers that are wanted of a complete object, and its strings.

    An object with names of its own is kept whole: it may be the model.
    """
    if instance.began is None:
        return
    first, memory, texts = instance.began
    instance.began = None
    machine.open_parts -= 1
    if _NAMES in instance.attributes:
        return
    kept = INSTANCE
    memo = machine.memo
    for index in range(first, len(memo)):
        value = memo[index]
        if type(value) is Global or _keep_dtype(value):  # later objects may refer to these
            kept += 2 * INSTANCE
        elif type(value) is not str and value is not instance:
            memo[index] = LOST
    instance.attributes = {
        key: value
        for key, value in instance.attributes.items()
        if key in machine.wanted and type(value) is int
    }
    instance.arguments, instance.state = (), None
    machine.room.give_back(memory - kept - (machine.room.taken_by_texts - texts))


def reused(machine: Machine, value: Any) -> Any:
    """Return a value that an opcode takes from the memo or duplicates, or `LOST`."""
    if machine.open_parts and type(value) in (list, dict, Instance) and dtype_of(value) is None:
        return LOST
    return value


def _keep_dtype(value: Any) -> bool:
    """Say whether a value is a NumPy type, and reduce it to what is used of it."""
    dtype = dtype_of(value)
    if dtype is None:
        return False
    value.arguments = value.arguments[:1]
    value.state = (3, dtype.order, None, None, None, dtype.size)
    value.attributes = {}
    return True
