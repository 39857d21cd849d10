"""S3 Batch Operations: a task is one object, and is answered in the version of its schema.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html
"""

from __future__ import annotations

import json
from typing import Any, Dict, List
from urllib.parse import unquote_plus

from mims.aws.events.family import Dispatch, Family, results_of_each, string_at
from mims.aws.request import Request, bucket_of_arn, notified_request
from mims.aws.results import SKIPPED, Result
from mims.errors import (
    ArchiveLimitError,
    CorruptArchiveError,
    HyperparametersNotFoundError,
    InvalidHyperparametersError,
    ModelArchivedError,
    NoInputFieldsError,
    PayloadError,
    PayloadOccupiedError,
    PayloadTooLargeError,
    shown,
)

_VERSIONS = ("1.0", "2.0")
_MAX_RESULT_STRING = 1000  # characters; a report takes 1,024
# No payload can be made for these models. Old buckets are full of them, and S3 ends a job if more
# than half of its tasks fail; so such tasks succeed, with the reason.
_NO_PAYLOAD = (
    CorruptArchiveError,
    ArchiveLimitError,
    HyperparametersNotFoundError,
    InvalidHyperparametersError,
    NoInputFieldsError,
    PayloadTooLargeError,
    PayloadOccupiedError,
    ModelArchivedError,
)


def recognises(event: Any) -> bool:
    return isinstance(event, dict) and "invocationSchemaVersion" in event


def results(event: Any, dispatch: Dispatch) -> List[Result]:
    return results_of_each(_tasks(event, dispatch), lambda task: [dispatch.result(_read, task)])


def answer(event: Any, dispatch: Dispatch) -> Dict[str, Any]:
    tasks = _tasks(event, dispatch)
    return {
        "invocationSchemaVersion": event["invocationSchemaVersion"],
        "treatMissingKeysAs": "PermanentFailure",
        "invocationId": event.get("invocationId"),
        "results": [_answer_task(task, dispatch) for task in tasks],
    }


def _tasks(event: Any, dispatch: Dispatch) -> List[Any]:
    version, tasks = event["invocationSchemaVersion"], event.get("tasks")
    if version in _VERSIONS and isinstance(tasks, list):
        return tasks
    raise dispatch.refused(
        f"The event of S3 Batch Operations has the schema '{shown(version)}', or no tasks. "
        f"Supported schemas: {' and '.join(_VERSIONS)}."
    )


def _answer_task(task: Any, dispatch: Dispatch) -> Dict[str, Any]:
    code = "Succeeded"
    try:
        result = dispatch.result(_read, task)
    except PayloadError as error:
        text = f"{type(error).__name__}: {error}"
        if isinstance(error, _NO_PAYLOAD):
            text = f"no payload: {text}"
        else:
            code = "PermanentFailure" if error.permanent else "TemporaryFailure"
    else:
        answered = result.as_dict()
        if result.status == SKIPPED:
            text = f"skipped: {result.reason}"
        else:
            text = json.dumps({"status": result.status, "payload": answered["payload_s3_uri"]})
    task_id = task.get("taskId") if isinstance(task, dict) else None
    return {"taskId": task_id, "resultCode": code, "resultString": text[:_MAX_RESULT_STRING]}


def _read(task: Any) -> Request:
    if isinstance(task, dict) and task.get("s3Bucket"):
        bucket = string_at(task, "s3Bucket")
    else:
        bucket = bucket_of_arn(string_at(task, "s3BucketArn"), "s3BucketArn")
    # A version in the task is ignored: the payload belongs to the newest one.
    return notified_request(bucket, unquote_plus(string_at(task, "s3Key")))


FAMILY = Family(
    f"an S3 Batch Operations event of schema {' or '.join(_VERSIONS)}",
    ("batch_operations_1", "batch_operations_2"),
    recognises,
    results,
    answer,
)
