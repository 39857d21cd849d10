"""A payload archive on disk: read, checked, and never taken for another file."""

from __future__ import annotations

from typing import NamedTuple

from mims.archive.inflate import TarStream
from mims.archive.members import Walk
from mims.errors import ArchiveLimitError, InvalidRequestError, PayloadError, reason_of, shown
from mims.limits import MIB, PAYLOAD_ARCHIVE_BYTES, Limits
from mims.payload.check import check_payload_archive
from mims.payload.files import METADATA, STEM
from mims.payload.report import Report

# What is looked at of a file to tell whether it is a model archive.
_BEGINNING = Limits(archive_bytes=64 * MIB)
_MEMBERS = 20


class CheckedPayload(NamedTuple):
    """The bytes of a payload archive, and what is in it."""

    archive: bytes
    report: Report


def read_payload(path: str) -> CheckedPayload:
    """Return the payload archive at a path.

    Raises
    ------
    InvalidRequestError
        It cannot be read, or is a model archive.
    PayloadError
        The archive is invalid.
    """
    try:
        with open(path, "rb") as file:
            archive = file.read(PAYLOAD_ARCHIVE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InvalidRequestError(
            f"'{shown(path)}' cannot be read ({reason_of(error)}). Name a payload.tar.gz."
        ) from None
    try:
        return CheckedPayload(archive, check_payload_archive(archive))
    except PayloadError as error:
        if not is_model_archive(archive):
            raise
        del error
    raise InvalidRequestError(
        f"'{shown(path)}' is a model archive, not a payload archive. To make its payload: "
        f"mims-payload '{shown(path)}'"
    )


def is_model_archive(archive: bytes) -> bool:
    """Say whether the bytes, or their beginning, are a tar whose files no payload archive has."""
    walk = Walk(TarStream([archive]), _BEGINNING)
    files = []
    has_large_file = False
    try:
        for entry in walk.entries():
            if entry.regular:
                files.append(entry.name.decode("utf-8", "surrogateescape").rsplit("/", 1)[-1])
            if len(files) == _MEMBERS:
                break
    except ArchiveLimitError:
        has_large_file = True  # no payload archive has one
    except PayloadError:
        return False
    finally:
        walk.close()
    if any(name.startswith(STEM) for name in files):
        return False
    return has_large_file or any(name != METADATA for name in files)
