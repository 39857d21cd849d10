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
        Brings one request's payload up to date; logs and raises what goes wrong.
    report
        Logs an error that belongs to no request.
    envelopes
        How many events the present one lies in.
    """

    perform: Callable[[Request], Result]
    report: Callable[[PayloadError], None]
    envelopes: int = 0

    def answer(self, event: Any) -> Any:
        """Return the answer to an event, in the form that its sender expects.

        Raises
        ------
        PayloadError
            What the first failing request raised, or the first that failed with a transient error,
            after the last was performed; where the answer itself tells failures (SQS, S3 Batch
            Operations), only for an event of no known family.
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
                f"The event lies in more than {_MAX_ENVELOPES} envelopes. Send it as it was."
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
    """Return what the work returns; report what it raises, and raise it as an error of the tree.

    Of a defect nothing goes on but its class and line: neither its message nor the exception, which
    would be the new one's context if that were raised in the `except` clause.
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
    """Return what an event may be, in words."""
    *names, last = (family.what for family in FAMILIES)
    return f"{'; '.join(names)}; or {last}"
