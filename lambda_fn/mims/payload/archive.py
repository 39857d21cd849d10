"""Payload files and what is known of them → `payload.tar.gz`.

The archive is a pure function of its content: sorted members, ustar, no times, owners or names of
whoever made it.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import Any, Iterable, Mapping, Tuple

from mims.payload.files import METADATA, PayloadFile


def create_payload_archive(files: Iterable[PayloadFile], metadata: Mapping[str, Any]) -> bytes:
    """Return the gzip'd tar of the payload files, and of `metadata.json` unless that is empty.

    The same files and metadata give the same bytes on the same Python and zlib.
    """
    members: Iterable[Tuple[str, bytes]] = ((file.path, file.content) for file in files)
    if metadata:
        described = json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode("utf-8")
        members = sorted([*members, (METADATA, described)])
    archive = io.BytesIO()
    # Flat files come already sorted, one by one, so that ten thousand are never held at once.
    with gzip.GzipFile("", "wb", fileobj=archive, mtime=0) as compressed, tarfile.open(
        fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT
    ) as tar:
        for path, content in members:
            member = tarfile.TarInfo(path)  # time, uid and gid 0, mode 0644
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()
