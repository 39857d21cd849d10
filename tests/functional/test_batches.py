"""Events with several models: a failure is reported, and does not stop the others."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Dict, List
from urllib.parse import quote_plus

import pytest
from mims import errors
from mims.errors import CorruptArchiveError, InvalidRequestError, StorageError

from tests.functional.conftest import Calls, Function, Refuse, every_error
from tests.functional.events import (
    BUCKET,
    KEY,
    PAYLOAD_KEY,
    event,
    model_archive,
    sqs_event,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# --- several records, some of which fail ---


def s3_records(*keys: str) -> Dict[str, Any]:
    (record,) = event("s3")["Records"]
    records = [copy.deepcopy(record) for _ in keys]
    for copied, key in zip(records, keys):
        copied["s3"]["object"]["key"] = quote_plus(key, safe="/")
    return {"Records": records}


def test_a_failing_record_is_raised_after_the_last_one(function: Function, s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key="bad/model.tar.gz", Body=b"not an archive")
    with pytest.raises(CorruptArchiveError):
        function(s3_records("bad/model.tar.gz", KEY))
    assert s3.head_object(Bucket=BUCKET, Key=PAYLOAD_KEY)


@pytest.mark.parametrize("slow_first", [False, True])
@pytest.mark.parametrize("listed", [False, True])
def test_of_several_errors_a_transient_one_is_raised(
    listed: bool, slow_first: bool, function: Function, s3: S3Client, refuse: Refuse
) -> None:
    """A caller that retries by the error's class then retries what may succeed."""
    s3.put_object(Bucket=BUCKET, Key="bad/model.tar.gz", Body=b"not an archive")
    refuse("GetObject", 503, "SlowDown", key="slow/model.tar.gz")
    keys = ["slow", "bad"] if slow_first else ["bad", "slow"]
    sent = s3_records(*(f"{key}/model.tar.gz" for key in keys))
    with pytest.raises(StorageError):
        function(sent["Records"] if listed else sent)


def test_of_several_permanent_errors_the_first_is_raised(function: Function, s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key="bad/model.tar.gz", Body=b"not an archive")
    sent = s3_records("bad/model.tar.gz", KEY)
    del sent["Records"][1]["s3"]["object"]
    with pytest.raises(CorruptArchiveError):
        function(sent)


def test_a_malformed_record_is_raised_after_the_last_one(function: Function, s3: S3Client) -> None:
    sent = s3_records(KEY, KEY)
    del sent["Records"][0]["s3"]["object"]
    with pytest.raises(InvalidRequestError, match=r"s3\.object\.key"):
        function(sent)
    assert s3.head_object(Bucket=BUCKET, Key=PAYLOAD_KEY)
    assert [line["status"] for line in function.log()] == ["failed", "created"]


def test_every_record_of_several_gives_a_result(function: Function, s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key="b/model.tar.gz", Body=model_archive())
    answer = function(s3_records(KEY, "b/notes.txt", "b/model.tar.gz"))
    assert [r["status"] for r in answer["results"]] == ["created", "skipped", "created"]


# --- queues ---


def test_a_queue_of_mixed_bodies_is_answered_with_only_those_that_failed(
    function: Function, s3: S3Client
) -> None:
    s3.put_object(Bucket=BUCKET, Key="bad/model.tar.gz", Body=b"not an archive")
    sns_body = json.loads(event("sqs")["Records"][1]["body"])
    bodies: List[Any] = [
        event("s3"),
        s3_records(KEY, "bad/model.tar.gz"),
        sns_body,
        "no JSON",
        event("eventbridge_object_created"),
        {"unknown": True},
        event("request"),
        {"model_s3_uri": f"s3://{BUCKET}/missing/model.tar.gz"},
        event("training_job"),
        event("failure_record"),
        {**sns_body, "Message": "no JSON"},
        [1, 2],
        "null",
    ]
    failed = {"1", "3", "5", "7", "10", "11", "12"}
    answer = function(sqs_event(*bodies))
    assert {each["itemIdentifier"] for each in answer.pop("batchItemFailures")} == failed
    assert answer == {}
    assert s3.head_object(Bucket=BUCKET, Key=PAYLOAD_KEY)


def test_a_queue_whose_messages_all_fail_is_answered_as_well(function: Function) -> None:
    assert function(sqs_event("no JSON", {}, {"model_s3_uri": "nonsense"})) == {
        "batchItemFailures": [{"itemIdentifier": str(number)} for number in range(3)]
    }


