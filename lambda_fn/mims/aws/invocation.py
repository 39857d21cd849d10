"""Lambda's context of an invocation, completed where the function is called by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# The time left if the context does not say it: the longest that Lambda lets a function run.
_MAX_SECONDS = 900.0


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
    """Return the invocation of a context; defaults fill in what the context lacks."""
    time_left = getattr(context, "get_remaining_time_in_millis", None)
    return Invocation(
        getattr(context, "function_name", "by hand"),
        getattr(context, "memory_limit_in_mb", 0),
        getattr(context, "invoked_function_arn", ""),
        getattr(context, "aws_request_id", ""),
        time_left() / 1000 if time_left else _MAX_SECONDS,
    )
