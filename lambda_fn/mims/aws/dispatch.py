"""An event → its family → the requests in it, performed → the answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, List, TypeVar

from mims.aws.events import FAMILIES
from mims.aws.events.family import Family
from mims.aws.request import Request
from mims.aws.results import Result
from mims.errors import InvalidRequestError, PayloadError, internal_error, shown

_MAX_ENVELOPES = 5

T = TypeVar("T")


@dataclass(frozen=True)
class EventDispatch:
    """Dispatches events to their families.

    Attributes
    ----------
    perform
        Brings one request's payload up to date; logs and raises any error.
    report
        Logs an error that does not belong to a request.
    envelopes
        How many other events this one is wrapped in.
    """

    perform: Callable[[Request], Result]
    report: Callable[[PayloadError], None]
    envelopes: int = 0

    def answer(self, event: Any) -> Any:
        """Return the answer to an event, in the form that its sender expects.

        Raises
        ------
        PayloadError
            The error of the first request that failed with a transient one, or else of the first
            that failed, after the last was performed. If the answer itself reports failures (SQS,
            S3 Batch Operations), only for an event of unknown family.
        """
        return self._family(event).answer(event, self)

    def result(self, read: Callable[[Any], Request], part: Any) -> Result:
        return self.perform(self._read(read, part))

    def results_within(self, read: Callable[[Any], Any], part: Any) -> List[Result]:
        event = self._read(read, part)
        inner = replace(self, envelopes=self.envelopes + 1)
        return inner._family(event).results(event, inner)

    def answer_within(self, event: Any) -> Any:
        return replace(self, envelopes=self.envelopes + 1).answer(event)

    def refused(self, message: str) -> InvalidRequestError:
        error = InvalidRequestError(message)
        self.report(error)
        return error

    def _read(self, read: Callable[[Any], T], part: Any) -> T:
        return reported(lambda: read(part), self.report)

    def _family(self, event: Any) -> Family:
        if self.envelopes > _MAX_ENVELOPES:
            raise self.refused(
                f"The event is wrapped in more than {_MAX_ENVELOPES} envelopes. Send the event "
                "itself."
            )
        for family in FAMILIES:
            if family.recognises(event):
                return family
        keys = ", ".join(shown(key) for key in list(event)[:10]) if isinstance(event, dict) else ""
        raise self.refused(
            f"The event has no known shape (its keys: {keys or 'none'}). It must be "
            f"{known_events()}."
        )


def reported(work: Callable[[], T], report: Callable[[PayloadError], None]) -> T:
    """Return what the work returns; report what it raises, and raise it as a `PayloadError`.

    Only the class and the line of a defect are passed on: not its message, nor the exception, which
    would be the context of the new one if that were raised in the `except` clause.
    """
    try:
        return work()
    except PayloadError as error:
        report(error)
        raise
    except Exception as error:  # noqa: BLE001 - a defect
        defect = internal_error(error)
    report(defect)
    raise defect


def known_events() -> str:
    """Return a list of the known families of events, for an error's message."""
    *descriptions, last = (family.description for family in FAMILIES)
    return f"{'; '.join(descriptions)}; or {last}"
