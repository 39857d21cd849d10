"""The best of the files that name inputs, as many as fit into memory."""

from __future__ import annotations

from bisect import insort
from sys import getsizeof
from typing import Dict, Hashable, Iterator, List, NamedTuple, Optional, Tuple

from mims.fields import Field
from mims.inputs.member import Told

_FIELD_BYTES = 128  # of a field, besides its name and categories
_CANDIDATE_BYTES = 1024  # of a candidate, besides its fields and its path

Order = Tuple[int, bool, bool, int, bool, int, bytes]


class Candidate(NamedTuple):
    """A file that names inputs, and the key that such files are sorted by: the first is taken.

    `number` is how many inputs it has; a field with a shape counts as many as it has elements.
    """

    order: Order
    member: str
    modified: int
    told: Told
    number: int

    @property
    def rank(self) -> int:
        return self.order[0]


def candidate_of(order: Order, member: str, modified: int, told: Told) -> Candidate:
    """Return a candidate, its inputs counted once: each is compared with many others."""
    return Candidate(order, member, modified, told, sum(field.size for field in told.fields))


class _Shared:
    """Fields that are the same for several candidates, held once."""

    def __init__(self, fields: Tuple[Field, ...]) -> None:
        self.fields = fields
        self.size = sum(map(_field_bytes, fields))
        self.holders = 0


class Kept:
    """Sorted candidates: the first ones whose sizes together are below a limit.

    Which they are does not depend on the order in which they are added: what sorts after one
    that did not fit is not kept either. The first is kept whatever its size.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._candidates: List[Candidate] = []
        self._shared: Dict[Hashable, _Shared] = {}
        self._size = 0
        self._end: Optional[Order] = None  # of the first that was left out

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._candidates)

    def add(self, candidate: Candidate) -> None:
        """Keep a candidate, unless better ones take all the memory."""
        if self._end is not None and candidate.order >= self._end:
            return
        alike = _alike(candidate)
        shared = self._shared.get(alike)
        if shared is None:
            shared = self._shared[alike] = _Shared(candidate.told.fields)
            self._size += shared.size
        shared.holders += 1
        candidate = candidate._replace(told=candidate.told._replace(fields=shared.fields))
        insort(self._candidates, candidate)
        self._size += _own_bytes(candidate)
        while self._size > self._limit and len(self._candidates) > 1:
            self._leave_out(self._candidates.pop())

    def _leave_out(self, last: Candidate) -> None:
        self._end = last.order
        self._size -= _own_bytes(last)
        alike = _alike(last)
        shared = self._shared[alike]
        shared.holders -= 1
        if not shared.holders:
            self._size -= shared.size
            del self._shared[alike]


def _own_bytes(candidate: Candidate) -> int:
    training = candidate.told.training
    return (
        _CANDIDATE_BYTES
        + 2 * getsizeof(candidate.member)  # it is in the order too
        + getsizeof(candidate.told.untyped)
        + sum(
            getsizeof(name) + 2 * getsizeof(values) + sum(map(getsizeof, values))
            for name, values in training.items()
        )
    )


def _field_bytes(field: Field) -> int:
    return (
        _FIELD_BYTES
        + getsizeof(field.name)
        + getsizeof(field.categories)
        + sum(map(getsizeof, field.categories))
    )


def _alike(candidate: Candidate) -> Hashable:
    """Return a key that candidates with the same fields share."""
    fields = candidate.told.fields
    # 1 and True are equal, but not the same category.
    types = tuple(type(category) for field in fields for category in field.categories)
    try:
        hash(fields)
    except TypeError:  # a list among the categories
        return candidate.member
    return fields, types
