"""What the function logs: one line for each model, metrics, and never a hyperparameter's value."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Dict, List, Set

import pytest
from aws_lambda_powertools.metrics.provider import cold_start
from mims.aws.telemetry import NAMESPACE, SERVICE
from mims.errors import AccessDeniedError, CorruptArchiveError, InvalidHyperparametersError

from tests.functional.conftest import Context, Function, Refuse
from tests.functional.events import BUCKET, KEY, URI, event, hyperparameters, model_archive

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REQUEST = {"model_s3_uri": URI}
RUN_METRICS = {
    "GenerationTime": "Seconds",
    "ArchiveTime": "Seconds",
    "ArchiveBytesRead": "Bytes",
    "PeakMemory": "Megabytes",
    "StreamResumes": "Count",
    "Restarts": "Count",
}


def described(line: Dict[str, Any]) -> Dict[str, str]:
    """Return the metrics that a line of the embedded metric format declares, name → unit."""
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE
    return {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}


def dimensions(line: Dict[str, Any]) -> List[Set[str]]:
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    return [set(names) for names in directive["Dimensions"]]


# --- log lines ---


def test_a_line_for_each_model(function: Function, s3: S3Client) -> None:
    result = function(REQUEST)
    (line,) = function.log()
    assert line["level"] == "INFO"
    assert line["service"] == SERVICE
    assert line["function_request_id"] == Context.aws_request_id
    known = {name: value for name, value in result.items() if value is not None}
    assert {name: line[name] for name in known} == known
    assert line["seconds"] >= line["archive_seconds"] >= 0
    assert line["peak_memory_mb"] > 10


def test_a_line_for_each_of_several(function: Function) -> None:
    function(event("sqs"))
    assert [line["status"] for line in function.log()] == ["created"] + ["unchanged"] * 3


def test_a_line_for_a_skipped_event(function: Function) -> None:
    sent = event("eventbridge_object_created")
    sent["detail"]["object"]["key"] = "notes.txt"
    function(sent)
    (line,) = function.log()
    assert (line["status"], line["reason"]) == ("skipped", "'notes.txt' is not named model.tar.gz")


def test_a_line_for_a_failure(function: Function, s3: S3Client) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"no archive")["ETag"]
    with pytest.raises(CorruptArchiveError) as caught:
        function(REQUEST)
    (line,) = function.log()
    assert (line["level"], line["status"], line["permanent"]) == ("ERROR", "failed", True)
    assert (line["error"], line["error_message"]) == ("CorruptArchiveError", str(caught.value))
    assert (line["model_s3_uri"], line["model_etag"], line["bytes_read"]) == (URI, etag, 10)


def test_a_line_for_an_event_of_unknown_shape(function: Function) -> None:
    function({**event("sqs"), "Records": [{**event("sqs")["Records"][0], "body": "{}"}]})
    (line,) = function.log()
    assert (line["error"], "model_s3_uri" in line) == ("InvalidRequestError", False)


# --- metrics ---


@pytest.mark.parametrize("status", ["created", "updated", "unchanged"])
def test_each_status_is_counted(status: str, function: Function, s3: S3Client) -> None:
    if status != "created":
        function(REQUEST)
    if status == "updated":
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=model_archive() + bytes(1))
    function.metrics()
    result = function(REQUEST)
    assert result["status"] == status
    (line,) = function.metrics()
    assert described(line) == {f"Payloads{status.title()}": "Count", **RUN_METRICS}
    assert dimensions(line) == [{"service"}]
    assert line[f"Payloads{status.title()}"] == [1.0]
    assert line["ArchiveBytesRead"] == [result["bytes_read"]]


def test_a_skipped_event_is_counted(function: Function) -> None:
    sent = event("eventbridge_object_created")
    sent["detail"]["object"]["key"] = "notes.txt"
    function(sent)
    (line,) = function.metrics()
    assert described(line)["ModelsSkipped"] == "Count"


def test_a_failure_is_counted_as_a_whole_and_by_its_error(
    function: Function, refuse: Refuse
) -> None:
    refuse("GetObject", 403, "AccessDenied")
    with pytest.raises(AccessDeniedError):
        function(REQUEST)
    by_error, whole = function.metrics()
    assert described(by_error) == {"PayloadsFailed": "Count"}
    assert dimensions(by_error) == [{"service", "error"}]
    assert (by_error["error"], by_error["PayloadsFailed"]) == ("AccessDeniedError", [1.0])
    assert described(whole) == {"PayloadsFailed": "Count", **RUN_METRICS}
    assert (dimensions(whole), whole["PayloadsFailed"]) == ([{"service"}], [1.0])


def test_the_time_that_a_bad_archive_took_is_counted(function: Function, s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"no archive")
    with pytest.raises(CorruptArchiveError):
        function(REQUEST)
    _, whole = function.metrics()
    assert 0 < whole["ArchiveTime"][0] <= whole["GenerationTime"][0]


def test_the_first_request_is_part_of_the_time_that_reading_took(
    function: Function, s3: S3Client
) -> None:
    def answer_late(**_: Any) -> None:
        time.sleep(0.2)

    s3.meta.events.register("before-send.s3.GetObject", answer_late)
    function(REQUEST)
    s3.meta.events.unregister("before-send.s3.GetObject", answer_late)
    (line,) = function.metrics()
    assert line["ArchiveTime"][0] > 0.2


def test_each_model_of_an_event_is_counted(function: Function) -> None:
    function(event("sqs"))
    (line,) = function.metrics()
    assert line["PayloadsCreated"] == [1.0]
    assert line["PayloadsUnchanged"] == [1.0] * 3
    assert len(line["GenerationTime"]) == 4


def test_hundreds_of_models_lose_no_count(function: Function) -> None:
    sent = event("batch_operations_2")
    sent["tasks"] = [
        {**sent["tasks"][0], "taskId": str(number), "s3Key": f"{number}.txt"}
        for number in range(250)
    ]
    function(sent)
    assert sum(len(line["ModelsSkipped"]) for line in function.metrics()) == 250


def test_an_invocation_without_requests_writes_no_metrics(function: Function) -> None:
    function(event("s3_test_event"))
    assert (function.metrics(), function.log()) == ([], [])


def test_the_first_invocation_of_a_process_counts_a_cold_start(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cold_start, "is_cold_start", True)
    function(REQUEST)
    first, _ = function.metrics()
    assert described(first) == {"ColdStart": "Count"}
    assert dimensions(first) == [{"function_name", "service"}]
    function(REQUEST)
    assert len(function.metrics()) == 1


def test_each_line_says_which_invocation_it_belongs_to(function: Function) -> None:
    function(REQUEST)
    (line,) = function.log()
    assert line["function_name"] == Context.function_name
    assert line["function_arn"] == Context.invoked_function_arn
    assert line["function_memory_size"] == Context.memory_limit_in_mb
    assert isinstance(line["cold_start"], bool)


def test_the_metrics_of_one_invocation_are_not_in_the_next(function: Function) -> None:
    function(REQUEST)
    function.metrics()
    function(REQUEST)
    (line,) = function.metrics()
    assert "PayloadsCreated" not in line


# --- what is never logged ---

CANARY = "CANARY-7f3a"
SECRET: Dict[str, Any] = {
    "tab_field_list": ["age"],
    "cat_field_list": ["region", "city"],
    "imputation_dict": {"age": 31337.5},
    "risk_tables": {"region": {CANARY: 0.5}},
    "learning_rate": CANARY,
    "model_class": f"{CANARY} in metadata.json alone",
}


def test_no_value_of_the_hyperparameters_or_the_payload_is_written(
    function: Function, s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECIAL_FIELD_city", CANARY)
    monkeypatch.setenv("DEFAULT_TEXT_VALUE", CANARY)
    content = json.dumps(SECRET).encode()
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=model_archive(("hyperparameters.json", content)))
    function({**REQUEST, "settings": {"realistic_values": True}})
    function({**REQUEST, "settings": {"realistic_values": True}})
    function(event("batch_operations_1"))
    written = function.written.getvalue() + json.dumps(function.metrics())
    assert "created" in written
    assert CANARY not in written
    assert "31337" not in written


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": "' + CANARY.encode(),
        b'{"tab_field_list": "' + CANARY.encode() + b'"}',
        b'{"tab_field_list": [["' + CANARY.encode() + b'"]]}',
        hyperparameters(risk_tables={"region": CANARY}, tab_field_list=[{"x": CANARY}]),
        CANARY.encode(),
    ],
)
def test_no_value_is_written_if_hyperparameters_are_malformed(
    content: bytes, function: Function, s3: S3Client
) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=model_archive(("hyperparameters.json", content)))
    with pytest.raises(InvalidHyperparametersError) as caught:
        function(REQUEST)
    assert CANARY not in function.written.getvalue() + str(caught.value)
    assert function.log()
