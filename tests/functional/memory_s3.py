"""S3 in memory, as far as a run uses it: three calls, their conditions, and their errors.

An ETag is the MD5 of the content, as in S3 for an object that was uploaded in one part. Errors are
botocore's own, with the same attributes.
"""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Dict, Mapping, Tuple

from botocore.exceptions import ClientError

_RANGE = re.compile(r"bytes=(\d+)-(\d*)\Z")
_MODIFIED = datetime(2026, 1, 15, 8, 30, tzinfo=timezone.utc)


@dataclass(frozen=True)
class StoredObject:
    """An object's content and its user metadata."""

    content: bytes
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.content).hexdigest()}"'


class MemoryS3:
    """Objects by bucket and key; the methods have the names of those of boto3's client."""

    def __init__(self) -> None:
        self.objects: Dict[Tuple[str, str], StoredObject] = {}

    def head_object(self, *, Bucket: str, Key: str, **parameters: Any) -> Dict[str, Any]:
        found = self.objects.get((Bucket, Key))
        if found is None:  # the answer to a HEAD has no body, and so no code of S3's
            raise client_error("HeadObject", 404, "404")
        return _described(found, len(found.content), 200)

    def get_object(self, *, Bucket: str, Key: str, **parameters: Any) -> Dict[str, Any]:
        found = self.objects.get((Bucket, Key))
        if found is None:
            raise client_error("GetObject", 404, "NoSuchKey")
        if parameters.get("IfMatch") not in (None, found.etag):
            raise client_error("GetObject", 412, "PreconditionFailed")
        if parameters.get("IfNoneMatch") == found.etag:
            raise client_error("GetObject", 304, "304")
        content, answer = found.content, _described(found, len(found.content), 200)
        match = _RANGE.match(parameters.get("Range", ""))
        if match:
            first = int(match[1])
            if first >= len(content):
                raise client_error("GetObject", 416, "InvalidRange")
            total, content = len(content), content[first : int(match[2]) + 1 if match[2] else None]
            answer = _described(found, len(content), 206)
            answer["ContentRange"] = f"bytes {first}-{first + len(content) - 1}/{total}"
        return {**answer, "Body": io.BytesIO(content)}

    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: bytes,
        Metadata: Mapping[str, str],
        **parameters: Any,
    ) -> Dict[str, Any]:
        found = self.objects.get((Bucket, Key))
        if "IfMatch" in parameters and found is None:
            raise client_error("PutObject", 404, "NoSuchKey")
        if (found is not None and parameters.get("IfNoneMatch") == "*") or (
            found is not None and parameters.get("IfMatch") not in (None, found.etag)
        ):
            raise client_error("PutObject", 412, "PreconditionFailed")
        self.objects[Bucket, Key] = StoredObject(Body, dict(Metadata))
        return {"ETag": self.objects[Bucket, Key].etag, "ResponseMetadata": _metadata(200)}


def client_error(operation: str, status: int, code: str) -> ClientError:
    """Return the error that botocore makes from S3's answer."""
    answer: Any = {
        "Error": {"Code": code, "Message": f"{code}, says the server"},
        "ResponseMetadata": _metadata(status),
    }
    return ClientError(answer, operation)


def _described(found: StoredObject, length: int, status: int) -> Dict[str, Any]:
    return {
        "ETag": found.etag,
        "ContentLength": length,
        "LastModified": _MODIFIED,
        "Metadata": dict(found.metadata),
        "ResponseMetadata": _metadata(status),
    }


def _metadata(status: int) -> Dict[str, Any]:
    return {"HTTPStatusCode": status, "RetryAttempts": 0, "HTTPHeaders": {}}
