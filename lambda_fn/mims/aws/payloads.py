"""The payload in S3: what it was made from, what it says of itself, and how it is replaced."""

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
    """What a payload was made from: the model's ETag, the digest of settings and generator."""

    model_etag: str
    settings_sha256: str


class Stored(NamedTuple):
    """An object where the payload goes.

    Attributes
    ----------
    etag, size
        As S3 says them; bytes.
    stamp
        Empty where the object's metadata have none.
    description
        `None` where the metadata do not tell what a result must.
    """

    etag: str
    size: int
    stamp: Optional[Stamp]
    description: Optional[Description]


class LocationChangedError(Exception):
    """What lay where the payload goes is no longer there, or something else is."""


def find_stored(session: S3Session, location: PayloadLocation) -> Optional[Stored]:
    """Return the object that lies there; `None` where there is none."""
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
    """Refuse to replace what this generator did not make.

    What it did make says so in its metadata; or, written by the job script or copied without them,
    by its content.

    Raises
    ------
    PayloadOccupiedError
        The object is somebody else's.
    LocationChangedError
        It is not there any more.
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
            # Imported here: few locations hold what is not marked, and a cold start need not pay.
            from mims.payload.check import check_payload_archive

            check_payload_archive(archive, session.check_deadline)
        except PayloadError as error:
            if not error.permanent:
                raise
        else:
            return
    raise PayloadOccupiedError(
        f"'{shown(location.uri)}', where the payload goes, was not made by this generator, so it "
        "is not replaced. Move it, give the request a payload_s3_uri of its own, or say "
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
    """Store the payload in the place of `replaced`.

    Raises
    ------
    LocationChangedError
        Something else is there by now. After a conflict of writers it is raised a little later, so
        that the other's write is over.
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
    """Return what a result tells of a payload, whoever asked for it."""
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

    Warnings are left out from the last on where there is no room for them; then the name of the
    member that told the fields is cut.
    """
    metadata = {"model-etag": stamp.model_etag, "settings-sha256": stamp.settings_sha256}
    room = _METADATA_BYTES - sum(len(name) + len(value) for name, value in metadata.items())
    room -= len("result")
    for told in _shorter_and_shorter(description):
        written = _as_header(told)
        if len(written) < room:
            break
    return {**metadata, "result": written}


def _shorter_and_shorter(description: Description) -> Any:
    """Yield the description, and what is left of it as warnings and then the member are cut."""
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
    """Return a description as JSON that a header carries unchanged: ASCII, never two blanks."""
    written = json.dumps(asdict(description), separators=(",", ":"), allow_nan=False)
    return written.replace("\x7f", "\\u007f").replace("  ", " \\u0020")


def _read_description(written: str) -> Optional[Description]:
    """Return the description in an object's metadata; `None` where there is none that is whole."""
    try:
        told = json.loads(written)
        description = Description(**told)
        texts = (*description.content_types, *description.warnings)
        counts = (description.field_count, description.sample_count)
        names = (description.family, description.recipe)
        fields_from = description.fields_from
        whole = (
            bool(description.content_types)
            and all(isinstance(text, str) for text in texts)
            and all(type(count) is int for count in counts)
            and all(name is None or isinstance(name, str) for name in names)
            and (fields_from is None or isinstance(fields_from, dict))
        )
    except (ValueError, TypeError, RecursionError):
        return None
    if not whole:
        return None
    return replace(
        description,
        content_types=tuple(description.content_types),
        warnings=tuple(description.warnings),
    )
