"""A family of events, and the parts of the dispatch that its file may use."""

from __future__ import annotations

import json
from typing import Any, Callable, Iterable, List, NamedTuple, Optional, Protocol, Tuple

from mims.aws.request import Request, check_unicode
from mims.aws.results import Result
from mims.errors import InvalidRequestError, PayloadError


class Dispatch(Protocol):
    """Recognises events, performs requests and reports errors; see `mims.aws.dispatch`."""

    def result(self, read: Callable[[Any], Request], part: Any) -> Result:
        """Perform the request that `read` finds in a part of an event; report any error."""

    def results_within(self, read: Callable[[Any], Any], part: Any) -> List[Result]:
        """Perform the requests of the event that `read` finds in a part of another event."""

    def answer_within(self, event: Any) -> Any:
        """Answer the event within an envelope as if it had come without one."""

    def refused(self, message: str) -> InvalidRequestError:
        """Log and count an event that is invalid as a whole; return the error to raise."""

    def report(self, error: PayloadError) -> None:
        """Log and count an error that is not raised."""


class Family(NamedTuple):
    """A family of events, in one file.

    Attributes
    ----------
    description
        What such an event is, in words that can follow "It must be …" in an error's message.
    examples
        Names of the files in `events/` that show it, without `.json`.
    recognises
        Whether any event at all belongs to the family, judging only by its structure.
    results
        Performs all requests of the event, and returns the results in order. Raises an error, a
        transient one if there is one, after the last part was performed.
    answer
        Performs the same requests, and returns what the event's sender expects.
    """

    description: str
    examples: Tuple[str, ...]
    recognises: Callable[[Any], bool]
    results: Callable[[Any, Dispatch], List[Result]]
    answer: Callable[[Any, Dispatch], Any]


def family_of_requests(
    description: str,
    examples: Tuple[str, ...],
    recognises: Callable[[Any], bool],
    read: Callable[[Any], Request],
) -> Family:
    """Return a family whose events have one request each, which `read` finds in the event.

    The answer is the result.
    """
    return Family(
        description,
        examples,
        recognises,
        lambda event, dispatch: [dispatch.result(read, event)],
        lambda event, dispatch: dispatch.result(read, event).as_dict(),
    )


def records_from(event: Any, key: str, source: str) -> List[Any]:
    """Return `Records`, if at least one of them has this source under `key`; else an empty list."""
    records = event.get("Records") if isinstance(event, dict) else None
    if isinstance(records, list) and any(is_record(record, key, source) for record in records):
        return records
    return []


def is_record(record: Any, key: str, source: str) -> bool:
    """Say whether this is a record that names its source under `key`."""
    return isinstance(record, dict) and record.get(key) == source


def results_of_each(parts: Iterable[Any], work: Callable[[Any], List[Result]]) -> List[Result]:
    """Work on each part; after the last, raise the first failure, if any part failed.

    A transient error takes precedence over a permanent one: a caller that retries by the class of
    an error, as Step Functions does, would otherwise never retry the parts that it helps.
    """
    results: List[Result] = []
    failure: Optional[PayloadError] = None
    for part in parts:
        try:
            results += work(part)
        except PayloadError as error:
            if failure is None or (failure.permanent and not error.permanent):
                failure = error
    if failure is not None:
        try:
            raise failure
        finally:
            del failure  # it and this frame would keep each other alive, and all that was read
    return results


def string_at(event: Any, *path: str) -> str:
    """Return the string at a path of an event's keys.

    Raises
    ------
    InvalidRequestError
        There is no string there; the message names the path.
    """
    value = event
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, str) or not value:
        raise InvalidRequestError(
            f"The event has no string at {'.'.join(path)}, where an event of its kind has one. "
            "Send it exactly as the service sent it."
        )
    check_unicode(value, ".".join(path))
    return value


def event_in(text: Any, name: str) -> Any:
    """Return the event that a string contains as JSON; `name` is its key in another event."""
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise InvalidRequestError(
            f"{name} is not JSON. It must be an event, exactly as the service sent it."
        ) from None
