"""What is printed, and the terminal that it is printed on."""

from __future__ import annotations

import os
import shutil
import sys
from typing import IO, Iterable, TextIO

from mims.errors import OutputError
from mims.payload.page import Page

_WIDEST = 120  # columns; longer lines are hard to read
_NARROWEST = 40
_WITHOUT_TERMINAL = 80


def prepare_streams() -> None:
    """Make standard output and error take any text, and exist."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed (`>&-`)
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Print a text on standard output, at once.

    Raises
    ------
    BrokenPipeError
        Nobody reads it any more.
    OutputError
        It cannot be written.
    """
    say_bytes(f"{text}\n".encode(sys.stdout.encoding or "utf-8", "backslashreplace"))


def say_bytes(content: bytes) -> None:
    """Write bytes as they are on standard output, at once; raises as `say`."""
    try:
        sys.stdout.flush()
        binary = getattr(sys.stdout, "buffer", None)
        if binary is None:  # a notebook's, say
            sys.stdout.write(content.decode("utf-8", "backslashreplace"))
        else:
            binary.write(content)
            binary.flush()
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"Standard output cannot be written ({error.strerror}).") from None


def warn(warnings: Iterable[str], stream: IO[str]) -> None:
    for warning in warnings:
        print(f"Warning: {warning}", file=stream, flush=True)


def page_of(stream: TextIO) -> Page:
    """Return what a reader of the stream sees: 80 columns without colours where it is a file."""
    unicode = _shows("…", stream)
    if not stream.isatty():
        return Page(_WITHOUT_TERMINAL, colours=False, unicode=unicode)
    # Of a terminal that does not tell its width, the fallback is taken.
    width = shutil.get_terminal_size((_WITHOUT_TERMINAL, 24)).columns
    # https://no-color.org
    colours = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Page(max(_NARROWEST, min(width, _WIDEST)), colours, unicode)


def discard_output() -> None:
    """Let the rest of standard output go nowhere, so that its end raises nothing any more."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # it is not a file of the system's
        pass


def _shows(text: str, stream: TextIO) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True
