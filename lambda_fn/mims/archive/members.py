"""The tar stream in a model archive → its members, one after another.

The stream is read once, forwards: headers are parsed, and the members' data are skipped unless
somebody asks for them. Every declared size is checked before its bytes are read.
"""

from __future__ import annotations

from typing import Iterator, NamedTuple, NoReturn, Optional, Tuple

from mims.archive import headers
from mims.archive.headers import BLOCK, NO_RECORDS, Header, MalformedHeaderError, PaxRecords
from mims.archive.inflate import TarStream, looks_like
from mims.archive.ordinary import Sought, pass_ordinary_files
from mims.deadline import Check, no_deadline
from mims.errors import ArchiveLimitError, CorruptArchiveError
from mims.limits import EXTENSION_BYTES, Limits

_ZERO_BLOCK = bytes(BLOCK)


class Entry(NamedTuple):
    """A member of the archive.

    Its data, of `size` bytes, have not been read yet; `end` is their end in the tar stream.
    """

    name: bytes
    regular: bool
    size: int
    end: int
    header: Header
    pax_time: bytes

    @property
    def modified(self) -> int:
        """The modification time in seconds since the epoch."""
        return headers.parse_pax_time(self.pax_time, headers.modified(self.header))


class Walk:
    """A walk over the members of a tar stream: `entries` yields them, one after another.

    For the entry yielded last, `peek` returns the beginning of the data, `content` all of them,
    `chunks` all of them in pieces. Data that are not read are skipped when the walk goes on.

    `check` is called at least once for each member, and between any two pieces of work. What it
    raises passes through unchanged.
    """

    def __init__(self, stream: TarStream, limits: Limits, check: Check = no_deadline) -> None:
        self._stream = stream
        self._limits = limits
        self._check = check
        self._chunks = iter(stream)
        self._chunk = b""
        self._at = 0
        self._passed = 0  # bytes of the tar stream before the current chunk
        self._end = 0  # offset in the tar stream after the data of the last entry
        self._global_records = NO_RECORDS
        self.count = 0

    def close(self) -> None:
        self._chunks.close()  # type: ignore[attr-defined]
        self._stream.close()

    def entries(
        self, endings: Tuple[bytes, ...] = (b"",), heads: Tuple[bytes, ...] = (), first: int = 0
    ) -> Iterator[Entry]:
        """Yield each member, up to a zero block or the stream's end at a member's boundary.

        After the `first` members, only those are yielded whose names, in lower case, end in one of
        `endings`, and regular files whose data begin with one of `heads`. The others are counted.

        Raises
        ------
        CorruptArchiveError
            The archive is damaged or truncated, or not a tar archive.
        ArchiveLimitError
            It has more members or bytes than the limits allow, or too long extension headers.
        """
        sought = Sought.of(endings, heads)
        while True:
            if self.count >= first:
                self._pass_ordinary_files(sought)
            entry = self._next_entry()
            if entry is None:
                return
            self.count += 1
            if self.count > self._limits.members:
                raise ArchiveLimitError(
                    f"The model archive has more than {self._limits.members:,} members "
                    "(MAX_MEMBERS). Raise the limit, or pack fewer files."
                )
            self._check_archive_limit(entry.size)
            self._end = entry.end
            if self.count <= first or self._is_sought(entry, sought):
                yield entry
            self._skip(entry.end - self._offset + -entry.size % BLOCK)

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes of the last entry's data without consuming them.

        There are fewer only if the data or the stream end before.
        """
        size = min(size, self._end - self._offset)
        if self._at + size > len(self._chunk):
            pieces = [self._chunk[self._at :]]
            missing = size - len(pieces[0])
            while missing > 0 and (chunk := next(self._chunks, None)) is not None:
                pieces.append(chunk)
                missing -= len(chunk)
            self._passed += self._at
            self._chunk = b"".join(pieces)
            self._at = 0
        return self._chunk[self._at : self._at + size]

    def content(self, entry: Entry) -> bytes:
        """Return the data of the entry yielded last that have not been read yet.

        Raises
        ------
        CorruptArchiveError
            The archive is damaged or truncated before their end.
        """
        content = self._read(entry.end - self._offset)
        if self._offset < entry.end:
            self._truncated()
        return content

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Yield the data of the entry yielded last that have not been read yet, in pieces.

        Raises
        ------
        CorruptArchiveError
            The archive is damaged or truncated before their end.
        """
        while self._offset < entry.end:
            if self._at == len(self._chunk) and not self._next_chunk():
                self._truncated()
            piece = self._chunk[self._at : self._at + entry.end - self._offset]
            self._at += len(piece)
            yield piece

    @property
    def _offset(self) -> int:
        return self._passed + self._at

    def _is_sought(self, entry: Entry, sought: Sought) -> bool:
        if sought.has_name(entry.name):
            return True
        return entry.regular and bool(
            sought.heads and self.peek(sought.longest_head).startswith(sought.heads)
        )

    def _pass_ordinary_files(self, sought: Sought) -> None:
        """Skip files up to the first header that needs a closer look, or is not complete."""
        records = self._global_records
        if b"" in sought.endings or records.path or records.size or records.sparse:
            return
        while True:
            passed, behind = pass_ordinary_files(
                self._chunk,
                self._at,
                self._limits.members - self.count,
                self._limits.archive_bytes - self._passed,
                sought,
            )
            if not passed:
                return
            self.count += passed
            self._skip(behind - self._at)

    def _next_entry(self) -> Optional[Entry]:
        """Return the next member, before its data; `None` at the archive's end.

        If there are several extension headers of one kind before a member, or several global ones,
        only the last counts, as in GNU tar, libarchive and Go.
        """
        records, long_name = NO_RECORDS, None
        room, extended = EXTENSION_BYTES, False
        while True:
            self._check()
            block = self._next_header(pending=extended)
            if block is None:
                return None
            try:
                header = headers.parse_header(block)
                kind = header.kind
                if kind not in headers.EXTENSION_TYPES:
                    if kind == headers.GNU_SPARSE:
                        self._skip_sparse_map(block[482], room)
                    return self._entry(header, records, long_name)
                body = self._extension(header.size, room)
                room -= header.size
                if kind == headers.PAX_GLOBAL:
                    self._global_records = headers.parse_pax_records(body, self._check)
                    continue
                extended = True
                if kind == headers.GNU_LONG_NAME:
                    long_name = body.split(b"\0", 1)[0]
                elif kind != headers.GNU_LONG_LINK:
                    records = headers.parse_pax_records(body, self._check)
            except MalformedHeaderError as error:
                self._damaged(block, str(error))

    def _entry(self, header: Header, records: PaxRecords, long_name: Optional[bytes]) -> Entry:
        # A pax path wins over a GNU name, as in GNU tar; a global one does not, as elsewhere.
        name = records.path or long_name
        records = records.over(self._global_records)
        if name is None:
            name = records.path or headers.full_name(header)
        size = headers.parse_pax_size(records.size) if records.size else header.size
        if header.kind in headers.DATALESS_TYPES:
            size = 0
        sparse = records.sparse or header.kind == headers.GNU_SPARSE
        regular = header.kind in headers.REGULAR_TYPES and not sparse
        return Entry(name, regular, size, self._offset + size, header, records.time or b"")

    def _next_header(self, *, pending: bool) -> Optional[bytes]:
        block = self._read(BLOCK)
        if not block and not pending and self._offset:
            return None
        if len(block) < BLOCK:
            if self._offset < BLOCK:
                self._not_a_tar(block)
            self._truncated()
        return None if block == _ZERO_BLOCK else block

    def _extension(self, size: int, room: int) -> bytes:
        if size > room:
            raise ArchiveLimitError(
                f"The model archive has {EXTENSION_BYTES - room + size:,} bytes of extension "
                f"headers for one member, at offset {self._offset:,} of its tar stream, over the "
                f"limit of {EXTENSION_BYTES:,}. Pack the model without such long names and "
                "attributes."
            )
        self._check_archive_limit(size)
        body = self._read(size)
        if len(body) < size:
            self._truncated()
        self._skip(-size % BLOCK)
        return body

    def _skip_sparse_map(self, extended: int, room: int) -> None:
        while extended:
            room -= BLOCK
            if room < 0:
                raise ArchiveLimitError(
                    "The model archive has a sparse file whose map is over the limit of "
                    f"{EXTENSION_BYTES:,} bytes. Pack the model without sparse files."
                )
            block = self._read(BLOCK)
            if len(block) < BLOCK:
                self._truncated()
            extended = block[504]

    def _check_archive_limit(self, size: int) -> None:
        if self._offset + size > self._limits.archive_bytes:
            raise ArchiveLimitError(
                f"The model archive has more than {self._limits.archive_bytes:,} decompressed "
                f"bytes (MAX_ARCHIVE_BYTES): the member at offset {self._offset:,} has {size:,}. "
                "Raise the limit, or pack hyperparameters.json first."
            )

    def _read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the stream's end."""
        end = self._at + size
        if end <= len(self._chunk):
            piece = self._chunk[self._at : end]
            self._at = end
            return piece
        pieces = [self._chunk[self._at :]]
        missing = size - len(pieces[0])
        self._at = len(self._chunk)
        while missing and self._next_chunk():
            self._at = min(missing, len(self._chunk))
            pieces.append(self._chunk[: self._at])
            missing -= self._at
        return b"".join(pieces)

    def _skip(self, size: int) -> None:
        """Skip `size` bytes without copying them."""
        end = self._at + size
        while end > len(self._chunk):
            end -= len(self._chunk)
            self._at = len(self._chunk)
            if not self._next_chunk():
                self._truncated()
        self._at = end

    def _next_chunk(self) -> bool:
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._passed += len(self._chunk)
        self._chunk = chunk
        self._at = 0
        return True

    def _damaged(self, block: bytes, how: str) -> NoReturn:
        if self._offset == BLOCK and block[257:262] != b"ustar":
            self._not_a_tar(block)
        raise CorruptArchiveError(
            f"The model archive is damaged after {self.count:,} members: {how} (compressed offset "
            f"{self._stream.compressed_offset} at the latest). Upload the model.tar.gz again."
        )

    def _not_a_tar(self, head: bytes) -> NoReturn:
        what = looks_like(head) if head else "an empty file"
        if self._stream.compressed:
            what = f"{what}, compressed with gzip"
        raise CorruptArchiveError(
            f"The model archive is not a tar archive: it looks like {what} (compressed offset 0). "
            "Pack the model as a gzip'd tar, as a training job's model.tar.gz is."
        )

    def _truncated(self) -> NoReturn:
        raise CorruptArchiveError(
            f"The model archive is truncated: its tar stream stops at offset {self._offset} after "
            f"{self.count:,} members, compressed offset {self._stream.compressed_offset}. "
            "Upload the model.tar.gz again."
        )
