"""The deadline of a run: known to whoever started it, and looked at by every long piece of work."""

from __future__ import annotations

from typing import Callable, Iterable, Iterator, TypeVar

_T = TypeVar("_T")
_ITEMS_A_CHECK = 1024

# Called at least every half second of work; raises where the time is up.
Check = Callable[[], None]


def nothing() -> None:
    """Check nothing: there is no deadline."""


def checked(items: Iterable[_T], check: Check) -> Iterator[_T]:
    """Pass the items on, and look at the deadline before the first and then every thousandth."""
    for index, item in enumerate(items):
        if index % _ITEMS_A_CHECK == 0:
            check()
        yield item
