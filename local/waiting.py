"""A sign of life on standard error while something takes long."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import Iterator

_FIRST_SECONDS = 1.0  # nothing is shown for a shorter wait
_UPDATE_SECONDS = 0.5
_LINE_SECONDS = 20.0
_CLEARED = "\r\x1b[K"


@contextlib.contextmanager
def waiting_for(activity: str) -> Iterator[None]:
    """Show the activity while it lasts: in one line on a terminal, else in a line now and then."""
    ended = threading.Event()
    show = _update if sys.stderr.isatty() else _repeat
    thread = threading.Thread(target=show, args=(activity, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _update(activity: str, ended: threading.Event) -> None:
    started = time.monotonic()
    if ended.wait(_FIRST_SECONDS):
        return
    while not ended.is_set():
        _write(f"{_CLEARED}{activity} ... {time.monotonic() - started:.0f} s")
        ended.wait(_UPDATE_SECONDS)
    _write(_CLEARED)


def _repeat(activity: str, ended: threading.Event) -> None:
    started = time.monotonic()
    while not ended.wait(_LINE_SECONDS):
        _write(f"{activity} ... {time.monotonic() - started:.0f} s\n")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
