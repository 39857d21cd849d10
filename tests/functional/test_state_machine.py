"""The state machine, run by moto's Step Functions with the real handler.

moto knows neither Lambda's own errors nor how Step Functions spells SageMaker's. The class `Lambda`
here imitates the former; the latter are left to the tests of the definition.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
import uuid
from collections import deque
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Deque, Dict, Iterator, List, Optional

import app
import boto3
import pytest
from mims.aws import s3
from mims.errors import DeadlineExceededError, ModelChangingError, StorageError
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils

from mims_pipeline.platform_limits import faults
from tests.archives import packed, unpacked
from tests.template.stack import FILLED_IN, FUNCTION_ALIAS, definition

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MODEL = "s3://models/churn/model.tar.gz"
SPECIFICATION = {
    "Containers": [
        {"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/x:1", "ModelDataUrl": MODEL}
    ]
}
LOAD_TEST_KEY = "mims-load-test/churn/payload/payload.tar.gz"
LOAD_TEST_PAYLOAD = f"s3://models/{LOAD_TEST_KEY}"
_WITHIN = 60  # seconds, for what takes a tenth of one
REGISTRATION = {"ModelPackageGroupName": "churn", "InferenceSpecification": SPECIFICATION}


def archive(name: str = "hyperparameters.json", content: Optional[bytes] = None) -> bytes:
    fields = {"tab_field_list": ["age", "income"], "cat_field_list": ["region"]}
    content = json.dumps(fields).encode() if content is None else content
    return packed((name, content))


class Lambda:
    """Lambda as Step Functions sees it: the handler's answer, or its error by name.

    `faults` are for the next invocations, one each: an exception of the function's, or the name of
    one of Lambda's own errors; `None` for no fault.
    """

    def __init__(self) -> None:
        self.events: List[Any] = []
        self.faults: Deque[Any] = deque()

    def invoke(self, **parameters: Any) -> Dict[str, Any]:
        assert parameters["FunctionName"] == FUNCTION_ALIAS
        self.events.append(json.loads(parameters["Payload"]))
        fault = self.faults.popleft() if self.faults else None
        try:
            if isinstance(fault, str):
                return self._failed(fault, "made up")
            if fault is not None:
                raise fault
            answer = app.lambda_handler(self.events[-1], None)
        except Exception as error:  # noqa: BLE001 - as Lambda's runtime does
            return self._failed(type(error).__name__, str(error))
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode())}

    def _failed(self, name: str, message: str) -> Dict[str, Any]:
        payload = json.dumps({"errorType": name, "errorMessage": message}).encode()
        return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": io.BytesIO(payload)}


class Machine:
    """The deployed state machine, with the function and the S3 that it uses."""

    def __init__(self, function: Lambda, delays: List[float]) -> None:
        self.function = function
        self.delays = delays
        self.s3: S3Client = boto3.client("s3")
        self._states = boto3.client("stepfunctions")
        self._arn = self._states.create_state_machine(
            name="payload",
            definition=json.dumps(definition()),
            roleArn="arn:aws:iam::123456789012:role/payload",
        )["stateMachineArn"]

    def run(self, **execution_input: Any) -> Dict[str, Any]:
        """Return the finished execution, with its output parsed."""
        others = set(threading.enumerate())
        arn = self._states.start_execution(
            stateMachineArn=self._arn, name=uuid.uuid4().hex, input=json.dumps(execution_input)
        )["executionArn"]
        # An execution of moto's counts as ended a moment before its output and its error are there.
        for thread in set(threading.enumerate()) - others:
            thread.join(_WITHIN)
        execution: Dict[str, Any] = self._states.describe_execution(executionArn=arn)
        assert execution["status"] != "RUNNING", "the execution does not end"
        history = self._states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        execution["sdk_requests"] = [
            json.loads(event["taskScheduledEventDetails"]["parameters"])
            for event in history
            if "taskScheduledEventDetails" in event
        ]
        execution["states"] = [
            event["stateEnteredEventDetails"]["name"]
            for event in history
            if "stateEnteredEventDetails" in event
        ]
        execution["output"] = json.loads(execution.get("output") or "null")
        return execution


@pytest.fixture(scope="module")
def made_machine() -> Iterator[Machine]:
    function = Lambda()
    delays: List[float] = []
    clients = lambda_eval_utils.boto_client_for  # type: ignore[attr-defined]

    def client_for(*, service: str, **options: Any) -> Any:
        return function if service == "lambda" else clients(service=service, **options)

    with pytest.MonkeyPatch.context() as patch, mock_aws(
        config={"stepfunctions": {"execute_state_machine": True}}
    ):
        patch.setattr(lambda_eval_utils, "boto_client_for", client_for)
        patch.setattr(retrier_decl, "time", SimpleNamespace(sleep=delays.append))
        s3.client.cache_clear()
        machine = Machine(function, delays)
        machine.s3.create_bucket(Bucket="models")
        boto3.client("sagemaker").create_model_package_group(ModelPackageGroupName="churn")
        yield machine
    s3.client.cache_clear()


@pytest.fixture
def machine(made_machine: Machine) -> Machine:
    made_machine.function.events.clear()
    made_machine.function.faults.clear()
    made_machine.delays.clear()
    made_machine.s3.put_object(Bucket="models", Key="churn/model.tar.gz", Body=archive())
    for key in ("churn/payload/payload.tar.gz", LOAD_TEST_KEY):
        made_machine.s3.delete_object(Bucket="models", Key=key)
    return made_machine


def test_a_payload_is_made(machine: Machine) -> None:
    execution = machine.run(request={"model_s3_uri": MODEL})
    assert execution["status"] == "SUCCEEDED"
    assert execution["output"]["payload"]["status"] == "created"
    payload = execution["output"]["payload"]["payload_s3_key"]
    assert payload == "churn/payload/payload.tar.gz"
    assert machine.s3.head_object(Bucket="models", Key=payload)["ContentLength"] > 0
    assert execution["states"] == ["GeneratePayload", "IsRegistrationWanted", "Done"]


def test_the_function_gets_the_request_and_nothing_else(machine: Machine) -> None:
    request = {"model_s3_uri": MODEL, "settings": {"sample_count": 2}, "force": True}
    machine.run(request=request)
    assert machine.function.events == [request]


def test_only_the_needed_part_of_an_answer_is_kept(machine: Machine) -> None:
    machine.s3.put_object(
        Bucket="models", Key="churn/model.tar.gz", Body=archive("code/hyperparameters.json")
    )
    execution = machine.run(request={"model_s3_uri": MODEL})
    kept = {path[:-2] for path in definition()["States"]["GeneratePayload"]["ResultSelector"]}
    assert set(execution["output"]["payload"]) == kept
    assert "warnings" not in kept


def test_an_answer_that_is_too_large_is_caught(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "lambda_handler", lambda _event, _context: "x" * 300_000)
    execution = machine.run(request={"model_s3_uri": MODEL})
    assert (execution["status"], execution["error"]) == ("FAILED", "AnswerTooLarge")
    assert "one model" in execution["cause"]


def test_an_event_may_be_the_request(machine: Machine) -> None:
    event = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "models"}, "object": {"key": "churn/model.tar.gz"}},
    }
    execution = machine.run(request=event)
    assert execution["output"]["payload"]["status"] == "created"


def files(machine: Machine, key: str = LOAD_TEST_KEY) -> Dict[str, bytes]:
    body = machine.s3.get_object(Bucket="models", Key=key)["Body"].read()
    return unpacked(body)


def test_the_model_is_registered_with_a_payload_that_a_load_test_can_send(
    machine: Machine,
) -> None:
    settings = {"content_types": "text/csv; header=absent, application/json", "sample_count": 2}
    execution = machine.run(
        request={"model_s3_uri": MODEL, "settings": settings}, registration=REGISTRATION
    )
    assert execution["status"] == "SUCCEEDED"
    arn = execution["output"]["model_package"]["ModelPackageArn"]
    package = boto3.client("sagemaker").describe_model_package(ModelPackageName=arn)
    assert package["SamplePayloadUrl"] == LOAD_TEST_PAYLOAD
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert (package["Domain"], package["Task"]) == ("MACHINE_LEARNING", "OTHER")
    specification = package["InferenceSpecification"]
    assert specification["Containers"][0]["ModelDataUrl"] == MODEL
    assert sorted(specification["SupportedContentTypes"]) == ["application/json", "text/csv"]
    assert specification["SupportedResponseMIMETypes"] == ["application/json"]
    # A load test sends every file, so there are only those of the first content type.
    row = b"0.0,0.0,DEFAULT_TEXT"
    assert files(machine) == {"sample_payload_0001.csv": row, "sample_payload_0002.csv": row}
    # The payload itself is the same as without a registration, at the same location.
    assert execution["output"]["payload"]["payload_s3_key"] == "churn/payload/payload.tar.gz"
    assert set(files(machine, "churn/payload/payload.tar.gz")) == {
        "application_json/sample_payload.json",
        "metadata.json",
        "text_csv_header_absent/sample_payload.csv",
    }


@pytest.mark.parametrize(
    ("settings", "content_type", "expected"),
    [
        (None, None, "sample_payload_0001.json"),
        ({"content_types": "text/csv"}, None, "sample_payload_0001.csv"),
        ({"content_types": ["text/csv", "application/json"]}, None, "sample_payload_0001.csv"),
        (
            {"content_types": "text/csv, application/json"},
            "application/jsonlines",
            "sample_payload_0001.jsonl",
        ),
        ({"content_types": None}, None, "sample_payload_0001.json"),
    ],
)
def test_a_load_test_gets_the_content_type_that_is_named_first(
    machine: Machine,
    settings: Optional[Dict[str, Any]],
    content_type: Optional[str],
    expected: str,
) -> None:
    request: Dict[str, Any] = {"model_s3_uri": MODEL}
    if settings is not None:
        request["settings"] = settings
    registration: Dict[str, Any] = dict(REGISTRATION)
    if content_type is not None:
        registration["content_type"] = content_type
    execution = machine.run(request=request, registration=registration)
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    assert set(files(machine)) == {expected}
    # The package says that its model accepts what the load test sends, and lists each type once.
    arn = execution["output"]["model_package"]["ModelPackageArn"]
    package = boto3.client("sagemaker").describe_model_package(ModelPackageName=arn)
    supported = package["InferenceSpecification"]["SupportedContentTypes"]
    output = execution["output"]
    named = [*output["load_test"]["content_types"], *output["payload"]["content_types"]]
    assert sorted(supported) == sorted({*named})


def test_the_only_content_type_of_the_environment_keeps_its_parameters(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTENT_TYPES", "text/csv; header=absent")
    machine.run(request={"model_s3_uri": MODEL}, registration=REGISTRATION)
    assert files(machine) == {"sample_payload_0001.csv": b"0.0,0.0,DEFAULT_TEXT"}


def test_one_of_several_content_types_in_the_environment_must_be_named(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTENT_TYPES", "text/csv; header=absent, application/json")
    execution = machine.run(request={"model_s3_uri": MODEL}, registration=REGISTRATION)
    assert (execution["status"], execution["error"]) == ("FAILED", "InvalidSettingsError")
    assert execution["states"][-2:] == ["GenerateLoadTestPayload", "RequestRefused"]
    named = {**REGISTRATION, "content_type": "text/csv; header=absent"}
    assert machine.run(request={"model_s3_uri": MODEL}, registration=named)["status"] == "SUCCEEDED"


def test_an_event_can_be_registered_too(machine: Machine) -> None:
    event = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "models"}, "object": {"key": "churn/model.tar.gz"}},
    }
    execution = machine.run(request=event, registration=REGISTRATION)
    assert execution["status"] == "SUCCEEDED"
    assert machine.function.events == [
        event,
        {
            "model_s3_uri": MODEL,
            "version_id": None,
            "payload_s3_uri": LOAD_TEST_PAYLOAD,
            "settings": {"layout": "flat"},
            "force": False,
            "replace_foreign": False,
        },
    ]


@pytest.mark.parametrize("absent", ["version_id", "settings", "force", "replace_foreign"])
def test_a_null_in_a_request_counts_as_absent_in_both_tasks(machine: Machine, absent: str) -> None:
    execution = machine.run(
        request={"model_s3_uri": MODEL, absent: None}, registration=REGISTRATION
    )
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    assert set(files(machine)) == {"sample_payload_0001.json"}


def test_a_registration_that_is_null_counts_as_absent(machine: Machine) -> None:
    execution = machine.run(request={"model_s3_uri": MODEL}, registration=None)
    assert execution["states"] == ["GeneratePayload", "IsRegistrationWanted", "Done"]


def test_a_content_type_of_the_registration_that_is_null_counts_as_absent(machine: Machine) -> None:
    settings = {"content_types": "text/csv, application/json"}
    execution = machine.run(
        request={"model_s3_uri": MODEL, "settings": settings},
        registration={**REGISTRATION, "content_type": None},
    )
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    assert set(files(machine)) == {"sample_payload_0001.csv"}


def test_both_payloads_replace_foreign_objects_if_the_request_says_so(machine: Machine) -> None:
    for key in ("churn/payload/payload.tar.gz", LOAD_TEST_KEY):
        machine.s3.put_object(Bucket="models", Key=key, Body=b"by hand")
    request = {"model_s3_uri": MODEL, "replace_foreign": True}
    execution = machine.run(request=request, registration=REGISTRATION)
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    assert set(files(machine)) == {"sample_payload_0001.json"}


def test_both_payloads_are_written_again_by_force(machine: Machine) -> None:
    request = {"model_s3_uri": MODEL}
    machine.run(request=request, registration=REGISTRATION)
    output = machine.run(request={**request, "force": True}, registration=REGISTRATION)["output"]
    assert (output["payload"]["status"], output["load_test"]["status"]) == ("updated", "updated")


def test_a_load_test_of_an_old_version_is_of_that_version(machine: Machine) -> None:
    machine.s3.put_bucket_versioning(Bucket="models", VersioningConfiguration={"Status": "Enabled"})
    old = machine.s3.put_object(Bucket="models", Key="churn/model.tar.gz", Body=archive())
    machine.s3.put_object(Bucket="models", Key="churn/model.tar.gz", Body=b"no archive")
    request = {
        "model_s3_uri": MODEL,
        "version_id": old["VersionId"],
        "payload_s3_uri": "s3://models/old/payload.tar.gz",
    }
    execution = machine.run(request=request, registration=REGISTRATION)
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    assert machine.function.events[1]["version_id"] == old["VersionId"]
    assert execution["output"]["load_test"]["payload_s3_uri"] == (
        f"{FILLED_IN['LoadTestLocation']}/old/payload.tar.gz"
    )


def test_a_registration_may_override_the_defaults(machine: Machine) -> None:
    registration = {
        **REGISTRATION,
        "Domain": "NATURAL_LANGUAGE_PROCESSING",
        "Task": "TEXT_GENERATION",
        "ModelApprovalStatus": "Approved",
        "InferenceSpecification": {**SPECIFICATION, "SupportedContentTypes": ["text/plain"]},
    }
    execution = machine.run(request={"model_s3_uri": MODEL}, registration=registration)
    arn = execution["output"]["model_package"]["ModelPackageArn"]
    package = boto3.client("sagemaker").describe_model_package(ModelPackageName=arn)
    assert (package["Domain"], package["Task"]) == (
        "NATURAL_LANGUAGE_PROCESSING",
        "TEXT_GENERATION",
    )
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["InferenceSpecification"]["SupportedContentTypes"] == ["text/plain"]


def test_the_registration_is_a_request_that_sagemaker_accepts(machine: Machine) -> None:
    execution = machine.run(request={"model_s3_uri": MODEL}, registration=REGISTRATION)
    [request] = execution["sdk_requests"]
    assert faults("sagemaker", "CreateModelPackage", request) == []
    # The same for each attempt of one execution, so that nothing is registered twice.
    name = hashlib.md5(execution["executionArn"].encode()).hexdigest()
    assert request["ClientToken"] == name


@pytest.mark.parametrize("error", [StorageError, ModelChangingError, DeadlineExceededError])
def test_transient_errors_are_tried_again(machine: Machine, error: Any) -> None:
    machine.function.faults.extend([error("once"), error("twice")])
    execution = machine.run(request={"model_s3_uri": MODEL})
    assert execution["status"] == "SUCCEEDED"
    assert len(machine.function.events) == 3
    assert [delay <= limit for delay, limit in zip(machine.delays, (5, 10))] == [True, True]


@pytest.mark.parametrize(
    "error",
    [
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.TooManyRequestsException",
    ],
)
def test_errors_of_lambda_itself_are_tried_again(machine: Machine, error: str) -> None:
    machine.function.faults.extend([error] * 3)
    execution = machine.run(request={"model_s3_uri": MODEL})
    assert execution["status"] == "SUCCEEDED"
    assert len(machine.function.events) == 4


def test_a_transient_error_that_stays_ends_with_its_reason(machine: Machine) -> None:
    machine.function.faults.extend([StorageError("S3 is away")] * 10)
    execution = machine.run(request={"model_s3_uri": MODEL})
    assert execution["status"] == "FAILED"
    assert execution["error"] == "StorageError"
    assert "S3 is away" in execution["cause"]
    assert execution["states"][-1] == "PayloadFailed"
    assert len(machine.function.events) == 5


@pytest.mark.parametrize(
    ("request_", "body", "error", "state"),
    [
        ({"model": MODEL}, None, "InvalidRequestError", "RequestRefused"),
        (
            {"model_s3_uri": MODEL, "settings": {"layout": "round"}},
            None,
            "InvalidSettingsError",
            "RequestRefused",
        ),
        (
            {"model_s3_uri": "s3://models/away/model.tar.gz"},
            None,
            "ModelNotFoundError",
            "ModelOutOfReach",
        ),
        ({"model_s3_uri": MODEL}, b"PK\x03\x04 a zip", "CorruptArchiveError", "ModelUnusable"),
        (
            {"model_s3_uri": MODEL},
            archive("weights.bin"),
            "HyperparametersNotFoundError",
            "ModelUnusable",
        ),
        (
            {"model_s3_uri": MODEL},
            archive(content=b"{"),
            "InvalidHyperparametersError",
            "ModelUnusable",
        ),
        (
            {"model_s3_uri": MODEL},
            archive(content=b'{"tab_field_list": []}'),
            "NoInputFieldsError",
            "ModelUnusable",
        ),
    ],
)
def test_permanent_errors_are_caught_by_name_and_keep_their_reason(
    machine: Machine, request_: Dict[str, Any], body: Optional[bytes], error: str, state: str
) -> None:
    if body is not None:
        machine.s3.put_object(Bucket="models", Key="churn/model.tar.gz", Body=body)
    execution = machine.run(request=request_, registration=REGISTRATION)
    assert execution["status"] == "FAILED"
    assert execution["error"] == error
    assert json.loads(execution["cause"])["errorMessage"]
    assert execution["states"] == ["GeneratePayload", state]
    assert len(machine.function.events) == 1


@pytest.mark.parametrize(
    ("error", "state"),
    [
        ("ModelArchivedError", "ModelOutOfReach"),
        ("AccessDeniedError", "ModelOutOfReach"),
        ("ArchiveLimitError", "ModelUnusable"),
        ("PayloadTooLargeError", "ModelUnusable"),
        ("PayloadOccupiedError", "PlaceOccupied"),
        ("RefusedError", "ModelOutOfReach"),
        ("InternalError", "PayloadFailed"),
        ("Sandbox.Timedout", "PayloadFailed"),
        ("ZeroDivisionError", "PayloadFailed"),
    ],
)
def test_errors_that_are_hard_to_provoke_are_caught_too(
    machine: Machine, error: str, state: str
) -> None:
    machine.function.faults.append(error)
    execution = machine.run(request={"model_s3_uri": MODEL})
    assert (execution["status"], execution["error"]) == ("FAILED", error)
    assert "made up" in execution["cause"]
    assert execution["states"][-1] == state


def test_a_skipped_model_is_not_registered(machine: Machine) -> None:
    event = {
        "source": "aws.s3",
        "detail": {"bucket": {"name": "models"}, "object": {"key": "churn/other.tar.gz"}},
    }
    execution = machine.run(request=event, registration=REGISTRATION)
    assert (execution["status"], execution["error"]) == ("FAILED", "NothingToRegister")
    assert len(machine.function.events) == 1
    assert machine.run(request=event)["status"] == "SUCCEEDED"


def test_a_registration_that_fails_keeps_its_reason_and_the_payload(machine: Machine) -> None:
    registration = {**REGISTRATION, "ModelPackageGroupName": "nobody-made-it"}
    execution = machine.run(request={"model_s3_uri": MODEL}, registration=registration)
    assert execution["status"] == "FAILED"
    assert "Model Package Group does not exist" in execution["cause"]
    assert execution["states"][-1] == "RegistrationFailed"
    assert machine.s3.head_object(Bucket="models", Key="churn/payload/payload.tar.gz")
