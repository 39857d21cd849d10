"""Where a payload goes in S3, and who must own the buckets."""

from __future__ import annotations

from typing import Dict, Mapping, NamedTuple

from mims.aws.request import MAX_KEY_BYTES, MODEL_NAME, Request, check_bucket, split_s3_uri
from mims.errors import InvalidRequestError, InvalidSettingsError, shown

PAYLOAD_NAME = "payload.tar.gz"
_ARCHIVE_ENDING = ".tar.gz"


class Destination(NamedTuple):
    """Where payloads go, and who must own the buckets; what is not configured is empty."""

    bucket: str = ""
    prefix: str = ""
    kms_key_id: str = ""
    payload_owner: str = ""
    model_owner: str = ""


class PayloadLocation(NamedTuple):
    """Where a payload goes, the owner of its bucket and the key that it is encrypted with."""

    bucket: str
    key: str
    owner: str = ""
    kms_key_id: str = ""

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def parameters(self) -> Dict[str, str]:
        """The parameters that name the object in a call to S3."""
        named = {"Bucket": self.bucket, "Key": self.key, "ExpectedBucketOwner": self.owner}
        return {name: value for name, value in named.items() if value}


def read_destination(environment: Mapping[str, str]) -> Destination:
    """Return the destination that the environment's variables name.

    Raises
    ------
    InvalidSettingsError
        PAYLOAD_BUCKET names something that is not a bucket.
    """
    bucket = environment.get("PAYLOAD_BUCKET", "")
    try:
        check_bucket(bucket, "PAYLOAD_BUCKET")
    except InvalidRequestError as error:
        raise InvalidSettingsError(str(error)) from None
    return Destination(
        bucket,
        environment.get("PAYLOAD_PREFIX", "").strip("/"),
        environment.get("PAYLOAD_KMS_KEY_ID", ""),
        environment.get("PAYLOAD_BUCKET_OWNER", ""),
        environment.get("MODEL_BUCKET_OWNER", ""),
    )


def payload_location(request: Request, destination: Destination) -> PayloadLocation:
    """Return where the request's payload goes.

    >>> payload_location(Request("models", "churn/model.tar.gz"), Destination()).key
    'churn/payload/payload.tar.gz'

    Raises
    ------
    InvalidRequestError
        The request's own `payload_s3_uri` would overwrite a model, or the payload of a newer
        version; or it does not end in `.tar.gz`; or the key is longer than S3 takes.
    """
    bucket, key = usual = _usual_location(request, destination)
    if request.payload_s3_uri is not None:
        bucket, key = split_s3_uri(request.payload_s3_uri, "payload_s3_uri")
        _check_own_location(request, (bucket, key), usual)
    if len(key.encode()) > MAX_KEY_BYTES:  # a HEAD of such a key would fail without a reason
        raise InvalidRequestError(
            f"The payload's key would have {len(key.encode()):,} bytes, more than the "
            f"{MAX_KEY_BYTES:,} that S3 takes: '{shown(key)}'. Name a payload_s3_uri."
        )
    owner = destination.payload_owner
    if not owner and bucket == request.bucket:
        owner = destination.model_owner  # one bucket has one owner
    return PayloadLocation(bucket, key, owner, destination.kms_key_id)


def _usual_location(request: Request, destination: Destination) -> tuple[str, str]:
    key = _key_beside(request.key)
    if destination.bucket or destination.prefix:
        key = "/".join(filter(None, (destination.prefix, request.bucket, key)))
    return destination.bucket or request.bucket, key


def _check_own_location(request: Request, named: tuple[str, str], usual: tuple[str, str]) -> None:
    uri, name = shown(request.payload_s3_uri), named[1].rsplit("/", 1)[-1]
    if not name.endswith(_ARCHIVE_ENDING) or name in (MODEL_NAME, _ARCHIVE_ENDING):
        raise InvalidRequestError(
            f"payload_s3_uri is '{uri}'; it must end in {_ARCHIVE_ENDING}, and not in "
            f"{MODEL_NAME}, whose upload would start the function again."
        )
    if named == (request.bucket, request.key):
        raise InvalidRequestError(f"payload_s3_uri is the model itself, '{uri}'. Name another key.")
    if request.version_id and named == usual:
        raise InvalidRequestError(
            f"payload_s3_uri is '{uri}', where the newest model's payload goes: that of an old "
            "version must not replace it. Name another key."
        )


def _key_beside(key: str) -> str:
    """Return the payload's key for a model's key: in its own prefix, next to the model.

    Only `.tar.gz` is left out of an archive's name, so that the payloads of `churn.tgz` and
    `churn.tar.gz` have different keys.
    """
    path = key[:-1] if key.endswith("/") else key
    folder, name = path[: path.rfind("/") + 1], path[path.rfind("/") + 1 :]
    if name == ("model" if key.endswith("/") else MODEL_NAME):
        return f"{folder}payload/{PAYLOAD_NAME}"
    if not key.endswith("/") and name.endswith(_ARCHIVE_ENDING):
        name = name[: -len(_ARCHIVE_ENDING)]
    return f"{folder}payload-{name}/{PAYLOAD_NAME}"
