"""The function under the real runtime client, against a real S3 server."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator

import mims_payload
import pytest

from local import lambda_function
from local.events import notification, object_created
from local.lambda_function import LocalFunction
from local.s3_server import S3Server, running_moto
from tests.archives import packed, unpacked
from tests.integration.conftest import BUCKET
from tests.integration.model_archives import MIB, fields_of, hyperparameters, large_model, weights
from tests.models import kept

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EVENTS = Path(__file__).resolve().parents[2] / "events"
# Where a defect is planted → the function that it replaces.
PLANTS = {
    "settings": "app.read_settings",
    "inputs.search": "mims.aws.reconcile.find_inputs",
    "aws.events.s3_notification": "mims.aws.events.s3_notification.unquote_plus",
}
SETTINGS = {"CONTENT_TYPES": "application/json,text/csv", "SAMPLE_COUNT": "2"}


@pytest.fixture(scope="module")
def function(s3_server: S3Server) -> Iterator[LocalFunction]:
    with LocalFunction({**s3_server.environment(), **SETTINGS}) as function:
        yield function


def read(s3: S3Client, result: dict[str, Any]) -> bytes:
    answer = s3.get_object(Bucket=result["payload_s3_bucket"], Key=result["payload_s3_key"])
    return answer["Body"].read()


@pytest.mark.parametrize("model", kept.NAMES)
def test_an_upload_gives_the_payload_that_a_processing_job_gives(
    model: str, function: LocalFunction, s3: S3Client, folder: str, tmp_path: Path
) -> None:
    archive = kept.archive(model)
    key = f"{folder}/output/model.tar.gz"
    uploaded = s3.put_object(Bucket=BUCKET, Key=key, Body=archive.read_bytes())
    event = object_created(BUCKET, key, archive.stat().st_size, uploaded["ETag"])

    answer = function.invoke(event)
    other = mims_payload.main(
        {"model_input": str(archive)}, {"payload_sample": str(tmp_path)}, SETTINGS
    )

    assert answer.error is None
    assert answer.result["status"] == "created"
    assert answer.result["model_etag"] == uploaded["ETag"]
    assert (
        answer.result["payload_s3_uri"] == f"s3://{BUCKET}/{folder}/output/payload/payload.tar.gz"
    )
    payload = read(s3, answer.result)
    assert set(unpacked(payload)) == {
        "application_json/sample_payload.json",
        "text_csv/sample_payload.csv",
        "metadata.json",
    }
    assert payload == Path(other).read_bytes()


def test_a_notification_with_two_records_makes_both_payloads(
    function: LocalFunction, s3: S3Client, folder: str
) -> None:
    keys = [f"{folder}/a b+c/model.tar.gz", f"{folder}/ü%2F/model.tar.gz"]
    for number, key in enumerate(keys):
        archive = packed(("hyperparameters.json", hyperparameters(f"field_{number}")))
        s3.put_object(Bucket=BUCKET, Key=key, Body=archive)

    answer = function.invoke(notification(BUCKET, *keys))

    results = answer.result["results"]
    assert [result["model_s3_uri"] for result in results] == [f"s3://{BUCKET}/{k}" for k in keys]
    assert [fields_of(read(s3, result)) for result in results] == [["field_0"], ["field_1"]]


def test_a_second_event_of_the_same_upload_reads_nothing_and_writes_nothing(
    function: LocalFunction, s3: S3Client, folder: str
) -> None:
    key = f"{folder}/model.tar.gz"
    s3.put_object(Bucket=BUCKET, Key=key, Body=large_model("x"))
    first = function.invoke(notification(BUCKET, key)).result["results"][0]
    written = s3.head_object(Bucket=BUCKET, Key=first["payload_s3_key"])["LastModified"]

    second = function.invoke(notification(BUCKET, key)).result["results"][0]

    assert (first["status"], second["status"]) == ("created", "unchanged")
    assert second["bytes_read"] == 0
    assert s3.head_object(Bucket=BUCKET, Key=first["payload_s3_key"])["LastModified"] == written


def test_a_new_upload_replaces_the_payload(
    function: LocalFunction, s3: S3Client, folder: str
) -> None:
    key = f"{folder}/model.tar.gz"
    statuses = []
    for field in ("old", "new"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=large_model(field))
        result = function.invoke(notification(BUCKET, key)).result["results"][0]
        statuses.append(result["status"])

    assert statuses == ["created", "updated"]
    assert fields_of(read(s3, result)) == ["new"]


@pytest.mark.parametrize("form", ["compressed", "uncompressed"])
def test_a_request_by_name_is_answered_with_its_settings(
    form: str, function: LocalFunction, s3: S3Client, folder: str
) -> None:
    if form == "compressed":
        key, body = f"{folder}/model.tar.gz", large_model("x", "y")
    else:
        key, body = f"{folder}/model/hyperparameters.json", hyperparameters("x", "y")
    s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    uri = f"s3://{BUCKET}/{key}".replace("hyperparameters.json", "")

    answer = function.invoke(
        {
            "model_s3_uri": uri,
            "payload_s3_uri": f"s3://{BUCKET}/{folder}/mine.tar.gz",
            "settings": {"content_types": "text/csv; header=absent", "field_values": {"y": "7"}},
        }
    )

    assert answer.error is None
    assert answer.result["content_types"] == ["text/csv"]
    files = unpacked(s3.get_object(Bucket=BUCKET, Key=f"{folder}/mine.tar.gz")["Body"].read())
    assert files["text_csv_header_absent/sample_payload.csv"] == b"0.0,7.0\n0.0,7.0"


@pytest.mark.parametrize(
    ("body", "error_type"),
    [
        pytest.param(b"", "CorruptArchiveError", id="empty"),
        pytest.param(weights(1000), "CorruptArchiveError", id="noise"),
        pytest.param(b"PK\x03\x04" + bytes(100), "CorruptArchiveError", id="zip"),
        pytest.param(large_model("x")[: 2 * MIB], "CorruptArchiveError", id="truncated"),
        pytest.param(packed(("model.bin", b"1")), "HyperparametersNotFoundError", id="not there"),
        pytest.param(
            packed(("hyperparameters.json", b"{")),
            "InvalidHyperparametersError",
            id="malformed",
        ),
        pytest.param(packed(("hyperparameters.json", b"{}")), "NoInputFieldsError", id="no fields"),
    ],
)
def test_a_bad_model_is_reported_by_the_name_of_its_error(
    body: bytes, error_type: str, function: LocalFunction, s3: S3Client, folder: str
) -> None:
    key = f"{folder}/model.tar.gz"
    s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    answer = function.invoke(object_created(BUCKET, key, len(body), ""))

    assert answer.error_type == error_type
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{folder}/")["Contents"]
    assert [item["Key"] for item in listed] == [key]


@pytest.mark.parametrize(
    ("event", "error_type"),
    [
        ({"model_s3_uri": f"s3://{BUCKET}/nothing/here/model.tar.gz"}, "ModelNotFoundError"),
        ({"model_s3_uri": "s3://no-such-bucket/model.tar.gz"}, "ModelNotFoundError"),
        ({"model_s3_uri": "https://models/model.tar.gz"}, "InvalidRequestError"),
        ({"what": "is this"}, "InvalidRequestError"),
        (
            {"model_s3_uri": f"s3://{BUCKET}/model.tar.gz", "settings": {"content_types": "x/y"}},
            "InvalidSettingsError",
        ),
    ],
)
def test_a_bad_request_is_reported_by_the_name_of_its_error(
    event: dict[str, Any], error_type: str, function: LocalFunction
) -> None:
    answer = function.invoke(event)

    assert answer.error_type == error_type


def test_one_line_without_values_is_logged_for_a_model(
    function: LocalFunction, s3: S3Client, folder: str
) -> None:
    secret = "do-not-log-me"
    parameters = {"tab_field_list": ["x"], "cat_field_list": ["y"], "model_objective": secret}
    key = f"{folder}/model.tar.gz"
    body = packed(("hyperparameters.json", json.dumps(parameters).encode()))
    s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    answer = function.invoke(object_created(BUCKET, key, len(body), ""))

    lines = [json.loads(line) for line in answer.log.splitlines()]
    about_models = [line for line in lines if "model_s3_uri" in line]
    assert [line["status"] for line in about_models] == ["created"]
    assert about_models[0]["field_count"] == 2
    assert secret not in answer.log
    assert secret.encode() in unpacked(read(s3, answer.result))["metadata.json"]


def test_no_variable_of_powertools_makes_the_function_log_the_event(s3_server: S3Server) -> None:
    """A training job's event contains its hyperparameters."""
    event = json.loads((EVENTS / "training_job.json").read_text())
    event["detail"]["HyperParameters"]["note"] = "do-not-log-me"
    environment = {**s3_server.environment(), "POWERTOOLS_LOGGER_LOG_EVENT": "true"}
    with LocalFunction(environment) as function:
        answer = function.invoke(event)

    assert answer.error_type == "ModelNotFoundError"
    assert "model_s3_uri" in answer.log
    assert "do-not-log-me" not in answer.log


