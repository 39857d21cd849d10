"""Values in a pickle → the names of inputs, and fields with these names."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from mims.fields import NUMERIC, Field
from mims.inputs.member import Told, check_count, made_up_fields
from mims.values import is_unicode

PREFIX = "x"  # scikit-learn's own names for columns without any
NO_INPUTS = "gives neither the names nor the number of its inputs"


class Found(NamedTuple):
    """What an object in a pickle says of its inputs, and whether nothing after it changes that."""

    told: Told
    is_certain: bool = False

    @property
    def names(self) -> Tuple[str, ...]:
        """The names that it gives; none if they are made up."""
        return () if self.told.made_up else tuple(field.name for field in self.told.fields)


def input_names(values: Optional[List[Any]]) -> Tuple[str, ...]:
    """Return the values as names of inputs, each once; none if they are anything else.

    Integers are names too, as pandas gives them to columns without any.
    """
    if not values:
        return ()
    check_count(len(values))
    names: Dict[str, None] = {}
    for value in values:
        name = str(value) if type(value) is int else value
        if type(name) is not str or not name or not is_unicode(name):
            return ()
        names[name] = None
    return tuple(names)


def numeric_fields(names: Sequence[str]) -> Tuple[Field, ...]:
    """Return a numeric field for each name."""
    return tuple(Field(name, NUMERIC) for name in names)


def numbered_fields(count: int) -> Tuple[Field, ...]:
    """Return `count` numeric fields, named by position as scikit-learn does."""
    return made_up_fields(PREFIX, count, NUMERIC)
