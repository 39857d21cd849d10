"""The Lambda function that keeps each model's sample payload up to date."""

from __future__ import annotations

import os
import time
import warnings
from contextlib import suppress
from typing import Any

from mims.aws import s3
from mims.aws.dispatch import EventDispatch, reported
from mims.aws.invocation import Invocation, invocation_of
from mims.aws.locations import read_destination
from mims.aws.reconcile import reconcile, skipped
from mims.aws.request import Request
from mims.aws.results import Result
from mims.aws.telemetry import flush_metrics, log_failure, log_result, logger, metrics
from mims.errors import PayloadError, internal_error
from mims.settings import read_settings

# How much of the function's time is left for the answer and the log once the deadline is reached.
_MARGIN_SECONDS = 10.0

if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    s3.client()  # made while the function starts, when Lambda gives it a whole processor


def lambda_handler(event: Any, context: Any) -> Any:
    """Answer an event of any family in `mims.aws.events`.

    Parameters
    ----------
    event
        The event as Lambda's runtime parsed it.
    context
        Lambda's context; when the function is called by hand, it may be incomplete or `None`.

    Returns
    -------
    One result, `{"results": [...]}`, a list of results, or the answer that SQS or S3 Batch
    Operations expect.

    Raises
    ------
    PayloadError
        One of its classes; Lambda reports its name, and Step Functions can match on it.
    """
    try:
        with warnings.catch_warnings():
            # An event that asks for nothing has no metrics, which is not an error.
            warnings.filterwarnings("ignore", "No application metrics to publish")
            return _answer(event, invocation_of(context))
    except PayloadError:
        raise  # it was logged where it was understood
    except Exception as error:  # noqa: BLE001 - a defect outside the requests; its message stays here
        defect = internal_error(error)
    with suppress(Exception):  # logging itself may be what is broken
        log_failure(defect)
        flush_metrics()
    raise defect


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(log_event=False)  # not even if the environment asks: it has values
def _answer(event: Any, invocation: Invocation) -> Any:
    deadline = time.monotonic() + invocation.seconds_left - _MARGIN_SECONDS
    dispatch = EventDispatch(lambda request: _perform(request, deadline), log_failure)
    return dispatch.answer(event)


def _perform(request: Request, deadline: float) -> Result:
    """Bring one request's payload up to date, and log the result or the failure."""
    started = time.monotonic()
    session = s3.S3Session(s3.client(), deadline)

    def report(error: PayloadError) -> None:
        log_failure(error, request, session, time.monotonic() - started)

    result = reported(lambda: _result(session, request), report)
    log_result(result, session, time.monotonic() - started)
    return result


def _result(session: s3.S3Session, request: Request) -> Result:
    if request.skip_reason:
        return skipped(session, request, request.skip_reason)
    settings = read_settings(os.environ, request.settings, check=session.check_deadline)
    return reconcile(session, request, settings, read_destination(os.environ))
