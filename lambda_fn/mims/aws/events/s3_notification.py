"""Bucket notifications of S3, and the test event that S3 sends when they are set up.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

from typing import Any, Dict, List
from urllib.parse import unquote_plus

from mims.aws.events.family import (
    Dispatch,
    Family,
    is_record,
    records_from,
    results_of_each,
    string_at,
)
from mims.aws.request import Request, notified_request
from mims.aws.results import Result, as_dicts
from mims.errors import InvalidRequestError

KEY, SOURCE = "eventSource", "aws:s3"


def recognises(event: Any) -> bool:
    return bool(records_from(event, KEY, SOURCE))


def results(event: Any, dispatch: Dispatch) -> List[Result]:
    return results_of_each(event["Records"], lambda record: [dispatch.result(_read, record)])


def answer(event: Any, dispatch: Dispatch) -> Dict[str, Any]:
    return {"results": as_dicts(results(event, dispatch))}


def is_test(event: Any) -> bool:
    return isinstance(event, dict) and event.get("Event") == "s3:TestEvent"


def _read(record: Any) -> Request:
    if not is_record(record, KEY, SOURCE):
        raise InvalidRequestError(
            "Some records of the event are from S3, and this one is not. Send it in another event."
        )
    # Only the key is URL-encoded in a notification. Its version is ignored: the newest is read.
    key = unquote_plus(string_at(record, "s3", "object", "key"))
    return notified_request(string_at(record, "s3", "bucket", "name"), key)


FAMILY = Family("an S3 notification", ("s3", "s3_removed"), recognises, results, answer)
TEST_EVENT = Family(
    "the test event of an S3 notification",
    ("s3_test_event",),
    is_test,
    lambda _event, _dispatch: [],
    lambda _event, _dispatch: {"results": []},
)
