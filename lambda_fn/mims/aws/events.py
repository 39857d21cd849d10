"""An event → the requests in it. Every shape is recognised by its structure.

S3's notifications and Batch Operations URL-encode their keys; EventBridge, SageMaker and people do
not. (Powertools' event class for EventBridge decodes its keys all the same, which turns `a+b` into
`a b`; so the shapes are read here, and an event that breaks its shape names the place.)
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, NamedTuple, NoReturn, Optional, Tuple
from urllib.parse import unquote_plus

from mims.errors import InvalidRequestError, shown
from mims.values import is_unicode

MODEL_NAME = "model.tar.gz"
_REQUEST_KEYS = (
    "model_s3_uri",
    "bucket",
    "key",
    "payload_s3_uri",
    "version_id",
    "settings",
    "force",
)
_MAX_ENVELOPES = 5
_KNOWN_SHAPES = (
    "an S3 notification, an EventBridge event of aws.s3 or aws.sagemaker, an SQS, SNS or S3 Batch "
    "Operations event, a failure record of an asynchronous invocation, or a request with "
    "model_s3_uri, or with bucket and key"
)


class Request(NamedTuple):
    """A model whose payload is wanted; a key that ends in `/` is an uncompressed model.

    `notified` tells an event that only says *look at this key* from a request by name; a
    `skip_reason` tells that it asks for nothing.
    """

    bucket: str
    key: str
    payload_s3_uri: Optional[str] = None
    version_id: Optional[str] = None
    settings: Any = None
    force: bool = False
    notified: bool = False
    skip_reason: str = ""
    warnings: Tuple[str, ...] = ()

    @property
    def model_s3_uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}" if self.bucket else ""

    @property
    def uncompressed(self) -> bool:
        return self.key.endswith("/")


def requests_in(event: Any) -> List[Request]:
    """Return the requests in an event of any shape but those of SQS and S3 Batch Operations.

    Raises
    ------
    InvalidRequestError
        The event has no known shape, or lacks a part of it.
    """
    return _requests(event, 0)


def records_of(event: Any) -> List[Any]:
    """Return the event cut up into events of one record, so that one bad record spoils no other."""
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or len(records) < 2:
        return [event]
    return [{**event, "Records": [record]} for record in records]


def is_single(event: Any) -> bool:
    """Say whether the event's shape holds one model, and is answered with one result."""
    return not (isinstance(event, dict) and ("Records" in event or _is_test(event)))


def notified_request(bucket: str, key: str) -> Request:
    """Return the request that a notification of an upload makes."""
    name = key.rsplit("/", 1)[-1]
    reason = "" if name == MODEL_NAME else f"'{shown(name)}' is no {MODEL_NAME}"
    return Request(bucket, key, notified=True, skip_reason=reason)


def split_s3_uri(uri: Any, name: str) -> Tuple[str, str]:
    """Return bucket and key of `s3://bucket/key`, which stands under `name` in a request."""
    bucket, _, key = uri[5:].partition("/") if isinstance(uri, str) else ("", "", "")
    if not isinstance(uri, str) or not uri.startswith("s3://") or not bucket or not key:
        raise InvalidRequestError(
            f"{name} is '{shown(uri)}'; it must be an S3 URI, s3://bucket/key."
        )
    _check_unicode(uri, name)
    return bucket, key


def part(event: Any, *path: str) -> str:
    """Return the text at a path of an event's keys."""
    value = event
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, str) or not value:
        raise InvalidRequestError(
            f"The event has no text at {'.'.join(path)}, where its shape has one. Known shapes "
            f"are: {_KNOWN_SHAPES}."
        )
    _check_unicode(value, ".".join(path))
    return value


def _check_unicode(value: str, name: str) -> None:
    if not is_unicode(value):
        raise InvalidRequestError(
            f"{name} is '{shown(value)}', no valid Unicode (it holds half of a surrogate pair), "
            "as no name in S3 is. Correct it."
        )


