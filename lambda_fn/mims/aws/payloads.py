"""The payload in S3: what it was made from, its description, and how it is replaced."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import time
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any, Dict, Mapping, NamedTuple, Optional

from mims import Payload
from mims.aws.locations import PayloadLocation
from mims.aws.models import BROKEN, CHUNK
from mims.aws.results import Description
from mims.aws.s3 import ExpectedStatusError, S3Session
from mims.errors import (
    InvalidSettingsError,
    PayloadError,
    PayloadOccupiedError,
    StorageError,
    shown,
)
from mims.limits import STORED_PAYLOAD_BYTES
from mims.wording import bounded, count_left_out, cut

# S3 takes 2 KB of metadata, names and values together.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
_METADATA_BYTES = 2000
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


class Stamp(NamedTuple):
    """What a payload was made from: the model's ETag, and a digest of settings and version."""

    model_etag: str
    settings_sha256: str


class Stored(NamedTuple):
    """An object where the payload goes.

    Attributes
    ----------
    etag, size
        As S3 reports them; the size is in bytes.
    stamp
        `None` if the object's metadata have none.
    description
        `None` if the metadata lack a part of what a result reports.
    """

    etag: str
    size: int
    stamp: Optional[Stamp]
    description: Optional[Description]


class LocationChangedError(Exception):
    """The object at the payload's location was removed or replaced in the meantime."""


def find_stored(session: S3Session, location: PayloadLocation) -> Optional[Stored]:
    """Return the object at that location; `None` if there is none."""
    try:
        answer = session.call("head_object", expected=(404,), **location.parameters)
    except ExpectedStatusError:
        return None
    metadata: Mapping[str, str] = answer.get("Metadata", {})
    stamp = Stamp(metadata.get("model-etag", ""), metadata.get("settings-sha256", ""))
    return Stored(
        answer["ETag"],
        answer["ContentLength"],
        stamp if stamp.model_etag and _DIGEST.match(stamp.settings_sha256) else None,
        _read_description(metadata.get("result", "")),
    )


def refuse_foreign(session: S3Session, location: PayloadLocation, stored: Stored) -> None:
    """Refuse to replace an object that this generator did not make.

    Its own payloads are known by their metadata; or by their content, if the job script wrote them
    or they were copied without metadata.

    Raises
    ------
    PayloadOccupiedError
        The object is somebody else's.
    LocationChangedError
        It is no longer there.
    """
    if stored.stamp is not None:
        return
    if stored.size <= STORED_PAYLOAD_BYTES:
        try:
            answer = session.call(
                "get_object", expected=(404, 412), IfMatch=stored.etag, **location.parameters
            )
        except ExpectedStatusError:
            raise LocationChangedError from None
        archive = _read(answer["Body"], session)
        try:
            # Imported here, so that a cold start need not pay: such objects are rare.
            from mims.payload.check import check_payload_archive

            check_payload_archive(archive, session.check_deadline)
        except PayloadError as error:
            if not error.permanent:
                raise
        else:
            return
    raise PayloadOccupiedError(
        f"'{shown(location.uri)}', where the payload goes, was not made by this generator, so it "
        "is not replaced. Move it, give the request a payload_s3_uri of its own, or send "
        '"replace_foreign": true.'
    )


def _read(body: Any, session: S3Session) -> bytes:
    content = io.BytesIO()
    try:
        with closing(body):
            while content.write(body.read(CHUNK)):
                session.check_deadline()
    except BROKEN as error:
        raise StorageError(
            f"Reading the payload broke off ({type(error).__name__}). Try again later."
        ) from error
    return content.getvalue()


