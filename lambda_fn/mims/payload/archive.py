"""Payload files and their description → `payload.tar.gz`.

The archive is a pure function of its content: sorted members in ustar format, without times or
owners.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import Iterable, Optional, Tuple

from mims.deadline import Check
from mims.payload.files import METADATA, PayloadFile


def create_payload_archive(files: Iterable[PayloadFile], metadata: bytes, check: Check) -> bytes:
    """Return the gzip'd tar of the payload files, and of `metadata.json` unless it is empty.

    The same files and metadata give the same bytes on the same Python and zlib. `check` is called
    at least every half second of work.
    """
    members: Iterable[Tuple[str, bytes]] = ((file.path, file.content) for file in files)
    if metadata:
        members = sorted([*members, (METADATA, metadata)])
    archive = io.BytesIO()
    # Flat files come one by one, already sorted, so that ten thousand are never held at once.
    with gzip.GzipFile("", "wb", fileobj=archive, mtime=0) as compressed, tarfile.open(
        fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT
    ) as tar:
        for path, content in members:
            member = tarfile.TarInfo(path)  # time, uid and gid 0, mode 0644
            member.size = len(content)
            tar.addfile(member, _Checked(content, check))
    return archive.getvalue()


class _Checked(io.BytesIO):
    """Bytes that call `check` each time a piece of them is read, to be compressed."""

    def __init__(self, content: bytes, check: Check) -> None:
        super().__init__(content)
        self._check = check

    def read(self, size: Optional[int] = -1) -> bytes:
        self._check()
        return super().read(size)
