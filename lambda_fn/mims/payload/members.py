"""A `payload.tar.gz` → its members, one after another; nothing in it is trusted."""

from __future__ import annotations

from typing import Iterator, NamedTuple, NoReturn

from mims.archive.inflate import TarStream, looks_like
from mims.archive.members import Entry, Walk
from mims.deadline import Check, no_deadline
from mims.errors import ArchiveLimitError, CorruptArchiveError, PayloadTooLargeError, shown
from mims.limits import (
    METADATA_BYTES,
    PAYLOAD_ARCHIVE_BYTES,
    PAYLOAD_NAME_CHARACTERS,
    PAYLOAD_TAR_BYTES,
    REQUEST_BYTES,
    SAMPLES,
    Limits,
)
from mims.payload.files import METADATA

_LIMITS = Limits(archive_bytes=PAYLOAD_TAR_BYTES, members=SAMPLES)

# Headers as the generator writes them: ustar; mode 0644; uid, gid and time 0; no owners' names.
_USTAR = b"ustar\x0000"
_MODE, _ZERO, _ZERO_TIME = b"0000644\0", b"0000000\0", b"00000000000\0"


class PayloadMember(NamedTuple):
    """A file of the archive; `repacked` says that its header is not the generator's."""

    name: str
    content: bytes
    repacked: bool


def fail(what: str) -> NoReturn:
    """Raise the error for an invalid archive; `what` says what is wrong."""
    raise CorruptArchiveError(
        f"The payload archive is invalid: {what}. Make it again from its model."
    )


def require(holds: bool, what: str) -> None:
    if not holds:
        fail(what)


def check_stream(archive: bytes, check: Check = no_deadline) -> None:
    """Inflate the whole archive once, to check its checksums and what follows the last member.

    Raises
    ------
    CorruptArchiveError, ArchiveLimitError
        It is not gzip data, or is damaged or truncated; or it is larger than any that the
        generator makes.
    """
    if len(archive) > PAYLOAD_ARCHIVE_BYTES:
        raise _too_large(f"{PAYLOAD_ARCHIVE_BYTES:,} bytes")
    require(bool(archive), "it is empty (0 bytes)")
    stream = TarStream([archive], check)
    size = 0
    try:
        for chunk in stream:
            size += len(chunk)
            if size > _LIMITS.archive_bytes:
                raise _too_large(f"{_LIMITS.archive_bytes:,} decompressed bytes")
    except CorruptArchiveError:
        fail("its gzip data are damaged or truncated")
    require(
        stream.compressed, f"it is not a gzip'd tar, but looks like {looks_like(archive[:512])}"
    )


def read_members(archive: bytes, check: Check = no_deadline) -> Iterator[PayloadMember]:
    """Yield the archive's members in order; one is held at a time, of at most a request's size.

    Raises
    ------
    CorruptArchiveError, ArchiveLimitError, PayloadTooLargeError
        It is damaged, or has something that no payload archive has: a folder or link, a file larger
        than a request, more files than there can be samples.
    """
    walk = Walk(TarStream([archive], check), _LIMITS, check)
    refused = None
    try:
        for entry in walk.entries():
            name = entry.name.decode("utf-8", "surrogateescape")
            limit = METADATA_BYTES if name == METADATA else REQUEST_BYTES
            if not entry.regular or len(name) > PAYLOAD_NAME_CHARACTERS:
                refused = f"'{shown(name)}' in it is not a file that the generator writes"
                break
            if entry.size > limit:
                raise PayloadTooLargeError(
                    f"'{shown(name)}' in the payload archive has {entry.size:,} bytes, over the "
                    f"limit of {limit:,}. Make the archive again, with a lower SAMPLE_COUNT."
                )
            yield PayloadMember(name, walk.content(entry), _is_repacked(entry))
    except CorruptArchiveError:
        refused = f"its tar data are damaged or truncated after {walk.count:,} files"
    except ArchiveLimitError:
        raise _too_large(f"{_LIMITS.members:,} files, or longer headers than are needed") from None
    finally:
        walk.close()
    if refused is not None:
        fail(refused)


def _is_repacked(entry: Entry) -> bool:
    block = entry.header.block
    return (
        block[257:265] != _USTAR
        or block[100:108] != _MODE
        or block[108:124] != _ZERO * 2
        or block[136:148] != _ZERO_TIME
        or block[265:329] != bytes(64)
    )


def _too_large(what: str) -> ArchiveLimitError:
    return ArchiveLimitError(
        f"The payload archive has more than {what}: the generator makes no such archive. "
        "Name a payload.tar.gz that it made."
    )
