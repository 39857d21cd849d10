"""Overlapping runs, stepped call by call: each stops before every call to S3 until it is stepped.

Each run has its own thread, but only one is ever running, so that the order of events is decided
only by the test that steps them.
"""

from __future__ import annotations

import enum
import threading
import time
from typing import Any, Dict, List, Optional

from botocore.exceptions import ConnectionClosedError, IncompleteReadError
from mims.aws.locations import Destination
from mims.aws.reconcile import reconcile
from mims.aws.request import notified_request
from mims.aws.s3 import S3Session, begin_attempt
from mims.settings import GivenSettings

from tests.functional.memory_s3 import MemoryS3, client_error

BUCKET, MODEL, PAYLOAD = "models", "churn/model.tar.gz", "churn/payload/payload.tar.gz"
_WITHIN = 60  # seconds, for what takes microseconds: a run that hangs must fail the test


class Fate(enum.Enum):
    """What happens to a call."""

    ANSWERED = "S3 performs the call and answers"
    REFUSED = "503; nothing is done"
    CONFLICT = "409 for a PUT; nothing is done"
    LOST = "S3 performs the call; its answer and those to the SDK's own attempts are lost"
    REPEATED = "S3 performs the call; its answer is lost, and the SDK tries again"
    CUT = "the body of a GET breaks off in the middle"
    CRASH = "the process dies before the call"


class Crashed(BaseException):
    """The process has died. It is not an `Exception`, so no error handler catches it."""


class SteppedRun:
    """One run on `s3`, which is started and stops before its first call.

    Attributes
    ----------
    operation
        The call before which the run is stopped; empty when it is over.
    result, error
        The outcome of the run.
    violations
        Things that it did, though no run ever must.
    """

    def __init__(self, s3: MemoryS3, settings: GivenSettings) -> None:
        self.operation = ""
        self.result: Optional[Dict[str, Any]] = None
        self.error: Optional[BaseException] = None
        self.violations: List[str] = []
        self._s3 = s3
        self._settings = settings
        self._fate = Fate.ANSWERED
        self._seen: Optional[str] = None  # the payload's ETag, as this run last saw it
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._reconcile, daemon=True)
        self._thread.start()
        self._wait()

    @property
    def over(self) -> bool:
        return not self.operation

    def step(self, fate: Fate = Fate.ANSWERED) -> None:
        """Give the call this fate, and let the run go on to its next call or its end."""
        assert not self.over
        self._fate = fate
        self._go.release()
        self._wait()

    def finish(self) -> None:
        """Let the run go on to its end, without faults."""
        while not self.over:
            self.step()

    def crash(self) -> None:
        if not self.over:
            self.step(Fate.CRASH)

    def __getattr__(self, operation: str) -> Any:
        """Return a method of the run's S3 client, which is the run itself."""
        if operation not in ("head_object", "get_object", "put_object"):
            raise AttributeError(operation)
        return lambda **parameters: self._call(operation, parameters)

    def _wait(self) -> None:
        assert self._stopped.acquire(timeout=_WITHIN), "the run hangs"
        if self.over:
            self._thread.join(_WITHIN)

    def _reconcile(self) -> None:
        session = S3Session(self, time.monotonic() + 3600)  # type: ignore[arg-type]
        try:
            self.result = reconcile(
                session, notified_request(BUCKET, MODEL), self._settings, Destination()
            ).as_dict()
        except BaseException as error:  # noqa: BLE001 - the test that steps the run checks it
            self.error = error
        self.operation = ""
        self._stopped.release()

    def _call(self, operation: str, parameters: Dict[str, Any]) -> Any:
        while True:
            self.operation = operation
            self._stopped.release()
            self._go.acquire()
            fate, self._fate = self._fate, Fate.ANSWERED
            if fate is Fate.CRASH:
                raise Crashed
            begin_attempt()  # as the client's event calls it
            if fate is Fate.REFUSED:
                raise client_error(operation, 503, "SlowDown")
            if fate is Fate.CONFLICT and operation == "put_object":
                raise client_error(operation, 409, "ConditionalRequestConflict")
            try:
                answer = self._perform(operation, parameters)
            except Exception:
                if fate not in (Fate.LOST, Fate.REPEATED):
                    raise
            if fate is Fate.LOST:
                raise ConnectionClosedError(endpoint_url="https://s3.example")
            if fate is Fate.REPEATED:
                continue
            if fate is Fate.CUT and operation == "get_object":
                answer["Body"] = _CutBody(answer["Body"].read())
            return answer

    def _perform(self, operation: str, parameters: Dict[str, Any]) -> Any:
        replaced = self._s3.objects.get((BUCKET, PAYLOAD))
        if parameters["Key"] == PAYLOAD and operation == "head_object":
            self._seen = replaced.etag if replaced else None
        answer = getattr(self._s3, operation)(**parameters)
        replaced_etag = replaced.etag if replaced else None
        if operation == "put_object" and replaced_etag != self._seen:
            self.violations.append(f"it replaced {replaced_etag}, having seen {self._seen}")
        return answer


class _CutBody:
    """A body that breaks off after half of its bytes."""

    def __init__(self, content: bytes) -> None:
        self._left = content[: len(content) // 2]

    def read(self, size: int) -> bytes:
        if not self._left:
            raise IncompleteReadError(actual_bytes=0, expected_bytes=size)
        piece, self._left = self._left[:size], self._left[size:]
        return piece

    def close(self) -> None:
        """Do nothing: there is nothing to close."""
