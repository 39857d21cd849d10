"""Whatever happens, in whatever order: when all is quiet, the payload is the newest model's.

Uploads and deletions, runs that overlap call by call, crashes between any two calls, lost answers,
S3's refusals. An event whose run fails is delivered again, as its sender would do it.
"""

from __future__ import annotations

from typing import Any, List

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from mims import Payload
from mims.aws import models, reconcile, s3
from mims.aws.locations import Destination
from mims.errors import ModelChangingError, StorageError
from mims.payload.description import FieldsFrom
from mims.settings import GivenSettings

from tests.functional.memory_s3 import MemoryS3, StoredObject
from tests.functional.stepped_runs import BUCKET, MODEL, PAYLOAD, Crashed, Fate, SteppedRun

# Three models, each read in two parts; the payloads of the first two are equal in bytes.
PART = 4
CONTENTS = (b"x: model one", b"x: model two", b"y: model three")
SETTINGS = GivenSettings()
MAX_RUNS = 3

# How many calls of a run succeed, before one that may not.
calls = st.integers(0, 5)
fates = st.sampled_from([Fate.ANSWERED] * 8 + list(Fate))


def payload_of(content: bytes) -> bytes:
    assert content in CONTENTS, "a payload was made from a model that was never uploaded"
    return b"payload of " + content[:1]


def _generate(session: object, model: models.Model, *_: Any) -> Payload:
    return Payload(
        payload_of(b"".join(model)),
        ("application/json",),
        1,
        1,
        FieldsFrom("settings", None),
        None,
        None,
        (),
    )


@pytest.fixture(autouse=True)
def _small_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "_generate", _generate)
    monkeypatch.setattr(models, "FIRST_PART", PART)
    monkeypatch.setattr(s3, "_BACKOFF", 0.0)


class Reconciliation(RuleBasedStateMachine):
    """One key, its uploads, and the events that are still to be delivered for them."""

    def __init__(self) -> None:
        super().__init__()
        self.s3 = MemoryS3()
        self.runs: List[SteppedRun] = []
        self.owed = 0
        self.order: List[int] = []

    @initialize(
        content=st.sampled_from(CONTENTS),
        current=st.booleans(),
        order=st.lists(st.integers(0, MAX_RUNS - 1), max_size=20),
    )
    def begin(self, content: bytes, current: bool, order: List[int]) -> None:
        """A model is there, and perhaps its payload; `order` is the order in which runs end."""
        self.upload(content)
        if current:
            self._calm_down()
        self.order = order

    @rule(content=st.sampled_from(CONTENTS))
    def upload(self, content: bytes) -> None:
        self.s3.objects[BUCKET, MODEL] = StoredObject(content)
        self.owed += 1

    @rule()
    def delete_model(self) -> None:
        self.s3.objects.pop((BUCKET, MODEL), None)

    @rule()
    def delete_payload(self) -> None:
        """Delete the payload; only another run will make it again."""
        self.s3.objects.pop((BUCKET, PAYLOAD), None)
        self.owed += 1

    @precondition(lambda self: self.owed and len(self.runs) < MAX_RUNS)
    @rule(calls=calls, fate=fates)
    def deliver(self, calls: int, fate: Fate) -> None:
        self.owed -= 1
        self.runs.append(SteppedRun(self.s3, SETTINGS))
        self.step(-1, calls, fate)

    @precondition(lambda self: len(self.runs) < MAX_RUNS)
    @rule(calls=calls, fate=fates)
    def deliver_twice(self, calls: int, fate: Fate) -> None:
        self.owed += 1
        self.deliver(calls, fate)

    @precondition(lambda self: self.runs)
    @rule(which=st.integers(0, MAX_RUNS - 1), calls=calls, fate=fates)
    def step(self, which: int, calls: int, fate: Fate) -> None:
        run = self.runs[which % len(self.runs)]
        for next_fate in [Fate.ANSWERED] * calls + [fate]:
            if not run.over:
                run.step(next_fate)
        self._collect()

    def teardown(self) -> None:
        try:
            self._calm_down()
            self._check_quiet()
        finally:
            for run in self.runs:
                run.crash()

    @invariant()
    def no_run_does_what_it_must_not(self) -> None:
        for run in self.runs:
            assert not run.violations

    @invariant()
    def payload_is_complete_and_matches_its_metadata(self) -> None:
        payload = self.s3.objects.get((BUCKET, PAYLOAD))
        if payload is not None:
            made_from = {StoredObject(content).etag: content for content in CONTENTS}
            assert payload.content == payload_of(made_from[payload.metadata["model-etag"]])

    def _calm_down(self) -> None:
        """Deliver the remaining events, and let all runs end without faults."""
        while self.owed or self.runs:
            if self.owed and len(self.runs) < MAX_RUNS:
                self.deliver(0, Fate.ANSWERED)
            else:  # once the order is used up, the run that began last ends first
                self.step(self.order.pop() if self.order else -1, 0, Fate.ANSWERED)

    def _collect(self) -> None:
        """Remove the runs that are over; the event of a failed one is to be delivered again."""
        for run in [run for run in self.runs if run.over]:
            self.runs.remove(run)
            assert not run.violations
            if run.error is not None:
                assert isinstance(run.error, (Crashed, StorageError, ModelChangingError)), run.error
                self.owed += 1

    def _check_quiet(self) -> None:
        model = self.s3.objects.get((BUCKET, MODEL))
        if model is None:
            return
        payload = self.s3.objects[BUCKET, PAYLOAD]
        assert payload.metadata["model-etag"] == model.etag
        assert payload.metadata["settings-sha256"] == reconcile.settings_digest(
            SETTINGS, Destination()
        )
        assert payload.content == payload_of(model.content)
        once_more = SteppedRun(self.s3, SETTINGS)
        once_more.finish()
        assert once_more.result is not None
        assert (once_more.result["status"], once_more.result["requests"]) == ("unchanged", 2)


def test_when_all_is_quiet_the_payload_belongs_to_the_newest_model() -> None:
    run_state_machine_as_test(
        Reconciliation, settings=settings(max_examples=1000, stateful_step_count=12)
    )
