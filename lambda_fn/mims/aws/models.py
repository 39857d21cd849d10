"""An S3 object → its bytes, or those of its beginning, from one version of it.

The first 256 KiB are read by one ranged GET; the rest, if it is needed, by one open-ended GET. If
the connection breaks, reading resumes at the offset reached, on the condition that the object is
still the same. A reset also loses the part of a chunk that had already arrived, so a resumed
connection starts with small chunks.
"""

from __future__ import annotations

import re
import threading
from contextlib import closing, suppress
from typing import Any, Dict, Generator, Iterator, NamedTuple, Optional

from botocore.exceptions import (
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from urllib3.exceptions import HTTPError

from mims.aws.read_ahead import read_ahead
from mims.aws.s3 import ExpectedStatusError, S3Session, missing_bucket
from mims.errors import StorageError, shown
from mims.limits import FIRST_PART

# Each chunk that one thread hands to the other makes both wait: fewer, larger ones cost less.
CHUNK = 512 * 1024
_CHUNK_AFTER_A_BREAK = 16 * 1024  # doubled with each chunk, up to CHUNK
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)\Z")

# In a row, without a byte in between, and not counting the SDK's own attempts at each request.
_MAX_FAILURES = 5


class ModelUnchangedError(Exception):
    """The object's ETag is still the known one; nothing was read."""

    def __init__(self, version_id: Optional[str]) -> None:
        super().__init__()
        self.version_id = version_id


class ModelReplacedError(Exception):
    """The object is no longer the one that has been read so far."""


class ModelGoneError(Exception):
    """There is no such object, or no longer."""


class BadResponseError(Exception):
    """The response's range, length or ETag does not fit the request."""


# Errors after which another request is made at the offset reached: the body broke off, stalled, or
# contradicts its headers.
BROKEN = (
    ReadTimeoutError,
    ResponseStreamingError,
    IncompleteReadError,
    HTTPClientError,
    HTTPError,
    OSError,
    BadResponseError,
)


class ModelObject(NamedTuple):
    """Where an object is, with its version and the bucket's owner if they are required."""

    bucket: str
    key: str
    version_id: Optional[str] = None
    owner: Optional[str] = None

    @property
    def parameters(self) -> Dict[str, Any]:
        """The parameters that name the object in a call to S3."""
        named = {
            "Bucket": self.bucket,
            "Key": self.key,
            "VersionId": self.version_id,
            "ExpectedBucketOwner": self.owner,
        }
        return {name: value for name, value in named.items() if value}


