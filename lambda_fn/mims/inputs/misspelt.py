"""Keys of the hyperparameters that look like misspelt ones of those that mean something here."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any, List, Tuple

from mims.errors import shown
from mims.inputs.hyperparameters import Hyperparameters, is_absent
from mims.told import of_kind

# What holds lists or objects, and what holds a name.
_LISTS = (
    "field_info",
    "tab_field_list",
    "cat_field_list",
    "full_field_list",
    "task_label_names",
    "text_source_fields",
    "payload_settings",
)
_NAMES = ("label_name", "id_name", "text_name", "primary_text_name", "secondary_text_name")
_LONGEST = 40  # characters of a key that is looked at
_KEYS = 1_000  # how many are looked at: no person writes more
_SIGNS = re.compile(r"[\W_]+")


def misspelt_keys(hyperparameters: Hyperparameters) -> Tuple[str, ...]:
    """Return a warning where keys look like some of the project's own, which are absent."""
    absent = [key for key in (*_LISTS, *_NAMES) if is_absent(hyperparameters.get(key))]
    found: List[Tuple[str, str]] = []
    for written in islice(hyperparameters, _KEYS):
        if len(written) > _LONGEST or written in _LISTS or written in _NAMES:
            continue
        for key in absent:
            if _looks_like(written, key) and _has_the_form(hyperparameters.value(written), key):
                found.append((shown(written), key))
                break
    if len(found) == 1:
        ((written, key),) = found
        return (
            f"The hyperparameter '{written}' means nothing here; it looks like a misspelling of "
            f"{key}.",
        )
    words = "These hyperparameters mean nothing here; they look like misspellings: {names}."
    return tuple(of_kind(words, [f"'{written}' of {key}" for written, key in found]))


def _has_the_form(value: Any, key: str) -> bool:
    return isinstance(value, (list, dict)) if key in _LISTS else isinstance(value, str)


def _looks_like(written: str, key: str) -> bool:
    """Say whether a key is another but for case, signs, and one letter or two swapped ones.

    A name's key is not taken for another that differs by one letter: `test_name` is a good key of
    somebody's own, not a misspelt `text_name`.
    """
    one, other = _letters(written), _letters(key)
    start = _shared(one, other)
    one, other = one[start:], other[start:]
    end = _shared(one[::-1], other[::-1])
    one, other = one[: len(one) - end], other[: len(other) - end]
    if len(one) == len(other) == 1:
        return key in _LISTS
    return len(one) + len(other) <= 1 or (len(one) == 2 and one == other[::-1])


def _shared(one: str, other: str) -> int:
    """Return how many characters both begin with."""
    unlike = (index for index, pair in enumerate(zip(one, other)) if pair[0] != pair[1])
    return next(unlike, min(len(one), len(other)))


def _letters(key: str) -> str:
    return _SIGNS.sub("", key.lower())
