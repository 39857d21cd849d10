"""Where a model is said to be → its input fields: an archive, a folder, a file, a stream, S3."""

from __future__ import annotations

import os
import stat
import sys
from typing import Iterator, List, NamedTuple, Tuple

from mims import find_inputs, find_inputs_in_files
from mims.command.model_folder import CHUNK, file_at, files_of_folder, unreadable
from mims.command.progress import CountedChunks, Reading
from mims.errors import (
    CorruptArchiveError,
    HyperparametersNotFoundError,
    InvalidRequestError,
    ModelNotFoundError,
    NoInputFieldsError,
    shown,
)
from mims.inputs.hyperparameters import FILE_NAME
from mims.inputs.model_files import ModelFile
from mims.inputs.model_inputs import ModelInputs
from mims.settings import GivenSettings

ARCHIVE_NAME = "model.tar.gz"
STANDARD_INPUT = "-"
S3 = "s3://"


class Found(NamedTuple):
    """A model's inputs, and what to know of where they were found."""

    inputs: ModelInputs
    notes: List[str]


def find_model_inputs(model: str, given: GivenSettings, reading: Reading) -> Found:
    """Return the inputs of the model at a path, at an S3 URI, or on standard input (`-`).

    A folder is looked at for a `model.tar.gz` (a file or, in its turn, a folder); without one its
    files are looked into as an archive's members are. Where the archive tells no fields, a
    `hyperparameters.json` beside it is used, with a note.

    Raises
    ------
    PayloadError
        There is no model, it cannot be read, or it tells no fields.
    """
    if model == STANDARD_INPUT:
        return Found(find_inputs(_standard_input(reading), given), [])
    if model.lower().startswith(S3):
        from mims.command.s3_models import find_inputs_in_s3

        return Found(find_inputs_in_s3(model, given, reading), [])
    path, is_folder = locate(model)
    if is_folder:
        return _find_in_folder(model, path, given, reading)
    if os.path.basename(path) == FILE_NAME:
        file = file_at(os.path.realpath(path), FILE_NAME, reading)
        return Found(find_inputs_in_files([file], given), [])
    return _find_in_archive(model, path, given, reading)


def check_exists(model: str) -> None:
    """Raise `ModelNotFoundError`, or what `locate` does, where a path leads to no model."""
    if model != STANDARD_INPUT and not model.lower().startswith(S3):
        locate(model)


def locate(model: str) -> Tuple[str, bool]:
    """Return the path of the archive or file, or of the folder of files, and which of them it is.

    A link is followed where it is the path that was given, and nowhere below that.

    Raises
    ------
    ModelNotFoundError, AccessDeniedError, InvalidRequestError
        There is nothing; it may not be read; it is neither a file nor a folder.
    """
    mode = _mode(model, follow=True)
    path = model
    while stat.S_ISDIR(mode):
        archive = os.path.join(path, ARCHIVE_NAME)
        if not os.path.lexists(archive):
            return path, True
        path, mode = archive, _mode(archive, follow=False)
    if stat.S_ISREG(mode):
        return path, False
    if stat.S_ISLNK(mode):
        raise InvalidRequestError(
            f"'{shown(path)}' is a link, and no link in a model's folder is followed. Name the "
            "file that it leads to."
        )
    raise InvalidRequestError(
        f"'{shown(path)}' is neither a file nor a folder. To read an archive from a pipe, give - "
        "as the model, and pipe the archive into standard input."
    )


def _mode(path: str, follow: bool) -> int:
    try:
        return (os.stat if follow else os.lstat)(path).st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in it
        raise ModelNotFoundError(
            f"There is no model at '{shown(path)}': no file, and no folder with files. Name a "
            f"{ARCHIVE_NAME}, or a folder that holds one or a {FILE_NAME}: mims-payload MODEL."
        ) from None
    except OSError as error:
        raise unreadable(path, error) from None


def _find_in_folder(model: str, folder: str, given: GivenSettings, reading: Reading) -> Found:
    try:
        files = files_of_folder(folder, given.limits.members, reading)
        return Found(find_inputs_in_files(files, given), [])
    except (HyperparametersNotFoundError, NoInputFieldsError, ModelNotFoundError) as error:
        # It is the folder `model.tar.gz` in the model's own: a loose file may lie beside it.
        if folder == model:
            raise
        return _find_beside(model, folder, error, given, reading)


def _find_in_archive(model: str, archive: str, given: GivenSettings, reading: Reading) -> Found:
    try:
        size = os.stat(archive).st_size
        chunks = CountedChunks(reading, lambda: _chunks_of(archive), size)
        return Found(find_inputs(chunks, given), [])
    except (CorruptArchiveError, HyperparametersNotFoundError, NoInputFieldsError) as error:
        if archive == model:
            raise
        return _find_beside(model, archive, error, given, reading)
    except OSError as error:
        raise unreadable(archive, error) from None


def _find_beside(
    model: str, archive: str, error: Exception, given: GivenSettings, reading: Reading
) -> Found:
    """Return what a `hyperparameters.json` in the archive's folder tells; `error` without one."""
    files: List[ModelFile] = [
        file
        for file in files_of_folder(model, given.limits.members, reading)
        if file.name.rsplit("/", 1)[-1] == FILE_NAME and file.regular
    ]
    if not files:
        raise error
    path = os.path.join(model, files[0].name)
    used = f"{error} '{shown(path)}', which lies beside '{shown(archive)}', was used."
    return Found(find_inputs_in_files(files, given), [used])


def _standard_input(reading: Reading) -> Iterator[bytes]:
    if sys.stdin is None or sys.stdin.isatty():
        raise InvalidRequestError(
            "Standard input has no archive. Pipe one into it, as in: mims-payload - < model.tar.gz"
        )
    try:
        stream = sys.stdin.buffer
        yield from reading.counted(iter(lambda: stream.read(CHUNK), b""))
    except OSError as error:
        raise unreadable("standard input", error) from None


def _chunks_of(path: str) -> Iterator[bytes]:
    with open(path, "rb", buffering=0) as file:
        yield from iter(lambda: file.read(CHUNK), b"")
