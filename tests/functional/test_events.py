"""Each event is recognised by its structure, and answered as its sender expects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, List
from urllib.parse import quote_plus

import pytest
from mims.aws.events import FAMILIES
from mims.aws.events.family import Family
from mims.errors import (
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

# Each file of `events/`, and the status of the model in it.
CREATED, SKIPPED = "created", "skipped"
SINGLE = {
    "eventbridge_object_created": CREATED,
    "eventbridge_object_deleted": CREATED,
    "eventbridge_object_restore_completed": CREATED,
    "eventbridge_object_tags_added": SKIPPED,
    "training_job": CREATED,
    "training_job_without_artifacts": CREATED,
    "training_job_output": CREATED,
    "sagemaker_model_package": SKIPPED,
    "request": CREATED,
    "request_bucket_key": CREATED,
    "request_replace_foreign": CREATED,
    "failure_record": CREATED,
    "success_record": CREATED,
    "success_record_eventbridge": CREATED,
    "success_record_of_this_function": SKIPPED,
    "own_result": SKIPPED,
    "own_results": SKIPPED,
    "own_batch_item_failures": SKIPPED,
    "own_batch_operations_answer": SKIPPED,
}
# Requests for other models.
ELSEWHERE = ("request_uncompressed", "request_old_version")
SEVERAL = ("s3", "s3_removed", "sns", "sns_message")
LISTS = {
    "list_of_events": [CREATED, "unchanged"],
    "list_of_records": [CREATED, "unchanged"],
}
QUEUED = ("sqs", "list_of_sqs_records")
BATCH = ("batch_operations_1", "batch_operations_2")


def test_every_file_in_events_is_tried_here_as_an_example_of_a_family() -> None:
    files = sorted(file.stem for file in FOLDER.iterdir())
    assert files == sorted(
        [*SINGLE, *ELSEWHERE, *SEVERAL, *LISTS, *QUEUED, *BATCH, "s3_test_event"]
    )
    assert files == sorted(name for family in FAMILIES for name in family.examples)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.examples[0])
def test_a_family_recognises_its_examples_and_no_other_family_comes_first(family: Family) -> None:
    for name in family.examples:
        assert next(first for first in FAMILIES if first.recognises(event(name))) is family


@pytest.mark.parametrize(("name", "status"), SINGLE.items())
def test_an_event_of_one_model_is_answered_with_one_result(
    name: str, status: str, function: Function, calls: Calls
) -> None:
    result = function(event(name))
    assert result["status"] == status
    if status == CREATED:
        assert result["model_s3_uri"] == URI
        assert result["payload_s3_uri"] == f"s3://{BUCKET}/{PAYLOAD_KEY}"
    else:
        assert result["reason"]
        assert calls.made == []


def test_an_uncompressed_model_and_an_old_version_are_asked_for_by_name(
    function: Function, s3: S3Client
) -> None:
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    uncompressed, old = event("request_uncompressed"), event("request_old_version")
    key = uncompressed["model_s3_uri"].split("/", 3)[3] + "hyperparameters.json"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b'{"tab_field_list": ["age"]}')
    assert function(uncompressed)["status"] == CREATED
    version = s3.put_object(Bucket=BUCKET, Key=KEY, Body=model_archive())["VersionId"]
    assert function({**old, "version_id": version})["payload_s3_uri"] == old["payload_s3_uri"]
    with pytest.raises(ModelNotFoundError, match=old["version_id"]):
        function(old)


@pytest.mark.parametrize("name", SEVERAL)
def test_an_event_of_records_is_answered_with_results(name: str, function: Function) -> None:
    answer = function(event(name))
    assert [(r["status"], r["model_s3_uri"]) for r in answer.pop("results")] == [("created", URI)]
    assert answer == {}


@pytest.mark.parametrize(("name", "statuses"), LISTS.items())
def test_a_list_is_answered_with_a_list(name: str, statuses: List[str], function: Function) -> None:
    assert [result["status"] for result in function(event(name))] == statuses


def test_an_error_in_a_list_is_raised_after_the_last(function: Function, s3: S3Client) -> None:
    with pytest.raises(InvalidRequestError, match="hello"):
        function([{"hello": 1}, *event("list_of_events"), {"world": 1}])
    assert s3.head_object(Bucket=BUCKET, Key=PAYLOAD_KEY)
    assert [line["status"] for line in function.log()] == [
        "failed",
        "created",
        "unchanged",
        "failed",
    ]


def test_a_list_of_only_messages_is_answered_with_those_that_failed(function: Function) -> None:
    assert function(event("list_of_sqs_records")) == {"batchItemFailures": []}
    messages = [*event("list_of_sqs_records"), *sqs_event("no JSON")["Records"]]
    assert function(messages) == {"batchItemFailures": [{"itemIdentifier": "0"}]}


def test_messages_among_other_events_are_answered_with_results(function: Function) -> None:
    answer = function([event("list_of_sqs_records")[0], event("request_bucket_key")])
    assert [result["status"] for result in answer] == ["created", "unchanged"]


def test_a_list_that_is_too_long_for_an_answer_is_refused(function: Function) -> None:
    with pytest.raises(InvalidRequestError, match="10,001 items"):
        function([{"bucket": "b", "key": "k"}] * 10_001)


@pytest.mark.parametrize("name", ["s3", "sqs", "batch_operations_2", "request", "list_of_events"])
def test_an_answer_that_comes_back_is_skipped(name: str, function: Function, calls: Calls) -> None:
    answer = function(event(name))
    calls.made.clear()
    again = function(answer)
    recorded = function({**event("success_record_of_this_function"), "responsePayload": answer})
    for result in [*(again if isinstance(again, list) else [again]),
                   *(recorded if isinstance(recorded, list) else [recorded])]:  # fmt: skip
        assert (result["status"], result["reason"]) == (SKIPPED, "it is an answer of this function")
    assert calls.made == []


@pytest.mark.parametrize("kept", [[{"status": "created"}], [{"status": "skipped", "count": 9}]])
def test_an_answer_with_very_many_results_that_comes_back_is_skipped(
    kept: Any, function: Function
) -> None:
    (result,) = function(kept)
    assert (result["status"], result["reason"]) == (SKIPPED, "it is an answer of this function")


@pytest.mark.parametrize(
    ("source", "detail_type"),
    [
        ("aws.s3", "Object ACL Updated"),
        ("aws.s3", "AWS API Call via CloudTrail"),
        ("aws.sagemaker", "SageMaker Endpoint State Change"),
    ],
)
def test_another_event_of_s3_or_sagemaker_is_skipped_by_name(
    source: str, detail_type: str, function: Function, calls: Calls
) -> None:
    result = function({"source": source, "detail-type": detail_type, "detail": {}})
    assert (result["status"], detail_type in result["reason"]) == (SKIPPED, True)
    assert calls.made == []


def test_an_older_version_is_the_newest_after_a_deletion(function: Function, s3: S3Client) -> None:
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    older = s3.put_object(Bucket=BUCKET, Key=KEY, Body=model_archive())
    newer = s3.put_object(Bucket=BUCKET, Key=KEY, Body=model_archive(("hyperparameters.json",
        b'{"tab_field_list": ["tenure"]}')))  # fmt: skip
    function(event("eventbridge_object_created"))
    s3.delete_object(Bucket=BUCKET, Key=KEY, VersionId=newer["VersionId"])
    result = function(event("eventbridge_object_deleted"))
    assert (result["status"], result["model_etag"]) == ("updated", older["ETag"])


def test_a_queue_is_answered_with_the_messages_that_failed(
    function: Function, calls: Calls
) -> None:
    assert function(event("sqs")) == {"batchItemFailures": []}
    # Four messages about one model and two test events: one write, and three checks.
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
    message = json.loads(result.pop("resultString"))
    assert answer == {
        "invocationSchemaVersion": sent["invocationSchemaVersion"],
        "treatMissingKeysAs": "PermanentFailure",
        "invocationId": sent["invocationId"],
    }
    assert result == {"taskId": sent["tasks"][0]["taskId"], "resultCode": "Succeeded"}
    assert message == {"status": "created", "payload": f"s3://{BUCKET}/{PAYLOAD_KEY}"}


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


@pytest.mark.parametrize("given", ["artifacts", "output path"])
def test_a_job_that_leaves_its_model_uncompressed(
    given: str, function: Function, s3: S3Client
) -> None:
    sent = event("training_job")
    sent["detail"]["ModelArtifacts"]["S3ModelArtifacts"] = f"s3://{BUCKET}/job/output/model/"
    if given == "output path":
        del sent["detail"]["ModelArtifacts"]
        sent["detail"]["TrainingJobName"] = "job"
        sent["detail"]["OutputDataConfig"] = {
            "S3OutputPath": f"s3://{BUCKET}/",
            "CompressionType": "NONE",
        }
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


def test_too_many_envelopes_are_refused(function: Function) -> None:
    body = event("s3")
    for _ in range(6):
        body = {"Type": "Notification", "Message": json.dumps(body)}
    with pytest.raises(InvalidRequestError, match="envelopes"):
        function(body)


def test_deeply_nested_failure_records_are_refused_without_a_crash(
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
    parent = sent
    for step in path[:-1]:
        parent = parent[step]
    del parent[path[-1]]
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
        {"results": [], "more": 1},
        {"status": "Completed"},
        {"status": "created", "more": 1},
        {"requestContext": {"condition": "Success"}, "requestPayload": {"bucket": "b", "key": "k"}},
        {**event("success_record"), "responsePayload": None},
        {"invocationSchemaVersion": "3.0", "tasks": []},
    ],
)
def test_an_event_of_unknown_shape_is_refused(sent: Any, function: Function, calls: Calls) -> None:
    with pytest.raises(InvalidRequestError):
        function(sent)
    assert calls.made == []


def test_the_refusal_says_which_shapes_are_known(function: Function) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        function({"hello": "world"})
    message = str(caught.value)
    assert "hello" in message
    for family in FAMILIES:
        assert family.description in message


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


def test_an_uncompressed_model_without_the_file_is_skipped_after_a_job(function: Function) -> None:
    sent = event("training_job")
    sent["detail"]["ModelArtifacts"]["S3ModelArtifacts"] = f"s3://{BUCKET}/job/output/model/"
    reason = "the model is gone, or has no hyperparameters.json directly under it"
    assert function(sent)["reason"] == reason


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


def test_a_folder_is_skipped_by_its_whole_key(function: Function) -> None:
    result = function(keyed("eventbridge_object_created", "job/output/"))
    assert result["reason"] == "'job/output/' is not named model.tar.gz"


def test_a_skipped_event_needs_no_valid_settings(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTENT_TYPES", "nonsense")
    assert function(keyed("eventbridge_object_created", "a.txt"))["status"] == "skipped"
    with pytest.raises(InvalidSettingsError, match="CONTENT_TYPES"):
        function(event("eventbridge_object_created"))


def test_a_call_without_a_context_is_answered(function: Function) -> None:
    import app

    assert app.lambda_handler(event("request"), None)["status"] == "created"