def put_payload(
    session: S3Session,
    location: PayloadLocation,
    payload: Payload,
    stamp: Stamp,
    replaced: Optional[Stored],
) -> None:
    """Store the payload instead of `replaced`.

    Raises
    ------
    LocationChangedError
        Something else is there by now. If two writers conflict, it is raised after a short wait, so
        that the other can finish.
    """
    parameters: Dict[str, Any] = dict(location.parameters)
    if location.kms_key_id:
        parameters.update(ServerSideEncryption="aws:kms", SSEKMSKeyId=location.kms_key_id)
    if replaced is None:
        parameters["IfNoneMatch"] = "*"
    else:
        parameters["IfMatch"] = replaced.etag
    checksum = hashlib.sha256(payload.archive).digest()
    try:
        session.call(
            "put_object",
            expected=(404, 409, 412),
            Body=payload.archive,
            ContentType="application/gzip",
            ChecksumSHA256=base64.b64encode(checksum).decode(),
            Metadata=_metadata(stamp, describe(payload)),
            **parameters,
        )
    except ExpectedStatusError as error:
        if error.code == "NoSuchBucket":
            raise InvalidSettingsError(
                f"There is no bucket '{shown(location.bucket)}' for the payload. Make it, or "
                "correct PAYLOAD_BUCKET or the request's payload_s3_uri."
            ) from None
        if error.status == 409:
            time.sleep(session.backoff(session.restarts + 1))
        raise LocationChangedError from None


def describe(payload: Payload) -> Description:
    """Return what every result reports about a payload."""
    return Description(
        tuple(payload.content_types),
        payload.field_count,
        payload.sample_count,
        payload.fields_from._asdict(),
        payload.family,
        payload.recipe,
        tuple(bounded(payload.warnings)),
    )


def _metadata(stamp: Stamp, description: Description) -> Dict[str, str]:
    """Return the object's metadata: ASCII, and short enough for S3.

    If there is not enough room, warnings are left out, the last ones first; then the name of the
    member that named the fields is cut.
    """
    metadata = {"model-etag": stamp.model_etag, "settings-sha256": stamp.settings_sha256}
    room = _METADATA_BYTES - sum(len(name) + len(value) for name, value in metadata.items())
    room -= len("result")
    for shortened in _shorter_and_shorter(description):
        written = _as_header(shortened)
        if len(written) < room:
            break
    return {**metadata, "result": written}


def _shorter_and_shorter(description: Description) -> Any:
    """Yield the description, then ever shorter ones: with fewer warnings, then the member cut."""
    yield description
    warnings = list(description.warnings)
    while warnings:
        left_out = len(description.warnings) - len(warnings) + 1
        warnings.pop()
        yield replace(description, warnings=tuple(bounded([*warnings, count_left_out(left_out)])))
    description = replace(description, warnings=())
    fields_from = description.fields_from or {}
    member = fields_from.get("member")
    length = len(member) if isinstance(member, str) else 0
    while length > 1:
        length //= 2
        cut_member = {**fields_from, "member": cut(str(member), length)}
        yield replace(description, fields_from=cut_member)
    yield replace(description, fields_from=None)


def _as_header(description: Description) -> str:
    """Return a description as JSON that a header keeps unchanged: ASCII, never two spaces."""
    written = json.dumps(asdict(description), separators=(",", ":"), allow_nan=False)
    return written.replace("\x7f", "\\u007f").replace("  ", " \\u0020")


def _read_description(written: str) -> Optional[Description]:
    """Return the description in an object's metadata; `None` if it is missing or incomplete."""
    try:
        description = Description(**json.loads(written))
        texts = (*description.content_types, *description.warnings)
        counts = (description.field_count, description.sample_count)
        names = (description.family, description.recipe)
        fields_from = description.fields_from
        complete = (
            bool(description.content_types)
            and all(isinstance(text, str) for text in texts)
            and all(type(count) is int for count in counts)
            and all(name is None or isinstance(name, str) for name in names)
            and (fields_from is None or isinstance(fields_from, dict))
        )
    except (ValueError, TypeError, RecursionError):
        return None
    if not complete:
        return None
    return replace(
        description,
        content_types=tuple(description.content_types),
        warnings=tuple(description.warnings),
    )
