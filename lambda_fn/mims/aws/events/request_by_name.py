"""A request that names its model: from Step Functions, the CLI, or `sam local invoke`."""

from __future__ import annotations

from typing import Any

from mims.aws.events.family import family_of_requests, text_at
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
    if "model_s3_uri" not in event:
        bucket, key = text_at(event, "bucket"), text_at(event, "key")
        check_bucket(bucket, "bucket")
        check_key(key, "key")
    elif "bucket" in event or "key" in event:
        raise InvalidRequestError(
            "The request names its model twice. Give model_s3_uri, or bucket and key."
        )
    else:
        bucket, key = split_s3_uri(event["model_s3_uri"], "model_s3_uri")
    texts = {name: event.get(name) for name in ("payload_s3_uri", "version_id")}
    for name, value in texts.items():
        if value is not None and (not isinstance(value, str) or not value):
            raise InvalidRequestError(f"{name} is '{shown(value)}'; it must be a text.")
        check_unicode(value or "", name)
    if texts["version_id"] and not texts["payload_s3_uri"]:
        raise InvalidRequestError(
            "version_id needs a payload_s3_uri: the payload of an old version must not replace "
            "that of the newest model."
        )
    truths = {name: event.get(name) for name in ("force", "replace_foreign")}
    for name, value in truths.items():
        if value is not None and not isinstance(value, bool):
            raise InvalidRequestError(f"{name} is '{shown(value)}'; it must be true or false.")
    unknown = [key for key in event if key not in _KEYS]
    return Request(
        bucket,
        key,
        texts["payload_s3_uri"],
        texts["version_id"],
        event.get("settings"),
        force=bool(truths["force"]),
        replace_foreign=bool(truths["replace_foreign"]),
        warnings=tuple(of_names("Unknown keys of the request are ignored: {names}.", unknown)),
    )


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
