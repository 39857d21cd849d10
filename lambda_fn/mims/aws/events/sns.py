"""SNS: its records, and the envelope that a queue gets if raw message delivery is off.

https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

from __future__ import annotations

from typing import Any, Dict, List

from mims.aws.events.family import (
    Dispatch,
    Family,
    event_in,
    records_from,
    results_of_each,
    string_at,
)
from mims.aws.results import Result, as_dicts

KEY, SOURCE = "EventSource", "aws:sns"


def recognises(event: Any) -> bool:
    return bool(records_from(event, KEY, SOURCE))


def results(event: Any, dispatch: Dispatch) -> List[Result]:
    return results_of_each(
        event["Records"], lambda record: dispatch.results_within(_message, record)
    )


def answer(event: Any, dispatch: Dispatch) -> Dict[str, Any]:
    return {"results": as_dicts(results(event, dispatch))}


def _message(record: Any) -> Any:
    return event_in(string_at(record, "Sns", "Message"), "Sns.Message")


def _is_envelope(event: Any) -> bool:
    return isinstance(event, dict) and event.get("Type") == "Notification" and "Message" in event


def _in_envelope(event: Any) -> Any:
    return event_in(event["Message"], "Message")


def _answer_envelope(event: Any, dispatch: Dispatch) -> Dict[str, Any]:
    return {"results": as_dicts(dispatch.results_within(_in_envelope, event))}


FAMILY = Family("an SNS event", ("sns",), recognises, results, answer)
ENVELOPE = Family(
    "a message of SNS",
    ("sns_message",),
    _is_envelope,
    lambda event, dispatch: dispatch.results_within(_in_envelope, event),
    _answer_envelope,
)
