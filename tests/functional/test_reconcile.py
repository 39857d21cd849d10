"""The five steps of a run, and what it does if something changes in the meantime."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, List, Tuple

import pytest
from mims import generate
from mims.aws import models, payloads
from mims.aws import s3 as s3_calls
from mims.aws.locations import Destination
from mims.aws.reconcile import reconcile
from mims.aws.request import Request, notified_request
from mims.aws.s3 import S3Session
from mims.errors import ModelChangingError, PayloadOccupiedError, StorageError
from mims.settings import GivenSettings, read_settings

from tests.functional.events import hyperparameters, model_archive
from tests.functional.memory_s3 import MemoryS3, StoredObject, client_error
from tests.functional.stepped_runs import BUCKET, MODEL, PAYLOAD, Fate, SteppedRun

SETTINGS = GivenSettings()
PART = 64


def archive(*fields: str) -> bytes:
    content = hyperparameters(tab_field_list=list(fields), cat_field_list=[])
    return model_archive(("weights", bytes(500)), ("hyperparameters.json", content))


OLD, NEW, NEWEST = archive("old"), archive("new"), archive("newest")


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each model is read in two parts, and reading is resumed without a pause."""
    monkeypatch.setattr(models, "FIRST_PART", PART)
    monkeypatch.setattr(s3_calls, "_BACKOFF", 0.0)


@pytest.fixture
def s3() -> MemoryS3:
    s3 = MemoryS3()
    upload(s3, OLD)
    return s3


def upload(s3: MemoryS3, content: bytes) -> None:
    s3.objects[BUCKET, MODEL] = StoredObject(content)


def made_from(s3: MemoryS3) -> bytes:
    """Return the model that the payload was made from, according to its content and metadata."""
    payload = s3.objects[BUCKET, PAYLOAD]
    (model,) = (m for m in (OLD, NEW, NEWEST) if generate([m], SETTINGS).archive == payload.content)
    assert payload.metadata["model-etag"] == StoredObject(model).etag
    return model


def stopped_before(s3: MemoryS3, operation: str, count: int = 1) -> SteppedRun:
    """Return a run that is stopped before its `count`-th call of that operation."""
    run = SteppedRun(s3, SETTINGS)
    while run.operation != operation or count > 1:
        count -= run.operation == operation
        run.step()
    return run


def status(run: SteppedRun) -> Tuple[str, int]:
    assert run.error is None
    assert run.result is not None
    return run.result["status"], run.result["restarts"]


def test_a_run_alone_makes_its_calls_in_this_order(s3: MemoryS3) -> None:
    run, order = SteppedRun(s3, SETTINGS), []
    while not run.over:
        order.append(run.operation)
        run.step()
    assert order == ["head_object", "get_object", "get_object", "put_object", "head_object"]
    assert (status(run), made_from(s3)) == (("created", 0), OLD)


def test_a_newer_payload_is_never_replaced_by_a_run_that_is_merely_slow(s3: MemoryS3) -> None:
    slow = stopped_before(s3, "put_object")
    upload(s3, NEW)
    SteppedRun(s3, SETTINGS).finish()
    assert made_from(s3) == NEW
    while not slow.over:
        slow.step()
        assert made_from(s3) == NEW  # not even for a moment
    assert status(slow) == ("unchanged", 1)


def test_an_updated_payload_is_never_replaced_by_a_run_that_is_merely_slow(s3: MemoryS3) -> None:
    SteppedRun(s3, SETTINGS).finish()
    upload(s3, NEW)
    slow = stopped_before(s3, "put_object")
    upload(s3, NEWEST)
    SteppedRun(s3, SETTINGS).finish()
    while not slow.over:
        slow.step()
        assert made_from(s3) == NEWEST
    assert status(slow) == ("unchanged", 1)


def test_a_model_that_is_replaced_after_it_was_read_is_read_again(s3: MemoryS3) -> None:
    run = stopped_before(s3, "put_object")
    upload(s3, NEW)  # without an event
    run.finish()
    assert (status(run), made_from(s3)) == (("updated", 1), NEW)


