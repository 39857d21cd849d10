"""Door one: the Lambda function that keeps each model's sample payload up to date."""

from __future__ import annotations

import os
import time
from typing import Any, Dict

from mims.aws import s3
from mims.aws.answers import answer
from mims.aws.events import Request
from mims.aws.payloads import read_destination
from mims.aws.reconcile import reconcile, skipped
from mims.aws.telemetry import flush, logger, report_failure, report_result
from mims.settings import read_settings

# What is left of the function's time for its last words, once the deadline is reached.
_MARGIN_SECONDS = 10.0
# Where the runtime says nothing of the time left, as on a call by hand.
_DEFAULT_SECONDS = 900.0

if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    s3.client()  # made while the function starts, when Lambda gives it a whole processor


def lambda_handler(event: Any, context: Any) -> Any:
    """Answer an event of any known shape (see `mims.aws.events`).

    Parameters
    ----------
    event
        The event as Lambda's runtime parsed it.
    context
        Lambda's context; of it, the time left and the request's id are used.

    Returns
    -------
    One result, `{"results": [...]}`, or the answer that SQS or S3 Batch Operations expect.

    Raises
    ------
    PayloadError
        One of its classes; Lambda reports its name, and Step Functions can match on it.
    """
    time_left = getattr(context, "get_remaining_time_in_millis", None)
    seconds = time_left() / 1000 if time_left else _DEFAULT_SECONDS
    deadline = time.monotonic() + seconds - _MARGIN_SECONDS
    logger.append_keys(function_request_id=getattr(context, "aws_request_id", None))
    try:
        return answer(event, lambda request: _perform(request, deadline), report_failure)
    finally:
        flush()


def _perform(request: Request, deadline: float) -> Dict[str, Any]:
    started = time.monotonic()
    run = s3.Run(s3.client(), deadline)
    try:
        if request.skip_reason:
            result = skipped(run, request, request.skip_reason)
        else:
            settings = read_settings(os.environ, request.settings)
            result = reconcile(run, request, settings, read_destination(os.environ))
    except Exception as error:
        report_failure(error, request, run, time.monotonic() - started)
        raise
    report_result(result, run, time.monotonic() - started)
    return result
