"""SQS: messages whose bodies are events of any other family.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

from mims.aws.events.family import (
    Dispatch,
    Family,
    event_in,
    is_record,
    records_from,
    results_of_each,
)
from mims.aws.results import Result
from mims.errors import PayloadError, internal_error

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

KEY, SOURCE = "eventSource", "aws:sqs"


def recognises(event: Any) -> bool:
    return bool(records_from(event, KEY, SOURCE))


def results(event: Any, dispatch: Dispatch) -> List[Result]:
    return results_of_each(event["Records"], lambda record: dispatch.results_within(_body, record))


def answer(event: Any, dispatch: Dispatch) -> Any:
    """Answer with the messages that failed, so that the queue delivers only those again."""
    # Imported here, so that the cold start of other events need not pay for it.
    from aws_lambda_powertools.utilities.batch import (
        BatchProcessor,
        EventType,
        process_partial_response,
    )

    for record in event["Records"]:
        if not is_record(record, KEY, SOURCE) or not isinstance(record.get("messageId"), str):
            raise dispatch.refused(
                "A record of the SQS event has no messageId, or is not from SQS; without it the "
                "answer cannot say what failed. Send the event exactly as SQS sent it."
            )

    def handle(record: SQSRecord) -> None:
        dispatch.results_within(_body, record)

    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    answered = process_partial_response(event=event, record_handler=handle, processor=processor)
    for _, raised, _ in processor.exceptions:
        if raised is not None and not isinstance(raised, PayloadError):
            dispatch.report(internal_error(raised))  # Powertools does not report it
    return answered


def _body(record: Any) -> Any:
    return event_in(record.get("body"), "The message's body")


FAMILY = Family(
    "an SQS event with any of the others in its messages", ("sqs",), recognises, results, answer
)
