"""Any event: an answer in JSON, or one of our own errors."""

from __future__ import annotations

import json
from typing import Any

import atheris  # type: ignore[import-untyped]

from tests.fuzz.running import ROOT, mapping, run, value

with atheris.instrument_imports(include=["mims"]):
    from mims.aws.dispatch import EventDispatch
    from mims.aws.request import Request
    from mims.aws.results import Result
    from mims.errors import PayloadError

_KEYS = (
    "Records",
    "eventSource",
    "EventSource",
    "aws:s3",
    "aws:sqs",
    "aws:sns",
    "aws.s3",
    "aws.sagemaker",
    "s3",
    "bucket",
    "name",
    "object",
    "key",
    "body",
    "Sns",
    "Message",
    "TopicArn",
    "Type",
    "Notification",
    "Event",
    "s3:TestEvent",
    "source",
    "detail",
    "detail-type",
    "Object Created",
    "TrainingJobStatus",
    "Completed",
    "ModelArtifacts",
    "S3ModelArtifacts",
    "OutputDataConfig",
    "S3OutputPath",
    "TrainingJobName",
    "invocationSchemaVersion",
    "1.0",
    "2.0",
    "tasks",
    "s3Key",
    "s3BucketArn",
    "s3Bucket",
    "arn:aws:s3:::bucket",
    "requestContext",
    "condition",
    "requestPayload",
    "Success",
    "responsePayload",
    "lambda",
    "status",
    "model_etag",
    "results",
    "batchItemFailures",
    "arn:aws:s3:us-east-1:111122223333:accesspoint/models",
    "model_s3_uri",
    "s3://bucket/a/model.tar.gz",
    "s3://bucket/a/model/",
    "a%2Fmodel.tar.gz",
    "payload_s3_uri",
    "version_id",
    "settings",
    "force",
    "replace_foreign",
)


_EVENTS = [path.read_bytes() for path in sorted((ROOT / "events").glob("*.json"))]


def fuzz_events(fuzzed: bytes) -> None:
    """JSON is the event itself; other bytes choose one of `events/`, with a few parts replaced."""
    try:
        event = json.loads(fuzzed)
    except (ValueError, RecursionError):
        provider = atheris.FuzzedDataProvider(fuzzed)
        number = provider.ConsumeIntInRange(0, len(_EVENTS))
        if number == len(_EVENTS):
            event = mapping(provider, _KEYS, 5)
        else:
            event = json.loads(_EVENTS[number])
            for _ in range(provider.ConsumeIntInRange(0, 4)):
                event = _changed(event, provider)
    try:
        json.dumps(EventDispatch(_perform, lambda _: None).answer(event))
    except PayloadError as error:
        str(error)


def _perform(request: Request) -> Result:
    return Result("created", request.model_s3_uri)


def _changed(part: Any, provider: atheris.FuzzedDataProvider) -> Any:
    """Return an event with one part of it replaced, left out, or put into an envelope's text."""
    keys = [*part] if isinstance(part, dict) else []
    keys = [*range(len(part))] if isinstance(part, list) else keys
    if not keys or provider.ConsumeIntInRange(0, 9) == 0:
        choice = provider.ConsumeIntInRange(0, 4)
        if choice == 0:
            return json.dumps(part)
        if choice == 1:
            return json.loads(provider.PickValueInList(_EVENTS))
        return value(provider, _KEYS, 2)
    key = provider.PickValueInList(keys)
    if provider.ConsumeIntInRange(0, 9) == 0:
        del part[key]
    else:
        part[key] = _changed(part[key], provider)
    return part


if __name__ == "__main__":
    run(fuzz_events, ROOT / "events")
