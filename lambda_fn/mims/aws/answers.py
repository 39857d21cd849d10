"""The results of an event's requests → the answer that whoever sent the event expects."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Optional
from urllib.parse import unquote_plus

from mims.aws.events import (
    Request,
    event_in_message,
    is_failure_record,
    is_single,
    notified_request,
    part,
    records_of,
    requests_in,
)
from mims.errors import InvalidRequestError, PayloadError, shown

Result = Dict[str, Any]
# Brings one request's payload up to date; raises and reports what goes wrong.
Perform = Callable[[Request], Result]
# Reports an error that belongs to no request.
Report = Callable[[PayloadError], None]

_MAX_RESULT_STRING = 1000
_BATCH_VERSIONS = ("1.0", "2.0")


def answer(event: Any, perform: Perform, report: Report) -> Any:
    """Return the answer to an event, in the form of its shape.

    Raises
    ------
    PayloadError
        What the first failing request raised, after the last was performed; where the answer
        itself tells failures (SQS, S3 Batch Operations), only for an event of no known shape.
    """
    while isinstance(event, dict) and is_failure_record(event):
        event = event["requestPayload"]
    if isinstance(event, dict) and "invocationSchemaVersion" in event:
        return _batch_operations(event, perform, report)
    if _is_from_sqs(event):
        return _sqs(event, perform, report)
    results = _perform_all(event, perform, report)
    return results[0] if is_single(event) else {"results": results}


def _perform_all(event: Any, perform: Perform, report: Report) -> List[Result]:
    """Perform all that the event asks for; then raise what the first failure was, if any."""
    results: List[Result] = []
    failure: Optional[Exception] = None
    for record in records_of(event):
        try:
            requests = requests_in(record)
        except PayloadError as error:
            report(error)
            failure = failure or error
            continue
        for request in requests:
            try:
                results.append(perform(request))
            except Exception as error:  # noqa: BLE001 - the other requests come first
                failure = failure or error
    if failure is not None:
        raise failure
    return results


def _is_from_sqs(event: Any) -> bool:
    records = event.get("Records") if isinstance(event, dict) else None
    return (
        isinstance(records, list)
        and bool(records)
        and all(
            isinstance(record, dict)
            and record.get("eventSource") == "aws:sqs"
            and isinstance(record.get("messageId"), str)
            for record in records
        )
    )


def _sqs(event: Dict[str, Any], perform: Perform, report: Report) -> Any:
    """Answer with the messages that failed, so that the queue gives those, and no others, again."""
    # Imported here: the other events' cold start need not pay for it.
    from aws_lambda_powertools.utilities.batch import (
        BatchProcessor,
        EventType,
        process_partial_response,
    )
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    def handle(record: SQSRecord) -> None:
        try:
            event = event_in_message(record.get("body"))
        except PayloadError as error:
            report(error)
            raise
        _perform_all(event, perform, report)

    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=handle, processor=processor)


def _batch_operations(event: Dict[str, Any], perform: Perform, report: Report) -> Any:
    """Answer each task, in the schema of S3 Batch Operations.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html
    """
    version = event["invocationSchemaVersion"]
    tasks = event.get("tasks")
    if version not in _BATCH_VERSIONS or not isinstance(tasks, list):
        error = InvalidRequestError(
            f"The event is of S3 Batch Operations' schema '{shown(version)}', or has no tasks. "
            f"Known are the schemas {' and '.join(_BATCH_VERSIONS)}."
        )
        report(error)
        raise error
    return {
        "invocationSchemaVersion": version,
        "treatMissingKeysAs": "PermanentFailure",
        "invocationId": event.get("invocationId"),
        "results": [_task(task, perform, report) for task in tasks],
    }


def _task(task: Any, perform: Perform, report: Report) -> Dict[str, Any]:
    task_id = task.get("taskId") if isinstance(task, dict) else None
    try:
        request = _task_request(task)
    except PayloadError as error:
        report(error)
        return _task_failed(task_id, error, error.permanent)
    try:
        result = perform(request)
    except PayloadError as error:
        return _task_failed(task_id, error, error.permanent)
    except Exception as error:  # noqa: BLE001 - the other tasks' results must not be lost with it
        return _task_failed(task_id, error, permanent=False)
    if result["status"] == "skipped":
        told = f"skipped: {result['reason']}"
    else:
        told = json.dumps({"status": result["status"], "payload": result["payload_s3_uri"]})
    return _task_result(task_id, "Succeeded", told)


def _task_request(task: Any) -> Request:
    if isinstance(task, dict) and task.get("s3Bucket"):
        bucket = part(task, "s3Bucket")
    else:
        bucket = part(task, "s3BucketArn").rsplit(":::", 1)[-1]
    # A version in the task is ignored: the payload belongs to the newest.
    return notified_request(bucket, unquote_plus(part(task, "s3Key")))


def _task_failed(task_id: Any, error: Exception, permanent: bool) -> Dict[str, Any]:
    code = "PermanentFailure" if permanent else "TemporaryFailure"
    return _task_result(task_id, code, f"{type(error).__name__}: {error}")


def _task_result(task_id: Any, code: str, told: str) -> Dict[str, Any]:
    return {"taskId": task_id, "resultCode": code, "resultString": told[:_MAX_RESULT_STRING]}
