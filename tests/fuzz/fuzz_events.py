"""Any event: the requests in it, or an error of the tree."""

from __future__ import annotations

import json

import atheris

from tests.fuzz.running import ROOT, mapping, run

with atheris.instrument_imports(include=["mims"]):
    from mims.aws.events import requests_in
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
    "model_s3_uri",
    "s3://bucket/a/model.tar.gz",
    "s3://bucket/a/model/",
    "a%2Fmodel.tar.gz",
    "payload_s3_uri",
    "version_id",
    "settings",
    "force",
)


def fuzz_events(fuzzed: bytes) -> None:
    """What is JSON is the event; else the event is made of the bytes."""
    try:
        event = json.loads(fuzzed)
    except (ValueError, RecursionError):
        event = mapping(atheris.FuzzedDataProvider(fuzzed), _KEYS, 5)
    try:
        for request in requests_in(event):
            str(request.model_s3_uri)
    except PayloadError as error:
        str(error)


if __name__ == "__main__":
    run(fuzz_events, ROOT / "events")
