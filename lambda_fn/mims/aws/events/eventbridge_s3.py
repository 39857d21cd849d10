"""EventBridge's events of S3.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

from __future__ import annotations

from typing import Any

from mims.aws.events.family import family_of_requests, string_at
from mims.aws.request import Request, nothing_to_do, notified_request
from mims.errors import shown

# After a deletion an older version may be the newest; a restored object can be read.
_HANDLED = ("Object Created", "Object Deleted", "Object Restore Completed")


def recognises(event: Any) -> bool:
    return isinstance(event, dict) and event.get("source") == "aws.s3"


def _read(event: Any) -> Request:
    detail_type = event.get("detail-type", _HANDLED[0])
    if detail_type not in _HANDLED:
        return nothing_to_do(f"the event '{shown(detail_type)}' of aws.s3 calls for no payload")
    # The key is not URL-encoded here. (Powertools' event class decodes it all the same.)
    key = string_at(event, "detail", "object", "key")
    return notified_request(string_at(event, "detail", "bucket", "name"), key)


FAMILY = family_of_requests(
    "an EventBridge event of aws.s3",
    (
        "eventbridge_object_created",
        "eventbridge_object_deleted",
        "eventbridge_object_restore_completed",
        "eventbridge_object_tags_added",
    ),
    recognises,
    _read,
)
