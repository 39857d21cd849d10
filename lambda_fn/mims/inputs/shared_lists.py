"""Lists in a pickle, which one object of it may share with thousands of others: each is read once.

Neither the opcodes nor the bytes of a pickle tell how often its objects refer to one list, so how
many values are looked at is bounded here.
"""

from __future__ import annotations

import math
from typing import Any, Dict, Tuple

from mims.deadline import Check, no_deadline
from mims.inputs.arrays import listed
from mims.inputs.named import input_names

_VALUES = 1_000_000  # in all lists of a pickle together, each time that they are used


class Lists:
    """The lists that were read, by the identities of the objects that hold them.

    It is used only while these objects exist. The deadline is looked at for each list.
    """

    def __init__(self, check: Check = no_deadline) -> None:
        self._check = check
        self._left = _VALUES
        self._names: Dict[int, Tuple[str, ...]] = {}
        self._categories: Dict[int, Tuple[Any, ...]] = {}

    def take(self, count: int) -> bool:
        """Count values that are looked at; say whether they may be."""
        self._check()
        self._left -= count
        return self._left >= 0

    def names(self, value: Any) -> Tuple[str, ...]:
        """Return the names of inputs that a list holds, each once; none if it holds others."""
        if id(value) not in self._names:
            self._names[id(value)] = ()
            values = listed(value) if self.take(0) else None
            if values and self.take(len(values)):
                self._names[id(value)] = input_names(values)
        return self._names[id(value)]

    def categories(self, value: Any) -> Tuple[Any, ...]:
        """Return those of a column's categories that a payload can hold: no missing value."""
        if id(value) not in self._categories:
            values = listed(value) if self.take(0) else None
            may_hold = values is not None and self.take(len(values))
            self._categories[id(value)] = tuple(
                category
                for category in (values or () if may_hold else ())
                if type(category) in (str, int, bool)
                or (type(category) is float and math.isfinite(category))
            )
        return self._categories[id(value)]
