"""What the function is told of an invocation: Lambda's context, or what stands in for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Where nobody says how much time is left, as on a call by hand: Lambda's longest.
_SECONDS = 900.0


@dataclass(frozen=True)
class Invocation:
    """The parts of Lambda's context that are used here, and by Powertools.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    function_name: str
    memory_limit_in_mb: int
    invoked_function_arn: str
    aws_request_id: str
    seconds_left: float


def invocation_of(context: Any) -> Invocation:
    """Return the invocation of a context; what that lacks, or all, is filled in."""
    time_left = getattr(context, "get_remaining_time_in_millis", None)
    return Invocation(
        getattr(context, "function_name", "by hand"),
        getattr(context, "memory_limit_in_mb", 0),
        getattr(context, "invoked_function_arn", ""),
        getattr(context, "aws_request_id", ""),
        time_left() / 1000 if time_left else _SECONDS,
    )
