"""Objects of which a model has thousands, like the trees of a forest: let go once they are whole.

What such an object takes is had again, so that a large model leaves room for what stands behind it.
For that to be true, nothing of it may stay in what is older: while one is open, no older container
comes out of the memo.
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
    """Note what is kept where an object begins that will be let go."""
    if instance.made_by.module.startswith(_MODULES):
        room = machine.room
        instance.began = (len(machine.memo), room.memory, room.taken_by_texts)
        machine.open_parts += 1


def let_go(machine: Machine, instance: Instance) -> None:
    """Keep no more of a whole object than the numbers that are wanted of it, and its texts.

    One with names of its own is kept: it may be the model.
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
        if type(value) is Global or _keep_dtype(value):  # what comes may refer to these
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


def taken_again(machine: Machine, value: Any) -> Any:
    """Return what an opcode takes again of the memo or the stack."""
    if machine.open_parts and type(value) in (list, dict, Instance) and dtype_of(value) is None:
        return LOST
    return value


def _keep_dtype(value: Any) -> bool:
    """Whether it is a type of NumPy's; it is cut down to what is known of it."""
    dtype = dtype_of(value)
    if dtype is None:
        return False
    value.arguments = value.arguments[:1]
    value.state = (3, dtype.order, None, None, None, dtype.size)
    value.attributes = {}
    return True
