"""A defect is reported by its class and line; its message never leaves the process."""

from __future__ import annotations

import json
import traceback
from typing import Any, Callable, Dict, List

import app
import pytest
from aws_lambda_powertools.utilities.batch import BatchProcessor
from mims.aws import dispatch, telemetry
from mims.aws.events.family import Family
from mims.errors import InternalError, PayloadError

from tests.functional.conftest import Context, Function
from tests.functional.events import event

SECRET = "customer-4711"
PLANTED: Dict[str, Any] = {
    "in the settings": (app, "read_settings"),
    "in the core": ("mims.aws.reconcile", "find_inputs"),
    "in a call to S3": ("mims.aws.reconcile", "find_stored"),
    "in an answer's result": (app, "log_result"),
    "in Powertools, which writes last": (telemetry.metrics.provider, "serialize_metric_set"),
}


def defect(*_: Any, **__: Any) -> Any:
    values = {"name": SECRET}
    raise KeyError(values["name"])


def plant(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, name = PLANTED[where]
    if isinstance(target, str):
        monkeypatch.setattr(f"{target}.{name}", defect)
    else:
        monkeypatch.setattr(target, name, defect)


def raised(function: Function, sent: Any) -> InternalError:
    with pytest.raises(InternalError) as caught:
        function(sent)
    return caught.value


def everything_of(error: BaseException) -> str:
    """Return all that an exception contains: messages, causes, contexts, their traces."""
    texts: List[str] = []
    waiting, seen = [error], set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        texts += [str(part), repr(part), repr(part.args), repr(vars(part))]
        texts += traceback.format_exception(type(part), part, part.__traceback__)
        waiting += [more for more in (part.__cause__, part.__context__) if more is not None]
    return "\n".join(texts)


@pytest.mark.parametrize("name", ["request", "s3", "eventbridge_object_created", "list_of_events"])
@pytest.mark.parametrize("where", PLANTED)
def test_a_defect_is_raised_without_its_message(
    where: str,
    name: str,
    function: Function,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plant(where, monkeypatch)
    error = raised(function, event(name))
    assert str(error).startswith("KeyError in test_defects.py, line ")
    out, err = capsys.readouterr()
    written = function.written.getvalue()
    assert SECRET not in everything_of(error) + out + err + written
    assert error.permanent
    if "Powertools" not in where:
        assert [line["error"] for line in function.log()][-1] == "InternalError"
        assert '"error":"InternalError"' in out


@pytest.mark.parametrize("where", list(PLANTED)[:3])
def test_a_task_with_a_defect_is_a_permanent_failure_without_its_message(
    where: str, function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(where, monkeypatch)
    answer = function(event("batch_operations_2"))
    (result,) = answer["results"]
    assert result["resultCode"] == "PermanentFailure"
    assert result["resultString"].startswith("InternalError: KeyError in test_defects.py")
    assert SECRET not in json.dumps(answer) + function.written.getvalue()


@pytest.mark.parametrize("where", list(PLANTED)[:3])
def test_a_message_with_a_defect_fails_and_its_message_stays_inside(
    where: str,
    function: Function,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plant(where, monkeypatch)
    failed = function(event("sqs"))["batchItemFailures"]
    assert len(failed) == 4  # two of the six are test events
    assert [line["error"] for line in function.log()] == ["InternalError"] * 4
    assert SECRET not in function.written.getvalue() + "".join(capsys.readouterr())


def test_a_defect_within_powertools_batch_is_reported_too(
    function: Function, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(BatchProcessor, "success_handler", defect)
    sent = event("sqs")
    failed = function(sent)["batchItemFailures"]
    assert len(failed) == len(sent["Records"])
    logged = [line["error"] for line in function.log() if line["status"] == "failed"]
    assert logged == ["InternalError"] * len(failed)
    assert SECRET not in function.written.getvalue() + "".join(capsys.readouterr())


@pytest.mark.parametrize("module", ["s3_notification", "batch_operations"])
def test_a_defect_in_reading_a_record_does_not_stop_the_others(
    module: str, function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: List[str] = []

    def first_fails(text: str) -> str:
        reads.append(text)
        if len(reads) == 1:
            defect()
        return text.replace("+", " ").replace("%2B", "+")

    monkeypatch.setattr(f"mims.aws.events.{module}.unquote_plus", first_fails)
    if module == "batch_operations":
        sent = event("batch_operations_2")
        sent["tasks"] *= 2
        codes = [result["resultCode"] for result in function(sent)["results"]]
        assert codes == ["PermanentFailure", "Succeeded"]
    else:
        sent = event("s3")
        sent["Records"] *= 2
        assert SECRET not in everything_of(raised(function, sent))
    assert [line["status"] for line in function.log()] == ["failed", "created"]
    assert SECRET not in function.written.getvalue()


def test_a_defect_in_recognising_an_event(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Family("broken", (), defect, defect, defect)
    monkeypatch.setattr(dispatch, "FAMILIES", (broken,))
    error = raised(function, event("request"))
    assert SECRET not in everything_of(error)
    assert [line["error"] for line in function.log()] == ["InternalError"]


@pytest.mark.parametrize("work", [defect, lambda: int(SECRET), lambda: [][0]])
def test_an_exception_outside_the_tree_has_no_context(work: Callable[[], Any]) -> None:
    seen: List[PayloadError] = []
    with pytest.raises(InternalError) as caught:
        dispatch.reported(work, seen.append)
    assert seen == [caught.value]
    assert caught.value.__context__ is caught.value.__cause__ is None
    assert SECRET not in everything_of(caught.value)


def test_a_defect_of_the_context_is_an_internal_error(function: Function) -> None:
    class Broken(Context):
        def get_remaining_time_in_millis(self) -> int:
            raise KeyError(SECRET)

    with pytest.raises(InternalError) as caught:
        app.lambda_handler(event("request"), Broken(1))
    assert SECRET not in everything_of(caught.value)