def test_a_message_without_an_id_cannot_be_answered(function: Function) -> None:
    sent = event("sqs")
    del sent["Records"][0]["messageId"]
    with pytest.raises(InvalidRequestError):
        function(sent)


# --- S3 Batch Operations ---


def batch(version: str, *keys: str) -> Dict[str, Any]:
    sent: Dict[str, Any] = event(f"batch_operations_{version[0]}")
    (task,) = sent["tasks"]
    sent["tasks"] = [{**task, "taskId": key, "s3Key": quote_plus(key, safe="/")} for key in keys]
    return sent


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_permanent_error_is_a_permanent_failure_of_its_task_only(
    version: str, function: Function, refuse: Refuse
) -> None:
    refuse("GetObject", 403, "AccessDenied", key="bad/model.tar.gz")
    answer = function(batch(version, "bad/model.tar.gz", KEY))
    bad, good = answer["results"]
    assert (bad["taskId"], bad["resultCode"]) == ("bad/model.tar.gz", "PermanentFailure")
    assert bad["resultString"].startswith("AccessDeniedError: ")
    assert (good["taskId"], good["resultCode"]) == (KEY, "Succeeded")


NO_PAYLOAD = {
    "CorruptArchiveError",
    "ArchiveLimitError",
    "HyperparametersNotFoundError",
    "InvalidHyperparametersError",
    "NoInputFieldsError",
    "PayloadTooLargeError",
    "PayloadOccupiedError",
    "ModelArchivedError",
}


@pytest.mark.parametrize("error", sorted(error.__name__ for error in every_error()))
def test_a_model_for_which_no_payload_can_be_made_does_not_fail_its_task(
    error: str, function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = getattr(errors, error)("the reason")

    def fail(*_: Any) -> None:
        raise raised

    monkeypatch.setattr("app.reconcile", fail)
    (result,) = function(batch("2.0", KEY))["results"]
    if error in NO_PAYLOAD:
        expected = ("Succeeded", f"no payload: {error}: the reason")
    elif raised.permanent:
        expected = ("PermanentFailure", f"{error}: the reason")
    else:
        expected = ("TemporaryFailure", f"{error}: the reason")
    assert (result["resultCode"], result["resultString"]) == expected


def test_a_bad_model_succeeds_with_its_reason(function: Function, s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key="bad/model.tar.gz", Body=b"not an archive")
    (result,) = function(batch("1.0", "bad/model.tar.gz"))["results"]
    assert result["resultCode"] == "Succeeded"
    assert result["resultString"].startswith("no payload: CorruptArchiveError: ")


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_transient_error_is_a_temporary_failure(version: str, function: Function) -> None:
    (result,) = function(batch(version, KEY), seconds=9)["results"]
    assert result["resultCode"] == "TemporaryFailure"
    assert result["resultString"].startswith("DeadlineExceededError: ")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("a/data.csv", "'data.csv' is not named model.tar.gz"),
        ("gone/model.tar.gz", "the model is gone"),
    ],
)
def test_a_key_that_is_not_a_model_succeeds_as_skipped(
    key: str, reason: str, function: Function
) -> None:
    (result,) = function(batch("2.0", key))["results"]
    assert (result["resultCode"], result["resultString"]) == ("Succeeded", f"skipped: {reason}")


@pytest.mark.parametrize("task", [None, {}, {"taskId": "t", "s3Bucket": BUCKET}, {"s3Key": 5}])
def test_a_malformed_task_is_a_permanent_failure(task: Any, function: Function) -> None:
    (result,) = function({**event("batch_operations_2"), "tasks": [task]})["results"]
    assert result["resultCode"] == "PermanentFailure"
    assert result["resultString"].startswith("InvalidRequestError: ")


@pytest.mark.parametrize("change", [{"invocationSchemaVersion": "3.0"}, {"tasks": None}])
def test_an_unknown_batch_schema_is_refused(change: Dict[str, Any], function: Function) -> None:
    with pytest.raises(InvalidRequestError, match=r"1\.0 and 2\.0"):
        function({**event("batch_operations_1"), **change})


def test_a_version_in_a_task_or_a_notification_is_ignored(
    function: Function, s3: S3Client, calls: Calls
) -> None:
    function(event("batch_operations_1"))
    function(event("s3"))
    function(event("eventbridge_object_created"))
    assert calls.made
    assert not any("VersionId" in parameters for _, parameters in calls.made)
