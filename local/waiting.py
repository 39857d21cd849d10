"""A sign of life while something takes long."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import Iterator

_FIRST_SECONDS = 1.0  # what ends sooner is not told of
_MOVE_SECONDS = 0.5
_LINE_SECONDS = 20.0
_CLEARED = "\r\x1b[K"


@contextlib.contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """Tell on standard error what is waited for: a line that moves, or, in a file, one at times."""
    ended = threading.Event()
    tell = _move if sys.stderr.isatty() else _repeat
    thread = threading.Thread(target=tell, args=(what, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _move(what: str, ended: threading.Event) -> None:
    started = time.monotonic()
    if ended.wait(_FIRST_SECONDS):
        return
    while not ended.is_set():
        _write(f"{_CLEARED}{what} ... {time.monotonic() - started:.0f} s")
        ended.wait(_MOVE_SECONDS)
    _write(_CLEARED)


def _repeat(what: str, ended: threading.Event) -> None:
    started = time.monotonic()
    while not ended.wait(_LINE_SECONDS):
        _write(f"{what} ... {time.monotonic() - started:.0f} s\n")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