class Model:
    """One version of an S3 object. Iterating yields its bytes in chunks, and can be repeated.

    The constructor reads the first 256 KiB.

    Attributes
    ----------
    etag, version_id, size, modified
        As S3 reports them: the ETag with its quotes, bytes, seconds since the epoch.

    Raises
    ------
    ModelUnchangedError
        The object's ETag is `known_etag`.
    ModelReplacedError, ModelGoneError
        In the constructor, or while iterating.
    PayloadError
        S3 refuses or fails, or the deadline is reached.
    """

    etag = ""
    version_id: Optional[str] = None
    size = 0
    modified = 0

    def __init__(
        self, session: S3Session, source: ModelObject, known_etag: Optional[str] = None
    ) -> None:
        self._session = session
        self._source = source
        self._known_etag = known_etag
        self._body: Any = None
        self._left = threading.Event()
        self._first = b"".join(self._chunks(0, FIRST_PART))

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        if len(self._first) < self.size:
            yield from self._chunks(len(self._first), None)

    def _chunks(self, start: int, stop: Optional[int]) -> Iterator[bytes]:
        """Yield the chunks of `_read`, which runs in its own thread, until the deadline."""
        self._left.clear()
        read = self._read(start, stop)
        with closing(read_ahead(read, self._leave, self._time_left)) as ahead:
            yield from ahead

    def _time_left(self) -> float:
        self._session.check_deadline()
        return self._session.seconds_left()

    def _read(self, start: int, stop: Optional[int]) -> Generator[bytes, None, None]:
        """Yield the bytes from `start` to `stop` or the end, in as many requests as it takes."""
        offset, failures, size = start, 0, CHUNK
        while True:
            try:
                with closing(self._open(offset, stop)) as body:
                    end = min(stop or self.size, self.size)
                    while offset < end:
                        chunk = body.read(min(size, end - offset))
                        if not chunk:
                            raise BadResponseError("a body shorter than its length")
                        offset += len(chunk)
                        failures, size = 0, min(2 * size, CHUNK)
                        self._session.bytes_read += len(chunk)
                        yield chunk
                return
            except BROKEN as error:
                if self._left.is_set():
                    return
                failures += 1
                if failures > _MAX_FAILURES:
                    raise StorageError(
                        f"Reading '{shown(self._source.key)}' broke off {failures} times in a row "
                        f"at offset {offset:,} ({type(error).__name__}). Try again later."
                    ) from error
                self._session.resumes += 1
                size = _CHUNK_AFTER_A_BREAK
                self._left.wait(self._session.backoff(failures))

    def _open(self, offset: int, stop: Optional[int]) -> Any:
        """Return the body of one ranged GET, after checking its headers against the request."""
        answer = self._get(Range=f"bytes={offset}-{'' if stop is None else stop - 1}")
        self._body = answer["Body"]
        try:
            self._check(answer, offset, stop)
        except BaseException:
            self._body.close()
            raise
        return self._body

    def _get(self, **asked: str) -> Dict[str, Any]:
        """Return the answer to one GET, conditional on the ETag that is known so far."""
        conditions = {}
        if self.etag:
            conditions = {"IfMatch": self.etag}
        elif self._known_etag:
            conditions = {"IfNoneMatch": self._known_etag}
        try:
            answer: Dict[str, Any] = self._session.call(
                "get_object",
                expected=(304, 404, 405, 412, 416),
                **asked,
                **self._source.parameters,
                **conditions,
            )
        except ExpectedStatusError as error:
            if error.status == 304:
                raise ModelUnchangedError(error.headers.get("x-amz-version-id")) from None
            if error.status == 416 and asked and not self.etag:
                return self._get()  # an object of 0 bytes has no range, but an ETag
            if error.status in (412, 416):
                raise ModelReplacedError from None
            if error.code == "NoSuchBucket":
                raise missing_bucket(self._source.parameters) from None
            raise ModelGoneError from None
        return answer

    def _check(self, answer: Dict[str, Any], offset: int, stop: Optional[int]) -> None:
        """Check the response's headers against the request; move the body on to `offset`."""
        length, etag = answer.get("ContentLength"), answer.get("ETag")
        modified = answer.get("LastModified")
        if length is None or modified is None or not etag:
            raise BadResponseError("no length, no date, or no ETag")
        if self.etag and etag != self.etag:
            raise ModelReplacedError
        whole = answer["ResponseMetadata"]["HTTPStatusCode"] == 200  # Range was ignored
        if whole:
            total = length
        else:
            match = _CONTENT_RANGE.match(answer.get("ContentRange", ""))
            if match is None:
                raise BadResponseError("no range")
            first, last, total = (int(number) for number in match.groups())
            if (first, last + 1) != (offset, min(stop or total, total)):
                raise BadResponseError("another range")
            if length != last + 1 - first:
                raise BadResponseError("a length that is not its range's")
        if self.etag and total != self.size:
            raise BadResponseError("another size")
        self.etag, self.size = etag, total
        self.version_id = answer.get("VersionId")
        self.modified = int(modified.timestamp())
        while whole and offset:
            skipped = len(answer["Body"].read(min(CHUNK, offset)))
            if not skipped:
                raise BadResponseError("a body shorter than its length")
            offset -= skipped

    def _leave(self) -> None:
        """Interrupt the read that is under way in another thread."""
        self._left.set()
        with suppress(AttributeError, OSError, RuntimeError, ValueError):
            # Closing alone would leave the other thread in its read until the time-out. shutdown()
            # is made for this, but the SDK gives no public access to its urllib3 response.
            self._body._raw_stream.shutdown()


def newest_etag(session: S3Session, source: ModelObject) -> Optional[str]:
    """Return the ETag that the object has now; `None` if it is gone."""
    try:
        answer = session.call("head_object", expected=(404, 405), **source.parameters)
    except ExpectedStatusError:
        return None
    return str(answer["ETag"])
