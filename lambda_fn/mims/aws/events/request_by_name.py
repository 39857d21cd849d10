"""A request that names its model: from Step Functions, the CLI, or `sam local invoke`."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from mims.aws.events.family import family_of_requests
from mims.aws.request import Request, check_bucket, check_key, check_unicode, split_s3_uri
from mims.errors import InvalidRequestError, shown
from mims.wording import of_names

_KEYS = (
    "model_s3_uri",
    "bucket",
    "key",
    "payload_s3_uri",
    "version_id",
    "settings",
    "force",
    "replace_foreign",
)


def recognises(event: Any) -> bool:
    return isinstance(event, dict) and (
        "model_s3_uri" in event or ("bucket" in event and "key" in event)
    )


def _read(event: Any) -> Request:
    bucket, key = _model(event)
    payload_s3_uri, version_id = _string(event, "payload_s3_uri"), _string(event, "version_id")
    if version_id and not payload_s3_uri:
        raise InvalidRequestError(
            "version_id needs a payload_s3_uri: the payload of an old version must not replace "
            "that of the newest model."
        )
    unknown = [name for name in event if name not in _KEYS]
    return Request(
        bucket,
        key,
        payload_s3_uri,
        version_id,
        event.get("settings"),
        force=_boolean(event, "force"),
        replace_foreign=_boolean(event, "replace_foreign"),
        warnings=tuple(of_names("Unknown keys of the request are ignored: {names}.", unknown)),
    )


def _model(event: Any) -> Tuple[str, str]:
    """Return the bucket and key of the model that is named; null counts as absent."""
    uri, bucket, key = (event.get(name) for name in ("model_s3_uri", "bucket", "key"))
    if bucket is None and key is None:
        return split_s3_uri(uri, "model_s3_uri")
    if uri is not None:
        raise InvalidRequestError(
            "The request names its model twice. Give model_s3_uri, or bucket and key."
        )
    bucket, key = _string(event, "bucket"), _string(event, "key")
    if bucket is None or key is None:
        raise InvalidRequestError(
            f"The request has no {'bucket' if bucket is None else 'key'}. Give bucket and key, or "
            "model_s3_uri."
        )
    check_bucket(bucket, "bucket")
    check_key(key, "key")
    return bucket, key


def _string(event: Any, name: str) -> Optional[str]:
    value: Any = event.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise InvalidRequestError(f"{name} is '{shown(value)}'; it must be a non-empty string.")
    check_unicode(value, name)
    return value


def _boolean(event: Any, name: str) -> bool:
    value = event.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidRequestError(f"{name} is '{shown(value)}'; it must be true or false.")
    return bool(value)


FAMILY = family_of_requests(
    "a request with model_s3_uri, or with bucket and key",
    (
        "request",
        "request_bucket_key",
        "request_uncompressed",
        "request_old_version",
        "request_replace_foreign",
    ),
    recognises,
    _read,
)
