"""Keys of the hyperparameters that look like misspellings of the project's own keys."""

from __future__ import annotations

import re
from itertools import islice
from typing import List, Sequence, Tuple

from mims.errors import shown
from mims.inputs.hyperparameters import Hyperparameters, is_absent
from mims.wording import of_kind

_LONGEST = 40  # in characters: longer keys are not looked at
_KEYS = 1_000  # how many keys are looked at: no person writes more
_PUNCTUATION = re.compile(r"[\W_]+")


def misspelt_keys(
    hyperparameters: Hyperparameters, lists: Sequence[str], names: Sequence[str]
) -> Tuple[str, ...]:
    """Return a warning if keys look like some of the project's own that are absent.

    `lists` are those that hold lists or objects, `names` those that hold a name.
    """
    known = (*lists, *names)
    absent = [key for key in known if is_absent(hyperparameters.get(key))]
    found: List[Tuple[str, str]] = []
    for written in islice(hyperparameters, _KEYS):
        if len(written) > _LONGEST or written in known:
            continue
        for key in absent:
            holds_list = key in lists
            if _looks_like(written, key, holds_list) and isinstance(
                hyperparameters.value(written), (list, dict) if holds_list else str
            ):
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


def _looks_like(written: str, key: str, may_differ: bool) -> bool:
    """Say whether a key is another but for case, punctuation, and one letter or two swapped ones.

    Without `may_differ` one letter may be missing or added, but not another one: `test_name` may
    well be a key of somebody's own, not a misspelt `text_name`.
    """
    one, other = _letters(written), _letters(key)
    start = _shared(one, other)
    one, other = one[start:], other[start:]
    end = _shared(one[::-1], other[::-1])
    one, other = one[: len(one) - end], other[: len(other) - end]
    if len(one) == len(other) == 1:
        return may_differ
    return len(one) + len(other) <= 1 or (len(one) == 2 and one == other[::-1])


def _shared(one: str, other: str) -> int:
    """Return how many characters both begin with."""
    different = (index for index, pair in enumerate(zip(one, other)) if pair[0] != pair[1])
    return next(different, min(len(one), len(other)))


def _letters(key: str) -> str:
    return _PUNCTUATION.sub("", key.lower())