@pytest.mark.parametrize("where", ["settings", "inputs.search", "aws.events.s3_notification"])
@pytest.mark.parametrize("shape", ["notification", "queue", "batch"])
def test_a_defect_s_message_never_leaves_the_process(
    where: str, shape: str, s3_server: S3Server, s3: S3Client, folder: str, tmp_path: Path
) -> None:
    """Run the function's own code, with a defect planted in it, under the real runtime client."""
    shutil.copytree(lambda_function.TASK_ROOT, tmp_path / "code")
    (tmp_path / "code" / "planted.py").write_text(
        "import json, app, mims.aws.reconcile, mims.aws.events.s3_notification\n"
        "def fail(*_, **__):\n"
        "    raise KeyError(''.join(['customer', '-', '4711']))\n"
        f"{PLANTS[where]} = fail\n"
        "lambda_handler = app.lambda_handler\n"
    )
    key = f"{folder}/model.tar.gz"
    s3.put_object(Bucket=BUCKET, Key=key, Body=large_model("x"))
    event: Any = notification(BUCKET, key)
    if shape == "queue":
        message = {"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(event)}
        event = {"Records": [message]}
    elif shape == "batch":
        task = {"taskId": "1", "s3Bucket": BUCKET, "s3Key": key}
        event = {"invocationSchemaVersion": "2.0", "tasks": [task]}

    with LocalFunction(
        s3_server.environment(), "planted.lambda_handler", tmp_path / "code"
    ) as function:
        answer = function.invoke(event)

    assert "customer-4711" not in json.dumps([answer.result, answer.error]) + answer.log
    if shape == "batch" and where == "aws.events.s3_notification":
        assert answer.result["results"][0]["resultCode"] == "Succeeded"  # that code was not run
        return
    assert "InternalError" in answer.log
    if shape == "notification":
        assert answer.error_type == "InternalError"
        assert str(answer.error_message).startswith("KeyError in planted.py, line 3.")
    elif shape == "queue":
        assert answer.result == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    else:
        (task,) = answer.result["results"]
        assert task["resultCode"] == "PermanentFailure"


def test_four_runtimes_at_once_make_one_payload(
    s3_server: S3Server, s3: S3Client, folder: str
) -> None:
    key = f"{folder}/model.tar.gz"
    s3.put_object(Bucket=BUCKET, Key=key, Body=large_model("x"))
    with ExitStack() as stack, ThreadPoolExecutor(4) as threads:
        functions = [stack.enter_context(LocalFunction(s3_server.environment())) for _ in range(4)]
        event = notification(BUCKET, key)
        answers = list(threads.map(lambda function: function.invoke(event), functions))

    assert [answer.error for answer in answers] == [None] * 4
    results = [answer.result["results"][0] for answer in answers]
    assert {result["status"] for result in results} <= {"created", "updated", "unchanged"}
    assert "created" in {result["status"] for result in results}
    assert fields_of(read(s3, results[0])) == ["x"]


def test_the_whole_way_works_with_motos_server_too(folder: str) -> None:
    with running_moto() as server, LocalFunction(server.environment()) as function:
        s3 = server.client()
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=f"{folder}/model.tar.gz", Body=large_model("x"))
        event = notification(BUCKET, f"{folder}/model.tar.gz")

        results = [function.invoke(event).result["results"][0] for _ in range(2)]

        assert [result["status"] for result in results] == ["created", "unchanged"]
        assert fields_of(read(s3, results[0])) == ["x"]


def test_the_whole_way_works_without_the_runtime_clients_native_module(
    s3_server: S3Server, s3: S3Client, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = lambda_function.lambda_variables
    pure = str(lambda_function.PURE_RUNTIME_CLIENT)

    def with_pure_client(*arguments: Any) -> dict[str, str]:
        made = variables(*arguments)
        return {**made, "PYTHONPATH": f"{pure}:{made['PYTHONPATH']}"}

    monkeypatch.setattr(lambda_function, "lambda_variables", with_pure_client)
    key = f"{folder}/model.tar.gz"
    s3.put_object(Bucket=BUCKET, Key=key, Body=large_model("x"))
    with LocalFunction(s3_server.environment()) as function:
        done = function.invoke(notification(BUCKET, key))
        failed = function.invoke({"what": "is this"})

    assert done.result["results"][0]["status"] == "created"
    assert failed.error_type == "InvalidRequestError"
