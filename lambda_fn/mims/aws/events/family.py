"""What a family of events is, and what its file may ask of the dispatch."""

from __future__ import annotations

import json
from typing import Any, Callable, Iterable, List, NamedTuple, Optional, Protocol, Tuple

from mims.aws.request import Request, check_unicode
from mims.aws.results import Result
from mims.errors import InvalidRequestError, PayloadError


class Dispatch(Protocol):
    """What recognises, performs and reports for a family; see `mims.aws.dispatch`."""

    def result(self, read: Callable[[Any], Request], part: Any) -> Result:
        """Perform the request that `read` finds in a part of an event; report what fails."""

    def results_within(self, read: Callable[[Any], Any], part: Any) -> List[Result]:
        """Perform what the event asks for that `read` finds within a part of another."""

    def answer_within(self, event: Any) -> Any:
        """Answer the event within an envelope as if it had come without."""

    def refused(self, message: str) -> InvalidRequestError:
        """Log and count an event that as a whole is invalid; return the error, to be raised."""

    def report(self, error: PayloadError) -> None:
        """Log and count an error that is raised to nobody."""


class Family(NamedTuple):
    """A family of events, in one file.

    Attributes
    ----------
    what
        What it is, as an error's text lists it after "it must be …".
    examples
        Names of the files in `events/` that show it, without `.json`.
    recognises
        Whether an event, whatever it is, belongs to it: by its structure alone.
    results
        Performs all that the event asks for, and returns the results in order. Raises an error, a
        transient one if there is one, after the last part was performed.
    answer
        Performs the same, and returns what whoever sent the event expects.
    """

    what: str
    examples: Tuple[str, ...]
    recognises: Callable[[Any], bool]
    results: Callable[[Any, Dispatch], List[Result]]
    answer: Callable[[Any, Dispatch], Any]


def family_of_requests(
    what: str,
    examples: Tuple[str, ...],
    recognises: Callable[[Any], bool],
    read: Callable[[Any], Request],
) -> Family:
    """Return a family whose events ask for one thing each, which `read` finds in the event.

    The answer is the result.
    """
    return Family(
        what,
        examples,
        recognises,
        lambda event, dispatch: [dispatch.result(read, event)],
        lambda event, dispatch: dispatch.result(read, event).as_dict(),
    )


def records_from(event: Any, key: str, source: str) -> List[Any]:
    """Return `Records`, if one of them at least has this source under `key`; else none."""
    records = event.get("Records") if isinstance(event, dict) else None
    if isinstance(records, list) and any(is_record(record, key, source) for record in records):
        return records
    return []


def is_record(record: Any, key: str, source: str) -> bool:
    """Say whether this is a record that names its source under `key`."""
    return isinstance(record, dict) and record.get(key) == source


def results_of_each(parts: Iterable[Any], work: Callable[[Any], List[Result]]) -> List[Result]:
    """Work on each part; after the last, raise what failed first, if anything did.

    A transient error goes before a permanent one: whoever tries again by an error's class, as Step
    Functions does, would else never try those parts again that it helps.
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
            del failure  # it and this frame would keep each other, and all that was read, alive
    return results


def string_at(event: Any, *path: str) -> str:
    """Return the string at a path of an event's keys.

    Raises
    ------
    InvalidRequestError
        There is none; the message names the path.
    """
    value = event
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, str) or not value:
        raise InvalidRequestError(
            f"The event has no string at {'.'.join(path)}, where an event of its kind has one. "
            "Send it as its service made it."
        )
    check_unicode(value, ".".join(path))
    return value


def event_in(text: Any, name: str) -> Any:
    """Return the event that a string holds as JSON; `name` is its key in another event."""
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise InvalidRequestError(
            f"{name} is not JSON. It must hold an event, as its service made it."
        ) from None
