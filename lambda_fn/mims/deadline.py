"""The deadline of a run, which every long piece of work checks."""

from __future__ import annotations

from typing import Callable, Iterable, Iterator, TypeVar

_T = TypeVar("_T")
_ITEMS_A_CHECK = 1024

# Called at least every half second of work; raises when the time is up.
Check = Callable[[], None]


def no_deadline() -> None:
    """Check nothing."""


def checked(items: Iterable[_T], check: Check) -> Iterator[_T]:
    """Pass the items on, and check the deadline before the first and, now and then, the others."""
    for index, item in enumerate(items):
        if index % _ITEMS_A_CHECK == 0:
            check()
        yield item
