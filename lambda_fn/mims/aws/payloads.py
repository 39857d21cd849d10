"""Where a payload goes in S3, what lies there, and how it is replaced."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Dict, Mapping, NamedTuple, Optional

from mims import Payload
from mims.aws.events import MODEL_NAME, Request, split_s3_uri
from mims.aws.s3 import Declined, Run
from mims.errors import InvalidRequestError, InvalidSettingsError, shown

PAYLOAD_NAME = "payload.tar.gz"
_ARCHIVE_ENDINGS = (".tar.gz", ".tgz")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_MAX_KEY_BYTES = 1024


class Destination(NamedTuple):
    """Where payloads go, and whose the buckets must be; empty where nothing is said of it."""

    bucket: str = ""
    prefix: str = ""
    kms_key_id: str = ""
    payload_owner: str = ""
    model_owner: str = ""


class PayloadObject(NamedTuple):
    """Where a payload goes, its bucket's owner and the key it is encrypted with."""

    bucket: str
    key: str
    owner: str = ""
    kms_key_id: str = ""

    @property
    def parameters(self) -> Dict[str, str]:
        """The parameters that name the object in a call of S3."""
        named = {"Bucket": self.bucket, "Key": self.key, "ExpectedBucketOwner": self.owner}
        return {name: value for name, value in named.items() if value}


class Stamp(NamedTuple):
    """What a payload was made from: the model's ETag, the digest of settings and generator."""

    model_etag: str
    settings_sha256: str


class Stored(NamedTuple):
    """A payload as it lies in S3."""

    etag: str
    stamp: Stamp
    field_count: Optional[int]


def read_destination(environment: Mapping[str, str]) -> Destination:
    """Return the destination that the environment's variables name."""
    return Destination(
        environment.get("PAYLOAD_BUCKET", ""),
        environment.get("PAYLOAD_PREFIX", "").strip("/"),
        environment.get("PAYLOAD_KMS_KEY_ID", ""),
        environment.get("PAYLOAD_BUCKET_OWNER", ""),
        environment.get("MODEL_BUCKET_OWNER", ""),
    )


def payload_object(request: Request, destination: Destination) -> PayloadObject:
    """Return where the request's payload goes.

    >>> payload_object(Request("models", "churn/model.tar.gz"), Destination()).key
    'churn/payload/payload.tar.gz'

    Raises
    ------
    InvalidRequestError
        The request's own `payload_s3_uri` would overwrite a model, or is no `.tar.gz`; or the key
        is longer than S3 takes.
    """
    if request.payload_s3_uri is None:
        bucket, key = destination.bucket or request.bucket, _key_beside(request.key)
        if destination.bucket or destination.prefix:
            key = "/".join(filter(None, (destination.prefix, request.bucket, key)))
    else:
        bucket, key = split_s3_uri(request.payload_s3_uri, "payload_s3_uri")
        name = key.rsplit("/", 1)[-1]
        if not key.endswith(".tar.gz") or name in (MODEL_NAME, ".tar.gz"):
            raise InvalidRequestError(
                f"payload_s3_uri is '{shown(request.payload_s3_uri)}'; it must end in .tar.gz, and "
                f"not in {MODEL_NAME}, whose upload would start the function again."
            )
        if (bucket, key) == (request.bucket, request.key):
            raise InvalidRequestError(
                f"payload_s3_uri is the model itself, '{shown(request.payload_s3_uri)}'. Name "
                "another key."
            )
    if len(key.encode()) > _MAX_KEY_BYTES:  # a HEAD of such a key would fail without a reason
        raise InvalidRequestError(
            f"The payload's key would have {len(key.encode()):,} bytes, more than the "
            f"{_MAX_KEY_BYTES:,} that S3 takes: '{shown(key)}'. Name a payload_s3_uri."
        )
    return PayloadObject(bucket, key, destination.payload_owner, destination.kms_key_id)


def _key_beside(key: str) -> str:
    """Return the payload's key for a model's: in a prefix of its own, beside the model."""
    uncompressed = key.endswith("/")
    path = key[:-1] if uncompressed else key
    folder, name = path[: path.rfind("/") + 1], path[path.rfind("/") + 1 :]
    if not uncompressed:
        for ending in _ARCHIVE_ENDINGS:
            if name.endswith(ending):
                name = name[: -len(ending)]
                break
    usual = name == "model" and (uncompressed or key.endswith(MODEL_NAME))
    return f"{folder}payload/{PAYLOAD_NAME}" if usual else f"{folder}payload-{name}/{PAYLOAD_NAME}"


def find_stored(run: Run, place: PayloadObject) -> Optional[Stored]:
    """Return the payload that lies there; `None` where there is none."""
    try:
        answer = run.call("head_object", expected=(404,), **place.parameters)
    except Declined:
        return None
    metadata: Mapping[str, str] = answer.get("Metadata", {})
    field_count = metadata.get("field-count", "")
    return Stored(
        answer["ETag"],
        Stamp(metadata.get("model-etag", ""), metadata.get("settings-sha256", "")),
        int(field_count) if field_count.isdecimal() and len(field_count) < 10 else None,
    )


def put_payload(
    run: Run, place: PayloadObject, payload: Payload, stamp: Stamp, replaced: Optional[Stored]
) -> bool:
    """Store the payload in the place of `replaced`; say whether that, and no other, was there."""
    parameters: Dict[str, Any] = dict(place.parameters)
    if place.kms_key_id:
        parameters.update(ServerSideEncryption="aws:kms", SSEKMSKeyId=place.kms_key_id)
    if replaced is None:
        parameters["IfNoneMatch"] = "*"
    else:
        parameters["IfMatch"] = replaced.etag
    checksum = hashlib.sha256(payload.archive).digest()
    try:
        run.call(
            "put_object",
            expected=(404, 409, 412),
            Body=payload.archive,
            ContentType="application/gzip",
            ChecksumSHA256=base64.b64encode(checksum).decode(),
            Metadata={
                "model-etag": stamp.model_etag,
                "settings-sha256": stamp.settings_sha256,
                "field-count": str(payload.field_count),
            },
            **parameters,
        )
    except Declined as declined:
        if declined.code == "NoSuchBucket":
            raise InvalidSettingsError(
                f"There is no bucket '{shown(place.bucket)}' for the payload. Make it, or correct "
                "PAYLOAD_BUCKET or the request's payload_s3_uri."
            ) from None
        return False
    return True
