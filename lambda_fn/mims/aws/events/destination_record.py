"""The record of an asynchronous invocation that Lambda sends to a destination.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

from typing import Any, Dict

from mims.aws.events.family import Family


def _record(event: Any) -> Dict[str, Any]:
    """Return the record, which is within an EventBridge event if the destination is a bus."""
    if isinstance(event, dict) and event.get("source") == "lambda":
        event = event.get("detail")
    context = event.get("requestContext") if isinstance(event, dict) else None
    return event if isinstance(context, dict) and "condition" in context else {}


def is_success(event: Any) -> bool:
    record = _record(event)
    return (
        bool(record)
        and record["requestContext"]["condition"] == "Success"
        and "responsePayload" in record
    )


def is_failure(event: Any) -> bool:
    record = _record(event)
    return "requestPayload" in record and record["requestContext"]["condition"] != "Success"


def _response(event: Any) -> Any:
    return _record(event)["responsePayload"]


def _request(event: Any) -> Any:
    return _record(event)["requestPayload"]


# What another function answered. It is tried first, since it has that function's event as well.
SUCCESS = Family(
    "a success record of an asynchronous invocation, whose answer is one of the others",
    ("success_record", "success_record_eventbridge", "success_record_of_this_function"),
    is_success,
    lambda event, dispatch: dispatch.results_within(_response, event),
    lambda event, dispatch: dispatch.answer_within(_response(event)),
)
FAILURE = Family(
    "a failure record of an asynchronous invocation, to replay it",
    ("failure_record",),
    is_failure,
    lambda event, dispatch: dispatch.results_within(_request, event),
    lambda event, dispatch: dispatch.answer_within(_request(event)),
)
