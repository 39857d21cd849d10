"""The deadline of a run: known to whoever started it, and looked at by every long piece of work."""

from __future__ import annotations

from typing import Callable

# Called at least every half second of work; raises where the time is up.
Check = Callable[[], None]


def nothing() -> None:
    """Check nothing: there is no deadline."""
