"""An answer of this function that comes back to it: it is skipped, so that there is no loop."""

from __future__ import annotations

from typing import Any

from mims.aws.events.family import family_of_requests
from mims.aws.request import Request, nothing_to_do
from mims.aws.results import STATUSES


def recognises(event: Any) -> bool:
    if not isinstance(event, dict):
        return False
    keys = set(event)
    return (
        keys >= {"status", "model_etag"}
        # What is kept of a result in an answer with very many.
        or ("status" in keys <= {"status", "count"} and event["status"] in STATUSES)
        or keys in ({"results"}, {"batchItemFailures"})
        or keys >= {"results", "invocationSchemaVersion"}
    )


def _read(_event: Any) -> Request:
    return nothing_to_do("it is an answer of this function")


FAMILY = family_of_requests(
    "an answer of this function itself, which is skipped",
    ("own_result", "own_results", "own_batch_item_failures", "own_batch_operations_answer"),
    recognises,
    _read,
)
