"""What stands for the objects of a pickle, besides Python's own plain values.

Strings, bytes, numbers, tuples, lists, and dictionaries (only their entries with strings as keys)
stand for themselves.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

_WIDEST = 4096  # a frame of more values is not looked at before it is closed


class Global(NamedTuple):
    """The name of a class or function, which is never looked up."""

    module: str
    name: str

    @property
    def library(self) -> str:
        """The package that it comes from: `sklearn`."""
        return self.module.partition(".")[0]


class Blob(NamedTuple):
    """Bytes within the pickle for which there is a reader, and what that returned."""

    content: Any


class Instance:
    """An object made by calling the class or function `made_by` with `arguments`.

    Attributes
    ----------
    attributes
        Its state, if that is a dictionary, and its entries, if it is itself a dictionary.
    state
        Its state, if that is something else.
    is_complete
        Whether it was read to its end.
    size
        How many values a set has; they are not kept.
    began
        For an object that is released once it is complete: what was kept when it began.
    """

    __slots__ = ("arguments", "attributes", "began", "is_complete", "made_by", "size", "state")

    def __init__(self, made_by: Global, arguments: Tuple[Any, ...] = ()) -> None:
        self.made_by = made_by
        self.arguments = arguments
        self.attributes: Dict[str, Any] = {}
        self.state: Any = None
        self.is_complete = True
        self.size = 0
        self.began: Optional[Tuple[int, int, int]] = None

    def build(self, state: Any) -> None:
        """Set the state: a dictionary, a pair of them (the second of slots), or anything else."""
        parts = state if type(state) is tuple and len(state) == 2 else (state,)
        if all(part is None or type(part) is dict for part in parts):
            for part in parts:
                if not self.attributes:
                    self.attributes = part or {}
                else:
                    self.attributes.update(part or ())
        else:
            self.state = state


def new_instance(made_by: Any, arguments: Any) -> Instance:
    """Return an instance for a call that may be of something unknown, or with unknown arguments."""
    return Instance(
        made_by if type(made_by) is Global else UNKNOWN,
        arguments if type(arguments) is tuple else (),
    )


def attributes_of(value: Any) -> Dict[str, Any]:
    """Return the attributes of an instance; none of anything else."""
    return value.attributes if type(value) is Instance else {}


class Lost:
    """Stands for a value for which there was no room, or no use."""

    def __repr__(self) -> str:
        return "LOST"


LOST = Lost()
UNKNOWN = Global("", "")


def outermost_so_far(frames: Sequence[List[Any]]) -> Any:
    """Return the outermost object as far as it is known.

    Parameters
    ----------
    frames
        The values between the marks of a pickle's stack, from the bottom up: those of each frame
        will be put into the last value of the frame below.
    """
    pending: Optional[List[Any]] = None
    for frame in reversed(frames):
        if not frame or len(frame) > _WIDEST:
            pending = None
            continue
        values = list(frame)
        if pending is not None:
            values[-1] = _with(values[-1], pending)
        if type(values[-1]) is list and not _holds_objects(values[-1]):
            values[-1] = LOST  # more names may follow, and an incomplete list is of no use
        if len(values) > 1 and type(values[-1]) is dict and type(values[-2]) is Instance:
            unfinished = Instance(values[-2].made_by, values[-2].arguments)
            unfinished.attributes = values.pop()
            values[-1] = unfinished
        if type(values[-1]) is Instance and (pending is not None or values[-1] is not frame[-1]):
            values[-1].is_complete = False
        pending = values
    return pending[0] if pending else LOST


def _holds_objects(values: List[Any]) -> bool:
    return bool(values) and type(values[0]) in (Instance, tuple, list, dict)


def _with(container: Any, pending: List[Any]) -> Any:
    """Return the list or dictionary with the values that will be put into it."""
    if type(container) is list:
        return container + pending if len(container) <= _WIDEST else container
    if type(container) is dict:
        pairs = zip(pending[::2], pending[1::2])
        return {**container, **{key: value for key, value in pairs if type(key) is str}}
    return container