def test_a_model_that_goes_back_to_what_it_was_while_a_run_writes(s3: MemoryS3) -> None:
    SteppedRun(s3, SETTINGS).finish()
    upload(s3, NEW)
    slow = stopped_before(s3, "put_object")
    upload(s3, OLD)
    once_more = SteppedRun(s3, SETTINGS)
    once_more.finish()
    assert status(once_more) == ("unchanged", 0)
    slow.finish()
    assert made_from(s3) == OLD


def test_two_versions_are_never_spliced(s3: MemoryS3) -> None:
    run = stopped_before(s3, "get_object", count=2)
    upload(s3, NEW)
    run.finish()
    assert (status(run), made_from(s3)) == (("created", 1), NEW)


def test_a_body_that_breaks_off_is_resumed_in_the_same_version(s3: MemoryS3) -> None:
    run = stopped_before(s3, "get_object", count=2)
    run.step(Fate.CUT)
    run.finish()
    assert (status(run), made_from(s3)) == (("created", 0), OLD)
    assert run.result is not None
    assert (run.result["resumes"], run.result["bytes_read"]) == (1, len(OLD))


def test_a_model_that_is_replaced_while_its_body_is_broken(s3: MemoryS3) -> None:
    run = stopped_before(s3, "get_object", count=2)
    run.step(Fate.CUT)
    upload(s3, NEW)
    run.finish()
    assert (status(run), made_from(s3)) == (("created", 1), NEW)


@pytest.mark.parametrize("operation", ["get_object", "put_object"])
def test_a_model_that_is_deleted_meanwhile(operation: str, s3: MemoryS3) -> None:
    run = stopped_before(s3, operation)
    del s3.objects[BUCKET, MODEL]
    run.finish()
    assert run.result is not None
    if operation == "get_object":
        assert (run.result["status"], run.result["reason"]) == ("skipped", "the model is gone")
    else:
        assert run.result["status"] == "created"
        assert [warning for warning in run.result["warnings"] if "deleted" in warning]
        assert made_from(s3) == OLD


def test_a_payload_that_is_deleted_meanwhile_is_written_again(s3: MemoryS3) -> None:
    SteppedRun(s3, SETTINGS).finish()
    upload(s3, NEW)
    run = stopped_before(s3, "put_object")
    del s3.objects[BUCKET, PAYLOAD]  # S3 answers 404
    run.finish()
    assert (status(run), made_from(s3)) == (("created", 1), NEW)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> List[float]:
    """The pauses before a round is repeated, which take no time here."""
    paused: List[float] = []
    monkeypatch.setattr(s3_calls, "_BACKOFF", 0.1)
    monkeypatch.setattr(payloads, "time", SimpleNamespace(sleep=paused.append))
    return paused


def test_a_conflict_of_writers_is_another_round_after_a_pause(
    s3: MemoryS3, pauses: List[float]
) -> None:
    run = stopped_before(s3, "put_object")
    run.step(Fate.CONFLICT)
    run.step()  # the run checks whether it is there all the same
    for _ in range(2):
        run.step()
    run.step(Fate.CONFLICT)
    run.finish()
    assert (status(run), made_from(s3)) == (("created", 2), OLD)
    assert len(pauses) == 2
    assert all(0 < pause <= most for pause, most in zip(pauses, (0.2, 0.4)))


def test_a_lost_race_that_is_not_a_conflict_is_repeated_at_once(
    s3: MemoryS3, pauses: List[float]
) -> None:
    run = stopped_before(s3, "put_object")
    s3.objects[BUCKET, PAYLOAD] = StoredObject(generate([NEW], SETTINGS).archive)
    run.finish()
    assert (status(run), made_from(s3)) == (("updated", 1), OLD)
    assert pauses == []


def test_a_model_is_read_once_however_often_its_payload_is_written(s3: MemoryS3) -> None:
    run = stopped_before(s3, "put_object")
    for _ in range(3):
        run.step(Fate.CONFLICT)
        while run.operation != "put_object":
            run.step()
    run.finish()
    assert (status(run), made_from(s3)) == (("created", 3), OLD)
    assert run.result is not None
    assert run.result["bytes_read"] == len(OLD)


