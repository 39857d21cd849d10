"""A list of events, or of bare records, as EventBridge Pipes and batches of a Map state send it.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html
"""

from __future__ import annotations

from typing import Any, List

from mims.aws.events import s3_notification, sns, sqs
from mims.aws.events.family import Dispatch, Family, is_record, results_of_each
from mims.aws.results import Result, as_dicts

_RECORDS = (
    (s3_notification.KEY, s3_notification.SOURCE),
    (sns.KEY, sns.SOURCE),
    (sqs.KEY, sqs.SOURCE),
)

# An answer has room for the statuses of so many, if for nothing else.
_MAX_ITEMS = 10_000


def recognises(event: Any) -> bool:
    return isinstance(event, list) and bool(event)


def results(event: Any, dispatch: Dispatch) -> List[Result]:
    return results_of_each(event, lambda item: dispatch.results_within(_as_event, item))


def answer(event: Any, dispatch: Dispatch) -> Any:
    if all(is_record(item, sqs.KEY, sqs.SOURCE) for item in event):
        return dispatch.answer_within({"Records": event})
    if len(event) > _MAX_ITEMS:
        raise dispatch.refused(
            f"The list has {len(event):,} items, more than the {_MAX_ITEMS:,} that an answer has "
            "room for. Send them in several events."
        )
    return as_dicts(results(event, dispatch))


def _as_event(item: Any) -> Any:
    """Return a bare record as an event with one record; anything else is returned unchanged."""
    if any(is_record(item, key, source) for key, source in _RECORDS):
        return {"Records": [item]}
    return item


FAMILY = Family(
    "a list of any of these, or of records of S3, SNS and SQS",
    ("list_of_events", "list_of_records", "list_of_sqs_records"),
    recognises,
    results,
    answer,
)
