"""A folder → the model's files in it, as if they were the members of its archive."""

from __future__ import annotations

import os
import stat
from typing import IO, Iterator

from mims.command.progress import Reading
from mims.errors import (
    AccessDeniedError,
    ArchiveLimitError,
    ModelNotFoundError,
    PayloadError,
    StorageError,
    shown,
)
from mims.inputs.hyperparameters import FILE_NAME
from mims.inputs.model_files import ModelFile

CHUNK = 256 * 1024
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO that was put in a file's place must not hang
    | getattr(os, "O_BINARY", 0)
)


def files_of_folder(
    folder: str, most: int, reading: Reading, left_out: str = ""
) -> Iterator[ModelFile]:
    """Yield what lies in a folder and below it, a `hyperparameters.json` at its root first.

    Links, FIFOs and the like are yielded as irregular files, never followed nor opened. The file at
    the path `left_out`, relative to the folder, is not yielded.

    Raises
    ------
    ModelNotFoundError, AccessDeniedError, StorageError
        There is no file; or a file or folder cannot be read.
    ArchiveLimitError
        There are more than `most`.
    """
    count = 0
    for name in _names(folder):
        if name == left_out:
            continue
        count += 1
        if count > most:
            raise ArchiveLimitError(
                f"'{shown(folder)}' has more than {most:,} files (MAX_MEMBERS). Name the model's "
                "own folder, or raise the limit."
            )
        yield file_at(os.path.join(folder, *name.split("/")), name, reading)
    if not count:
        raise ModelNotFoundError(
            f"There is no model at '{shown(folder)}': no file lies in it or below it. Name a "
            f"model.tar.gz, or a folder that holds one, a {FILE_NAME}, or a model's files."
        )


def _names(folder: str) -> Iterator[str]:
    """Yield the paths of the files, relative to the folder and with `/`."""

    def refuse(error: OSError) -> None:
        raise unreadable(str(error.filename or folder), error)

    first = os.path.lexists(os.path.join(folder, FILE_NAME))
    if first:
        yield FILE_NAME
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        inside = "" if parent == folder else os.path.relpath(parent, folder).replace(os.sep, "/")
        # os.walk counts a link to a folder among the folders, and does not follow it.
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        for name in sorted([*names, *links]):
            if inside or name != FILE_NAME or not first:
                yield f"{inside}/{name}" if inside else name


def file_at(path: str, name: str, reading: Reading) -> ModelFile:
    """Return the file at a path as the model's file of that name; it is opened when it is read."""

    def head(size: int) -> bytes:
        with _open(path) as file:
            return _read(path, file, size)

    def chunks() -> Iterator[bytes]:
        with _open(path) as file:
            yield from reading.counted(iter(lambda: _read(path, file, CHUNK), b""))

    try:
        status = os.lstat(path)
    except OSError as error:
        raise unreadable(path, error) from None
    regular = stat.S_ISREG(status.st_mode)
    return ModelFile(name, regular, status.st_size, status.st_mtime_ns // 10**9, head, chunks)


def _open(path: str) -> IO[bytes]:
    try:
        return open(os.open(path, _FLAGS), "rb", buffering=0)
    except OSError as error:
        raise unreadable(path, error) from None


def _read(path: str, file: IO[bytes], size: int) -> bytes:
    try:
        return file.read(size)
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: str, error: OSError) -> PayloadError:
    """Return the error for a file or folder that the system does not let be read."""
    if isinstance(error, FileNotFoundError):
        return ModelNotFoundError(f"There is no file or folder '{shown(path)}'. Correct the path.")
    if isinstance(error, PermissionError):
        return AccessDeniedError(
            f"'{shown(path)}' may not be read. Let the user who runs this, or the job's, read it."
        )
    return StorageError(f"'{shown(path)}' cannot be read ({error.strerror}). Try again.")
