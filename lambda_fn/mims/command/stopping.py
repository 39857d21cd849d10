"""How the command ends when it is told to stop, at any moment: one line, and nothing left."""

from __future__ import annotations

import os
import signal
from typing import Any, NoReturn

from mims.command.writing import remove_unfinished


def stop_cleanly() -> None:
    """From now on, end at a signal with what a write has made removed."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(number: int, _frame: Any) -> NoReturn:
    """End the process at once: an exception could get lost, or come twice, while others unwind."""
    remove_unfinished()
    os.write(2, b"\nStopped.\n" if os.isatty(2) else b"Stopped.\n")
    os._exit(128 + number)
