"""A request for a model's payload, and the names in S3 that it may use."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Optional, Tuple

from mims.errors import InvalidRequestError, shown
from mims.values import is_unicode

MODEL_NAME = "model.tar.gz"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024

# What S3 accepts instead of a bucket's name. Each also has an ARN, which has slashes.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-naming.html
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_UNSUPPORTED_ENDINGS = {
    "-s3alias": "an access point's alias",
    "--ol-s3": "the alias of an Object Lambda access point",
    "--op-s3": "the alias of an access point of S3 on Outposts",
    "--x-s3": "a directory bucket",
    "--xa-s3": "an access point of a directory bucket",
    "--table-s3": "a table bucket",
    ".mrap": "a Multi-Region access point",
}
_BUCKET_ARN = re.compile(r"arn:[^:/]*:s3:::([^/]+)\Z")
# The names that the SDK accepts: old buckets may have names that new ones may not.
_BUCKET_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}\Z")


class Request(NamedTuple):
    """A request for a model's payload; a key that ends in `/` is an uncompressed model.

    `notified` is true for an event, which only says *look at this key*, and false for a request by
    name. A `skip_reason` says why there is nothing to do.
    """

    bucket: str
    key: str
    payload_s3_uri: Optional[str] = None
    version_id: Optional[str] = None
    settings: Any = None
    force: bool = False
    replace_foreign: bool = False
    notified: bool = False
    skip_reason: str = ""
    warnings: Tuple[str, ...] = ()

    @property
    def model_s3_uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}" if self.bucket else ""

    @property
    def uncompressed(self) -> bool:
        return self.key.endswith("/")


def notified_request(bucket: str, key: str) -> Request:
    """Return the request of an event that says that something happened to an object.

    Raises
    ------
    InvalidRequestError
        The key is longer than S3 takes; or the model's bucket is not one, but an access point, say.
    """
    check_key(key, "The event's key")
    name = key.rsplit("/", 1)[-1]
    if name != MODEL_NAME:
        return nothing_to_do(f"'{shown(name or key)}' is not named {MODEL_NAME}", bucket, key)
    check_bucket(bucket, "The event's bucket")
    return Request(bucket, key, notified=True)


def nothing_to_do(reason: str, bucket: str = "", key: str = "") -> Request:
    """Return the request of an event that asks for no payload."""
    return Request(bucket, key, notified=True, skip_reason=reason)


def split_s3_uri(uri: Any, name: str) -> Tuple[str, str]:
    """Return the bucket and key of `s3://bucket/key`, which a request has under `name`.

    Raises
    ------
    InvalidRequestError
        It is not such a URI; or it names an access point, whose ARN has slashes.
    """
    rest = uri[5:] if isinstance(uri, str) and uri.startswith("s3://") else ""
    bucket, _, key = rest.partition("/")
    check_bucket(rest if rest.startswith("arn:") else bucket, name)
    if not bucket or not key:
        raise InvalidRequestError(
            f"{name} is '{shown(uri)}'; it must be an S3 URI, s3://bucket/key."
        )
    check_unicode(uri, name)
    check_key(key, name)
    return bucket, key


def bucket_of_arn(arn: str, name: str) -> str:
    """Return the bucket that `arn:aws:s3:::bucket` names.

    Raises
    ------
    InvalidRequestError
        It is the ARN of something else.
    """
    match = _BUCKET_ARN.match(arn)
    bucket = match.group(1) if match else arn
    check_bucket(bucket, name)
    return bucket


def check_bucket(bucket: str, name: str) -> None:
    """Refuse what is not a bucket's name; an empty string is accepted.

    What S3 accepts instead of a bucket's name is refused too, since one object would have several
    names.

    Raises
    ------
    InvalidRequestError
        The message has `name` and its value.
    """
    substitute = _substitute_for_a_bucket(bucket)
    if substitute:
        raise InvalidRequestError(
            f"{name} is '{shown(bucket)}', {substitute}, which is not supported. Name the bucket "
            "itself."
        )
    if bucket and not _BUCKET_NAME.match(bucket):
        raise InvalidRequestError(
            f"{name} is '{shown(bucket)}', which cannot be a bucket's name. Give the name alone, "
            "without s3:// and without a path."
        )


def check_key(key: str, name: str) -> None:
    if len(key) > MAX_KEY_BYTES or len(key.encode("utf-8", "surrogatepass")) > MAX_KEY_BYTES:
        raise InvalidRequestError(
            f"{name} is longer than the {MAX_KEY_BYTES:,} bytes that a key in S3 may have: "
            f"'{shown(key)}'. Correct it."
        )


def check_unicode(value: str, name: str) -> None:
    if not is_unicode(value):
        raise InvalidRequestError(
            f"{name} is '{shown(value)}', which is not valid Unicode (it has half of a surrogate "
            "pair), so nothing in S3 has that name. Correct it."
        )


def _substitute_for_a_bucket(bucket: str) -> str:
    """Return what this names instead of a bucket; empty if it is a bucket's name."""
    if not bucket.startswith("arn:"):
        endings = _UNSUPPORTED_ENDINGS.items()
        return next((kind for ending, kind in endings if bucket.endswith(ending)), "")
    _, _, service, region, _, resource = f"{bucket}:::::".split(":", 5)
    if service == "s3-outposts":
        return "an ARN of S3 on Outposts"
    if not resource.startswith("accesspoint"):
        return "an ARN"
    return f"the ARN of {'an access point' if region else 'a Multi-Region access point'}"
