"""Each event's shape is recognised by its structure, and answered as whoever sent it expects."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Dict, List
from urllib.parse import quote_plus

import pytest
from mims.errors import (
    CorruptArchiveError,
    InvalidRequestError,
    InvalidSettingsError,
    ModelNotFoundError,
)

from tests.functional.conftest import Calls, Function
from tests.functional.events import (
    BUCKET,
    FOLDER,
    KEY,
    PAYLOAD_KEY,
    URI,
    event,
    model_archive,
    sns_event,
    sqs_event,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SINGLE = (
    "eventbridge_object_created",
    "training_job",
    "training_job_without_artifacts",
    "request",
    "request_bucket_key",
    "failure_record",
)
SEVERAL = ("s3", "sns")
BATCH = ("batch_operations_1", "batch_operations_2")


def test_every_file_in_events_is_tried_here() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == {
        *SINGLE,
        *SEVERAL,
        *BATCH,
        "sqs",
        "s3_test_event",
    }


@pytest.mark.parametrize("name", SINGLE)
def test_an_event_of_one_model_is_answered_with_one_result(name: str, function: Function) -> None:
    result = function(event(name))
    assert (result["status"], result["model_s3_uri"]) == ("created", URI)
    assert result["payload_s3_uri"] == f"s3://{BUCKET}/{PAYLOAD_KEY}"


@pytest.mark.parametrize("name", SEVERAL)
def test_an_event_of_records_is_answered_with_results(name: str, function: Function) -> None:
    answer = function(event(name))
    assert [(r["status"], r["model_s3_uri"]) for r in answer.pop("results")] == [("created", URI)]
    assert answer == {}


def test_a_queue_is_answered_with_the_messages_that_failed(
    function: Function, calls: Calls
) -> None:
    assert function(event("sqs")) == {"batchItemFailures": []}
    # Four messages of one model, two test events: one write, and three looks at it.
    assert (
        calls.operations
        == ["HeadObject", "GetObject", "PutObject", "HeadObject"]
        + [
            "HeadObject",
            "GetObject",
        ]
        * 3
    )


@pytest.mark.parametrize("name", BATCH)
def test_a_task_of_batch_operations_is_answered_in_its_own_schema(
    name: str, function: Function
) -> None:
    sent = event(name)
    answer = function(sent)
    (result,) = answer.pop("results")
    told = json.loads(result.pop("resultString"))
    assert answer == {
        "invocationSchemaVersion": sent["invocationSchemaVersion"],
        "treatMissingKeysAs": "PermanentFailure",
        "invocationId": sent["invocationId"],
    }
    assert result == {"taskId": sent["tasks"][0]["taskId"], "resultCode": "Succeeded"}
    assert told == {"status": "created", "payload": f"s3://{BUCKET}/{PAYLOAD_KEY}"}


# --- test events ---


@pytest.mark.parametrize(
    "sent",
    [event("s3_test_event"), sns_event(event("s3_test_event"))],
    ids=["bare", "in SNS"],
)
def test_a_test_event_succeeds_and_does_nothing(
    sent: Any, function: Function, calls: Calls
) -> None:
    assert function(sent) == {"results": []}
    assert calls.made == []


def test_a_test_event_in_a_queue_succeeds_and_does_nothing(
    function: Function, calls: Calls
) -> None:
    in_sns = json.loads(event("sqs")["Records"][-1]["body"])
    assert in_sns["Type"] == "Notification"
    assert function(sqs_event(event("s3_test_event"), in_sns)) == {"batchItemFailures": []}
    assert calls.made == []


# --- keys: encoded in notifications and batch tasks, and nowhere else ---

ODD_KEYS = ("a b/model.tar.gz", "a+b/model.tar.gz", "a%2Bb/model.tar.gz", "ü/模型/model.tar.gz")


def keyed(name: str, key: str) -> Any:
    sent = event(name)
    encoded = quote_plus(key, safe="/")
    if name == "s3":
        sent["Records"][0]["s3"]["object"]["key"] = encoded
    elif name in BATCH:
        sent["tasks"][0]["s3Key"] = encoded
    elif name == "eventbridge_object_created":
        sent["detail"]["object"]["key"] = key
    elif name == "training_job":
        sent["detail"]["ModelArtifacts"]["S3ModelArtifacts"] = f"s3://{BUCKET}/{key}"
    elif name == "request":
        sent["model_s3_uri"] = f"s3://{BUCKET}/{key}"
    else:
        sent["key"] = key
    return sent


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize(
    "name",
    ["s3", *BATCH, "eventbridge_object_created", "training_job", "request", "request_bucket_key"],
)
def test_the_key_is_decoded_where_it_is_encoded_and_nowhere_else(
    name: str, key: str, function: Function, s3: S3Client
) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=model_archive())
    function(keyed(name, key))
    folder = key.rsplit("/", 1)[0]
    assert s3.head_object(Bucket=BUCKET, Key=f"{folder}/payload/payload.tar.gz")


def test_a_key_of_eventbridge_is_not_decoded(function: Function, s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key="a+b/model.tar.gz", Body=model_archive())
    result = function(keyed("eventbridge_object_created", "a+b/model.tar.gz"))
    assert (result["status"], result["model_s3_uri"]) == (
        "created",
        f"s3://{BUCKET}/a+b/model.tar.gz",
    )


# --- several records, some of which fail ---


def s3_records(*keys: str) -> Dict[str, Any]:
    (record,) = event("s3")["Records"]
    records = [copy.deepcopy(record) for _ in keys]
    for each, key in zip(records, keys):
        each["s3"]["object"]["key"] = quote_plus(key, safe="/")
    return {"Records": records}


def test_a_failing_record_is_raised_after_the_last_one(function: Function, s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key="bad/model.tar.gz", Body=b"not an archive")
    with pytest.raises(CorruptArchiveError):
        function(s3_records("bad/model.tar.gz", KEY))
    assert s3.head_object(Bucket=BUCKET, Key=PAYLOAD_KEY)


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


def test_a_queue_of_mixed_bodies_is_answered_with_just_those_that_failed(
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
def test_a_permanent_error_is_a_permanent_failure_of_its_task_alone(
    version: str, function: Function, s3: S3Client
) -> None:
    s3.put_object(Bucket=BUCKET, Key="bad/model.tar.gz", Body=b"not an archive")
    answer = function(batch(version, "bad/model.tar.gz", KEY))
    bad, good = answer["results"]
    assert (bad["taskId"], bad["resultCode"]) == ("bad/model.tar.gz", "PermanentFailure")
    assert bad["resultString"].startswith("CorruptArchiveError: ")
    assert (good["taskId"], good["resultCode"]) == (KEY, "Succeeded")


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_transient_error_is_a_temporary_failure(version: str, function: Function) -> None:
    (result,) = function(batch(version, KEY), seconds=9)["results"]
    assert result["resultCode"] == "TemporaryFailure"
    assert result["resultString"].startswith("DeadlineExceededError: ")


@pytest.mark.parametrize(
    ("key", "reason"),
    [("a/data.csv", "'data.csv' is no model.tar.gz"), ("gone/model.tar.gz", "the model is gone")],
)
def test_a_key_that_is_no_model_succeeds_as_skipped(
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


def test_a_defect_is_a_temporary_failure_and_its_message_is_not_logged(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: Any) -> None:
        raise ZeroDivisionError("CANARY")

    monkeypatch.setattr("app.reconcile", defect)
    first, second = function(batch("1.0", KEY, KEY))["results"]
    assert first["resultCode"] == second["resultCode"] == "TemporaryFailure"
    line = function.log()[0]
    assert (line["error"], "CANARY" in line["error_message"]) == ("ZeroDivisionError", False)


def test_a_version_in_a_task_or_a_notification_is_ignored(
    function: Function, s3: S3Client, calls: Calls
) -> None:
    function(event("batch_operations_1"))
    function(event("s3"))
    function(event("eventbridge_object_created"))
    assert calls.made
    assert not any("VersionId" in parameters for _, parameters in calls.made)


# --- training jobs ---


@pytest.mark.parametrize("status", ["InProgress", "Failed", "Stopped", "Stopping"])
def test_a_job_that_is_not_completed_is_skipped(
    status: str, function: Function, calls: Calls
) -> None:
    sent = event("training_job")
    sent["detail"]["TrainingJobStatus"] = status
    result = function(sent)
    assert (result["status"], status in result["reason"]) == ("skipped", True)
    assert calls.made == []


@pytest.mark.parametrize("slash", ["", "/"])
def test_without_artifacts_the_location_follows_from_the_output_path(
    slash: str, function: Function
) -> None:
    sent = event("training_job_without_artifacts")
    assert "ModelArtifacts" not in sent["detail"]
    sent["detail"]["OutputDataConfig"]["S3OutputPath"] += slash
    assert function(sent)["model_s3_uri"] == URI


def test_a_job_that_leaves_its_model_uncompressed(function: Function, s3: S3Client) -> None:
    sent = event("training_job")
    sent["detail"]["ModelArtifacts"]["S3ModelArtifacts"] = f"s3://{BUCKET}/job/output/model/"
    s3.put_object(
        Bucket=BUCKET,
        Key="job/output/model/hyperparameters.json",
        Body=b'{"tab_field_list": ["age"], "cat_field_list": []}',
    )
    assert function(sent)["payload_s3_key"] == "job/output/payload/payload.tar.gz"


# --- failure records, envelopes ---


@pytest.mark.parametrize("name", ["s3", "sns", "sqs", "batch_operations_1", "s3_test_event"])
def test_a_failure_record_is_answered_as_the_event_in_it(name: str, function: Function) -> None:
    recorded = {**event("failure_record"), "requestPayload": event(name)}
    function(event(name))
    assert function(recorded) == function(event(name))


def test_a_failure_record_of_a_failure_record(function: Function) -> None:
    recorded = {**event("failure_record"), "requestPayload": event("failure_record")}
    assert function(recorded)["status"] == "created"


def test_envelopes_without_end_are_refused(function: Function) -> None:
    body = event("s3")
    for _ in range(6):
        body = {"Type": "Notification", "Message": json.dumps(body)}
    with pytest.raises(InvalidRequestError, match="envelopes"):
        function(body)


def test_failure_records_without_end_are_refused_or_answered_but_never_a_crash(
    function: Function,
) -> None:
    body: Any = {"unknown": 1}
    for _ in range(400):
        body = {"requestContext": {"condition": "RetriesExhausted"}, "requestPayload": body}
    with pytest.raises(InvalidRequestError):
        function(body)
    assert function(sqs_event(body)) == {"batchItemFailures": [{"itemIdentifier": "0"}]}


# --- unknown shapes ---


def without(name: str, *path: Any) -> Any:
    sent = event(name)
    place = sent
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return sent


@pytest.mark.parametrize(
    "sent",
    [
        None,
        [],
        "s3://models/model.tar.gz",
        5,
        {},
        {"Records": []},
        {"Records": {}},
        {"Records": [None]},
        {"Records": [{"eventSource": "aws:dynamodb"}]},
        {"Records": [{"eventSource": "aws:sqs", "messageId": "1", "body": "{}"}, {}]},
        {"source": "aws.ec2", "detail": {}},
        {"source": "aws.s3"},
        {"source": "aws.s3", "detail": "x"},
        {"source": "aws.sagemaker", "detail": {}},
        {"bucket": BUCKET},
        {"key": KEY},
        {"requestContext": {"http": {}}, "body": "{}"},
        without("s3", "Records", 0, "s3", "bucket"),
        without("s3", "Records", 0, "eventSource"),
        without("sns", "Records", 0, "Sns"),
        without("eventbridge_object_created", "detail", "object", "key"),
        without("training_job_without_artifacts", "detail", "OutputDataConfig"),
        without("training_job_without_artifacts", "detail", "TrainingJobName"),
        without("training_job", "detail", "ModelArtifacts", "S3ModelArtifacts"),
    ],
)
def test_an_event_of_no_known_shape_is_refused(sent: Any, function: Function, calls: Calls) -> None:
    with pytest.raises(InvalidRequestError):
        function(sent)
    assert calls.made == []


def test_the_refusal_says_which_shapes_are_known(function: Function) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        function({"hello": "world"})
    told = str(caught.value)
    assert "hello" in told
    for shape in ("S3 notification", "EventBridge", "SQS", "SNS", "Batch", "model_s3_uri"):
        assert shape in told


# --- requests ---


@pytest.mark.parametrize(
    "change",
    [
        {"model_s3_uri": "https://models/model.tar.gz"},
        {"model_s3_uri": "s3://"},
        {"model_s3_uri": f"s3://{BUCKET}"},
        {"model_s3_uri": f"s3://{BUCKET}/"},
        {"model_s3_uri": "s3:///model.tar.gz"},
        {"model_s3_uri": 5},
        {"model_s3_uri": None},
        {"model_s3_uri": "s3://no bucket/model.tar.gz"},
        {"model_s3_uri": f"s3://{BUCKET}/\ud800/model.tar.gz"},
        {"model_s3_uri": f"s3://{BUCKET}/{'k' * 1025}"},
        {"bucket": BUCKET},
        {"key": KEY},
        {"payload_s3_uri": "payload.tar.gz"},
        {"payload_s3_uri": f"s3://{BUCKET}/payload.zip"},
        {"payload_s3_uri": f"s3://{BUCKET}/model.tar.gz"},
        {"payload_s3_uri": f"s3://{BUCKET}/x/.tar.gz"},
        {"payload_s3_uri": 5},
        {"payload_s3_uri": ""},
        {"version_id": "v1"},
        {"version_id": 5, "payload_s3_uri": f"s3://{BUCKET}/payload.tar.gz"},
        {"version_id": "\ud800", "payload_s3_uri": f"s3://{BUCKET}/payload.tar.gz"},
        {"force": "yes"},
    ],
)
def test_a_request_that_cannot_be_meant_is_refused(
    change: Dict[str, Any], function: Function
) -> None:
    with pytest.raises(InvalidRequestError):
        function({"model_s3_uri": URI, **change})
    (line,) = function.log()
    assert line["error"] == "InvalidRequestError"


@pytest.mark.parametrize(
    "settings", [{"content_type": "text/csv"}, {"content_types": "text/html"}, [], "x"]
)
def test_settings_of_a_request_are_checked_before_anything_is_read(
    settings: Any, function: Function, calls: Calls
) -> None:
    with pytest.raises(InvalidSettingsError):
        function({"model_s3_uri": URI, "settings": settings})
    assert calls.made == []


def test_an_unknown_key_of_a_request_is_told_as_a_warning(function: Function) -> None:
    result = function({"model_s3_uri": URI, "forse": True, "Comment": "x"})
    assert result["status"] == "created"
    assert [w for w in result["warnings"] if "'forse'" in w]
    assert [w for w in result["warnings"] if "'Comment'" in w]


@pytest.mark.parametrize(
    "name", ["s3", "eventbridge_object_created", "training_job", "sns", "failure_record"]
)
def test_a_model_that_is_gone_is_skipped_for_a_notification(
    name: str, function: Function, s3: S3Client
) -> None:
    s3.delete_object(Bucket=BUCKET, Key=KEY)
    answer = function(event(name))
    result = answer["results"][0] if "results" in answer else answer
    assert (result["status"], result["reason"]) == ("skipped", "the model is gone")


@pytest.mark.parametrize("name", ["request", "request_bucket_key"])
def test_a_model_that_is_gone_is_an_error_for_a_request(
    name: str, function: Function, s3: S3Client
) -> None:
    s3.delete_object(Bucket=BUCKET, Key=KEY)
    with pytest.raises(ModelNotFoundError, match="churn model"):
        function(event(name))


@pytest.mark.parametrize(
    "name", ["model.tgz", "Model.tar.gz", "model.tar.gz.part", "xmodel.tar.gz"]
)
@pytest.mark.parametrize("shape", ["s3", "eventbridge_object_created", *BATCH, "training_job"])
def test_a_notification_of_another_object_is_skipped_without_a_call(
    shape: str, name: str, function: Function, calls: Calls
) -> None:
    answer = function(keyed(shape, f"folder/{name}"))
    assert "skipped" in json.dumps(answer)
    assert calls.made == []


def test_what_is_skipped_needs_no_good_settings(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTENT_TYPES", "nonsense")
    assert function(keyed("eventbridge_object_created", "a.txt"))["status"] == "skipped"
    with pytest.raises(InvalidSettingsError, match="CONTENT_TYPES"):
        function(event("eventbridge_object_created"))


def test_a_call_without_a_context_is_answered(function: Function) -> None:
    import app

    assert app.lambda_handler(event("request"), None)["status"] == "created"