def test_a_model_that_went_back_is_not_read_again(s3: MemoryS3) -> None:
    run = stopped_before(s3, "put_object")
    upload(s3, NEW)
    SteppedRun(s3, SETTINGS).finish()
    upload(s3, OLD)  # the stored payload is NEW's
    run.finish()
    assert (status(run), made_from(s3)) == (("updated", 1), OLD)
    assert run.result is not None
    assert run.result["bytes_read"] == len(OLD) + PART


def test_an_object_that_somebody_puts_there_meanwhile_is_not_replaced(s3: MemoryS3) -> None:
    run = stopped_before(s3, "put_object")
    s3.objects[BUCKET, PAYLOAD] = StoredObject(b"by hand")
    run.finish()
    assert isinstance(run.error, PayloadOccupiedError)
    assert s3.objects[BUCKET, PAYLOAD].content == b"by hand"


def test_an_object_that_is_deleted_while_it_is_checked_means_another_round(s3: MemoryS3) -> None:
    s3.objects[BUCKET, PAYLOAD] = StoredObject(b"by hand")
    run = stopped_before(s3, "get_object", count=2)
    del s3.objects[BUCKET, PAYLOAD]
    run.finish()
    assert (status(run), made_from(s3)) == (("created", 1), OLD)


# --- lost answers ---


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.REPEATED])
def test_a_run_s_own_payload_after_a_lost_answer_counts_as_written(
    fate: Fate, s3: MemoryS3
) -> None:
    run = stopped_before(s3, "put_object")
    run.step(fate)
    run.finish()
    assert (status(run), made_from(s3)) == (("created", 0), OLD)


def test_another_run_s_payload_after_a_lost_answer_does_not_count_as_written(s3: MemoryS3) -> None:
    run = stopped_before(s3, "put_object")
    run.step(Fate.REPEATED)  # it is there; the SDK tries again
    SteppedRun(s3, read_settings({"SAMPLE_COUNT": "2"})).finish()
    run.finish()
    assert (status(run), made_from(s3)) == (("updated", 1), OLD)


def test_a_put_that_was_not_done_is_an_error(s3: MemoryS3) -> None:
    run = stopped_before(s3, "put_object")
    run.step(Fate.REFUSED)
    run.finish()
    assert isinstance(run.error, StorageError)
    assert (BUCKET, PAYLOAD) not in s3.objects


def test_the_model_is_still_checked_after_a_lost_answer(s3: MemoryS3) -> None:
    run = stopped_before(s3, "put_object")
    run.step(Fate.LOST)
    upload(s3, NEW)
    run.finish()
    assert (status(run), made_from(s3)) == (("updated", 1), NEW)


def test_a_forced_write_that_failed_is_not_reported_as_done() -> None:
    """The payload that was there looks just like the one that was to be written."""
    s3 = Failing()
    upload(s3, OLD)
    SteppedRun(s3, SETTINGS).finish()
    s3.fails = True
    session = S3Session(s3, time.monotonic() + 60)  # type: ignore[arg-type]
    with pytest.raises(StorageError):
        reconcile(session, Request(BUCKET, MODEL, force=True), SETTINGS, Destination())


class Failing(MemoryS3):
    """S3 that refuses writes once `fails` is set."""

    fails = False

    def put_object(self, **parameters: Any) -> Any:
        if self.fails:
            raise client_error("PutObject", 503, "SlowDown")
        return super().put_object(**parameters)


# --- rounds ---


def test_five_rounds_are_enough_or_an_error() -> None:
    """In each round, the model is replaced after the payload was written."""
    s3 = Restless()
    upload(s3, OLD)
    session = S3Session(s3, time.monotonic() + 60)  # type: ignore[arg-type]
    with pytest.raises(ModelChangingError, match="5 rounds"):
        reconcile(session, notified_request(BUCKET, MODEL), SETTINGS, Destination())
    assert (s3.written, session.restarts) == (5, 4)


class Restless(MemoryS3):
    """A bucket whose model is replaced after each write of a payload."""

    written = 0

    def put_object(self, **parameters: Any) -> Any:
        answer = super().put_object(**parameters)
        self.written += 1
        upload(self, NEW if self.written % 2 else OLD)
        return answer
