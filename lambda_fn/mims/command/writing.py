"""A file written whole or not at all, and nothing left of it where it was not."""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import Callable, List, Tuple

from mims.errors import OutputError, reason_of, shown

_FLAGS = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)
# What a write that is under way makes, the folders first, and what removes it.
_unfinished: List[Tuple[Callable[[str], None], str]] = []


def check_writable(folder: str) -> None:
    """Raise `OutputError` where it can be told beforehand that nothing can be written there."""
    place = os.path.abspath(folder)
    while not os.path.lexists(place) and place != os.path.dirname(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        raise _unwritable(folder, "Not a directory")
    if not os.access(place, os.W_OK | os.X_OK):
        raise _unwritable(folder, "Permission denied")


def write_whole(folder: str, name: str, content: bytes) -> str:
    """Write the file, and return its path.

    It is written under a name that cannot be guessed, exclusively and following no link, and then
    renamed. Folders that are missing are made.

    Raises
    ------
    OutputError
        It cannot be written. What was there before is there still, and nothing else.
    """
    folder = "" if folder == os.curdir else folder
    path = os.path.join(folder, name)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(8)}.tmp")
    try:
        _make_folders(folder)
        with open(_create(temporary), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _unfinished.clear()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _unwritable(path, reason_of(error)) from None
    finally:
        remove_unfinished()
    return path


def remove_unfinished() -> None:
    """Remove what a write that is under way has made."""
    while _unfinished:
        remove, path = _unfinished.pop()
        with contextlib.suppress(OSError, ValueError):
            remove(path)


def _create(temporary: str) -> int:
    """Create the file, which must not be there, and return its descriptor."""
    _unfinished.append((os.remove, temporary))
    try:
        return os.open(temporary, _FLAGS, 0o666)
    except OSError:
        _unfinished.pop()  # what lies there is another's
        raise


def _make_folders(folder: str) -> None:
    missing = []
    place = folder
    while place and not os.path.lexists(place):
        missing.append(place)
        place = os.path.dirname(place)
    for place in reversed(missing):
        _unfinished.append((os.rmdir, place))
        try:
            os.mkdir(place)
        except FileExistsError:  # another process was faster
            _unfinished.pop()


def _unwritable(path: str, reason: str) -> OutputError:
    return OutputError(
        f"'{shown(path)}' cannot be written ({reason}). Name a folder that you, or the job's user, "
        "may write to, with --output."
    )