def _requests(event: Any, envelopes: int) -> List[Request]:  # noqa: RET503 - _unknown raises
    if envelopes > _MAX_ENVELOPES:
        raise InvalidRequestError(
            f"The event lies in more than {_MAX_ENVELOPES} envelopes. Send it as it was."
        )
    if not isinstance(event, dict):
        _unknown(event)
    if _is_test(event):
        return []
    if is_failure_record(event):
        return _requests(event["requestPayload"], envelopes + 1)
    if event.get("Type") == "Notification" and "Message" in event:  # SNS, as it comes through SQS
        return _requests(_parsed(event["Message"], "Message"), envelopes + 1)
    records = event.get("Records")
    if isinstance(records, list) and records:
        return [request for record in records for request in _of_record(record, envelopes)]
    if event.get("source") == "aws.s3":
        return [
            notified_request(
                part(event, "detail", "bucket", "name"), part(event, "detail", "object", "key")
            )
        ]
    if event.get("source") == "aws.sagemaker":
        return [_of_training_job(event)]
    if "model_s3_uri" in event or ("bucket" in event and "key" in event):
        return [_named(event)]
    _unknown(event)


def is_failure_record(event: Dict[str, Any]) -> bool:
    """Say whether the event is what Lambda sends to a destination when an invocation failed.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    context = event.get("requestContext")
    return isinstance(context, dict) and "condition" in context and "requestPayload" in event


def _is_test(event: Dict[str, Any]) -> bool:
    return event.get("Event") == "s3:TestEvent"


def _of_record(record: Any, envelopes: int) -> List[Request]:  # noqa: RET503 - the same
    if isinstance(record, dict) and record.get("eventSource") == "aws:s3":
        key = unquote_plus(part(record, "s3", "object", "key"))
        return [notified_request(part(record, "s3", "bucket", "name"), key)]
    if isinstance(record, dict) and record.get("EventSource") == "aws:sns":
        return _requests(_parsed(part(record, "Sns", "Message"), "Sns.Message"), envelopes + 1)
    _unknown(record)


def _of_training_job(event: Dict[str, Any]) -> Request:
    status = part(event, "detail", "TrainingJobStatus")
    if status != "Completed":
        reason = f"the training job's status is {shown(status)}"
        return Request("", "", notified=True, skip_reason=reason)
    detail = event["detail"]
    if isinstance(detail.get("ModelArtifacts"), dict):
        uri = part(event, "detail", "ModelArtifacts", "S3ModelArtifacts")
    else:
        folder = part(event, "detail", "OutputDataConfig", "S3OutputPath").rstrip("/")
        uri = f"{folder}/{part(event, 'detail', 'TrainingJobName')}/output/{MODEL_NAME}"
    bucket, key = split_s3_uri(uri, "S3ModelArtifacts")
    if key.endswith("/"):  # a job with CompressionType NONE
        return Request(bucket, key, notified=True)
    return notified_request(bucket, key)


def _named(event: Dict[str, Any]) -> Request:
    if "model_s3_uri" not in event:
        bucket, key = part(event, "bucket"), part(event, "key")
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
        _check_unicode(value or "", name)
    if texts["version_id"] and not texts["payload_s3_uri"]:
        raise InvalidRequestError(
            "version_id needs a payload_s3_uri: the payload of an old version must not replace "
            "that of the newest model."
        )
    force = event.get("force")
    if force not in (None, True, False):
        raise InvalidRequestError(f"force is '{shown(force)}'; it must be true or false.")
    unknown = [key for key in event if key not in _REQUEST_KEYS]
    return Request(
        bucket,
        key,
        texts["payload_s3_uri"],
        texts["version_id"],
        event.get("settings"),
        bool(force),
        warnings=tuple(f"The request's key '{shown(key)}' is not known." for key in unknown),
    )


def _parsed(message: Any, name: str) -> Any:
    """Return the event in a message's text."""
    try:
        return json.loads(message)
    except (TypeError, ValueError, RecursionError):
        raise InvalidRequestError(
            f"{name} holds no JSON. It must hold one of: {_KNOWN_SHAPES}."
        ) from None


def event_in_message(body: Any) -> Any:
    """Return the event in the body of a queue's message.

    Raises
    ------
    InvalidRequestError
        The body is no JSON.
    """
    return _parsed(body, "The message's body")


def _unknown(event: Any) -> NoReturn:
    keys = ", ".join(shown(key) for key in list(event)[:10]) if isinstance(event, dict) else ""
    raise InvalidRequestError(
        f"The event has no known shape (its keys: {keys or 'none'}). It must be {_KNOWN_SHAPES}."
    )
