"""Each class of error, as the handler raises it for a real cause; S3's errors as S3 sends them."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Type

import pytest
from botocore.exceptions import (
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
)
from botocore.parsers import ResponseParserError
from mims import errors
from mims.aws import s3 as s3_calls

from tests.functional.conftest import Calls, Function, Refuse, every_error
from tests.functional.events import (
    BUCKET,
    KEY,
    PAYLOAD_KEY,
    URI,
    event,
    hyperparameters,
    model_archive,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REQUEST = {"model_s3_uri": URI}


# --- S3's answer → the error, and what it says ---

# operation, status, code, error, a part of its message
REFUSALS = [
    ("HeadObject", 403, "403", "AccessDeniedError", rf"s3:GetObject.*{PAYLOAD_KEY[:8]}"),
    ("GetObject", 403, "AccessDenied", "AccessDeniedError", r"s3:GetObject.*model\.tar\.gz"),
    ("PutObject", 403, "AccessDenied", "AccessDeniedError", r"s3:PutObject.*payload\.tar\.gz"),
    ("GetObject", 403, "InvalidObjectState", "ModelArchivedError", "Restore"),
    ("GetObject", 400, "KMS.DisabledException", "AccessDeniedError", "kms:Decrypt"),
    ("PutObject", 400, "KMS.NotFoundException", "AccessDeniedError", "kms:GenerateDataKey"),
    ("GetObject", 400, "KMS.ThrottlingException", "StorageError", "Try again"),
    ("GetObject", 404, "NoSuchKey", "ModelNotFoundError", r"model\.tar\.gz"),
    ("GetObject", 404, "NoSuchBucket", "ModelNotFoundError", "bucket does not exist"),
    ("GetObject", 405, "MethodNotAllowed", "ModelNotFoundError", "model"),
    ("PutObject", 404, "NoSuchBucket", "InvalidSettingsError", "PAYLOAD_BUCKET"),
    ("GetObject", 400, "KeyTooLongError", "InvalidRequestError", "KeyTooLongError"),
    ("HeadObject", 503, "503", "StorageError", "after all retries"),
    ("GetObject", 503, "SlowDown", "StorageError", "SlowDown"),
    ("PutObject", 503, "SlowDown", "StorageError", "SlowDown"),
    ("GetObject", 500, "InternalError", "StorageError", "InternalError"),
    ("PutObject", 400, "RequestTimeout", "StorageError", "RequestTimeout"),
    ("PutObject", 400, "BadDigest", "StorageError", "BadDigest"),
    # Errors that pass by themselves, whatever their status.
    ("GetObject", 408, "RequestTimeout", "StorageError", "408"),
    ("GetObject", 409, "OperationAborted", "StorageError", "OperationAborted"),
    ("GetObject", 429, "TooManyRequests", "StorageError", "429"),
    ("HeadObject", 429, "429", "StorageError", "429"),
    ("PutObject", 429, "TooManyRequests", "StorageError", "429"),
    ("GetObject", 403, "RequestTimeTooSkewed", "StorageError", "RequestTimeTooSkewed"),
    ("PutObject", 403, "RequestTimeTooSkewed", "StorageError", "RequestTimeTooSkewed"),
    ("GetObject", 400, "ExpiredToken", "StorageError", "ExpiredToken"),
    ("PutObject", 400, "ExpiredToken", "StorageError", "ExpiredToken"),
    ("PutObject", 400, "KMS.ThrottlingException", "StorageError", "KMS"),
    ("GetObject", 400, "KMS.KMSInternalException", "StorageError", "KMS"),
    ("GetObject", 400, "KMS.InvalidMacException", "RefusedError", "KMS.InvalidMacException"),
    ("GetObject", 403, "KMS.IncorrectKeyException", "AccessDeniedError", "kms:Decrypt"),
    ("GetObject", 400, "ThrottlingException", "StorageError", "ThrottlingException"),
    ("GetObject", 501, "NotImplemented", "StorageError", "NotImplemented"),
    # Any other refusal is permanent, and is named.
    ("GetObject", 400, "InvalidRequest", "RefusedError", "InvalidRequest.*SSE-C"),
    ("GetObject", 400, "InvalidArgument", "RefusedError", "InvalidArgument"),
    ("PutObject", 400, "InvalidArgument", "RefusedError", "s3:PutObject.*InvalidArgument"),
    ("PutObject", 400, "EntityTooLarge", "RefusedError", "EntityTooLarge"),
    ("PutObject", 405, "MethodNotAllowed", "RefusedError", "MethodNotAllowed"),
    ("GetObject", 402, "PaymentRequired", "RefusedError", "requester pays"),
    ("GetObject", 418, "ATeapot", "RefusedError", "418 ATeapot"),
    ("HeadObject", 400, "400", "RefusedError", "SSE-C"),
    ("HeadObject", 451, "451", "RefusedError", "451"),
    ("PutObject", 409, "ConditionalRequestConflict", "ModelChangingError", "5 rounds"),
    ("PutObject", 412, "PreconditionFailed", "ModelChangingError", "5 rounds"),
    ("PutObject", 404, "NoSuchKey", "ModelChangingError", "5 rounds"),
]


@pytest.mark.parametrize(("operation", "status", "code", "error", "message"), REFUSALS)
def test_an_answer_of_s3_becomes_one_of_the_projects_errors(
    operation: str,
    status: int,
    code: str,
    error: str,
    message: str,
    function: Function,
    refuse: Refuse,
) -> None:
    refuse(operation, status, code)
    with pytest.raises(getattr(errors, error), match=message) as caught:
        function(REQUEST)
    assert type(caught.value).__name__ == error
    (line,) = function.log()
    assert (line["error"], line["permanent"]) == (error, caught.value.permanent)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "ExpiredToken", errors.StorageError),
        (403, "RequestTimeTooSkewed", errors.StorageError),
        (403, "AccessDenied", errors.AccessDeniedError),
        (400, "InvalidRequest", errors.RefusedError),
    ],
)
def test_a_refused_head_is_named_by_the_code_of_a_get(
    status: int, code: str, error: Type[Exception], function: Function, refuse: Refuse
) -> None:
    refuse("HeadObject", status, str(status))
    refuse("GetObject", status, code)
    with pytest.raises(error, match=code):
        function(REQUEST)


@pytest.mark.parametrize("name", ["s3", "eventbridge_object_created", "training_job"])
def test_a_missing_bucket_is_an_error_for_a_notification_too(
    name: str, function: Function, refuse: Refuse
) -> None:
    refuse("GetObject", 404, "NoSuchBucket")
    with pytest.raises(errors.ModelNotFoundError, match="bucket does not exist"):
        function(event(name))


def test_each_class_of_error_says_whether_it_is_permanent() -> None:
    transient = {error.__name__ for error in every_error() if not error.permanent}
    assert transient == {"StorageError", "ModelChangingError", "DeadlineExceededError"}


def test_a_refused_check_after_writing_is_an_error(function: Function, refuse: Refuse) -> None:
    refuse("HeadObject", 403, "403", key="/model.tar.gz")
    with pytest.raises(errors.AccessDeniedError, match=r"s3:GetObject.*model\.tar\.gz"):
        function(REQUEST)


def test_a_version_is_read_with_its_own_action(function: Function, refuse: Refuse) -> None:
    refuse("GetObject", 403, "AccessDenied")
    with pytest.raises(errors.AccessDeniedError, match="s3:GetObjectVersion"):
        function(OLD)


OLD = {**REQUEST, "version_id": "v1", "payload_s3_uri": f"s3://{BUCKET}/old.tar.gz"}


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "NoSuchVersion"), (400, "InvalidArgument"), (405, "MethodNotAllowed")],
)
def test_a_version_that_is_not_there(
    status: int, code: str, function: Function, refuse: Refuse
) -> None:
    refuse("GetObject", status, code)
    with pytest.raises(errors.ModelNotFoundError, match="v1"):
        function(OLD)


def test_the_payload_of_a_bucket_that_is_not_there(function: Function) -> None:
    with pytest.raises(errors.InvalidSettingsError, match="nowhere"):
        function({**REQUEST, "payload_s3_uri": "s3://nowhere/payload.tar.gz"})


def test_a_model_of_a_bucket_that_is_not_there(function: Function) -> None:
    with pytest.raises(errors.ModelNotFoundError, match="s3://nowhere/model"):
        function({"model_s3_uri": "s3://nowhere/model.tar.gz"})


@pytest.mark.parametrize("uri", ["s3://no such bucket/m.tar.gz", "s3://arn:aws:s3/model.tar.gz"])
def test_a_name_that_no_bucket_can_have(uri: str, function: Function) -> None:
    with pytest.raises(errors.InvalidRequestError):
        function({"model_s3_uri": uri})


@pytest.mark.parametrize("key", ["/payload.tar.gz", "/model.tar.gz"])
def test_an_answer_that_is_not_one_of_s3(key: str, function: Function, refuse: Refuse) -> None:
    refuse("HeadObject", 200, "", key=key)  # without an ETag, as a proxy's own page
    with pytest.raises(errors.StorageError, match=f"s3:GetObject on '.*{key}'.*proxy"):
        function(REQUEST)


def test_a_body_that_is_not_xml_where_s3_sends_xml(function: Function, s3: S3Client) -> None:
    def garbled(**_: Any) -> None:
        raise ResponseParserError("Unable to parse response")

    s3.meta.events.register("before-call.s3.PutObject", garbled)
    with pytest.raises(errors.StorageError, match=r"s3:PutObject on '.*/payload\.tar\.gz'"):
        function(REQUEST)


def _lost_credentials(**_: Any) -> None:
    raise NoCredentialsError


def _unreachable(**_: Any) -> None:
    raise CredentialRetrievalError(provider="container", error_msg="timed out")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (_lost_credentials, errors.AccessDeniedError),
        (_unreachable, errors.StorageError),
    ],
)
def test_errors_of_the_sdk_itself(
    fault: Any, error: Type[Exception], function: Function, s3: S3Client
) -> None:
    s3.meta.events.register_first("before-call.s3", fault)
    with pytest.raises(error, match="s3:GetObject"):
        function(REQUEST)


def test_every_attempt_of_the_sdk_is_counted(function: Function, refuse: Refuse) -> None:
    refused = refuse("GetObject", 503, "SlowDown")
    with pytest.raises(errors.StorageError):
        function(REQUEST)
    (line,) = function.log()
    assert (len(refused), line["requests"]) == (4, 5)


def test_every_attempt_at_a_server_out_of_reach_is_counted(
    function: Function, s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    attempts = []

    def unreachable(event_name: str, **_: Any) -> None:
        attempts.append(event_name)
        raise EndpointConnectionError(endpoint_url="https://s3.example")

    s3.meta.events.register_last("before-send.s3", unreachable)
    with pytest.raises(errors.StorageError):
        function(REQUEST)
    (line,) = function.log()
    assert line["requests"] == len(attempts) == 4


def test_requests_that_the_sdk_makes_on_its_own_are_counted(
    function: Function, s3: S3Client, refuse: Refuse
) -> None:
    sent: List[str] = []

    def record(event_name: str, **_: Any) -> None:
        sent.append(event_name)

    refuse("HeadObject", 400, "400")
    s3.meta.events.register("before-send.s3", record)
    with pytest.raises(errors.PayloadError):
        function(REQUEST)
    (line,) = function.log()
    assert "before-send.s3.HeadBucket" in sent  # it looks for the bucket's region
    assert line["requests"] == len(sent)


# --- the model's own faults ---


def archive_of(content: bytes) -> bytes:
    return model_archive(("hyperparameters.json", content))


MODELS: Dict[str, bytes] = {
    "CorruptArchiveError": b"PK\x03\x04 a zip",
    "HyperparametersNotFoundError": model_archive(("weights", b"1")),
    "InvalidHyperparametersError": archive_of(b"{"),
    "NoInputFieldsError": archive_of(b'{"tab_field_list": [], "cat_field_list": []}'),
}


@pytest.mark.parametrize(("error", "content"), MODELS.items())
def test_a_bad_model_is_an_error_and_leaves_the_payload_as_it_is(
    error: str, content: bytes, function: Function, s3: S3Client
) -> None:
    function(REQUEST)
    before = s3.head_object(Bucket=BUCKET, Key=PAYLOAD_KEY)["Metadata"]
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=content)
    with pytest.raises(getattr(errors, error)):
        function(REQUEST)
    assert s3.head_object(Bucket=BUCKET, Key=PAYLOAD_KEY)["Metadata"] == before


def test_an_empty_model_is_a_corrupt_archive(function: Function, s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"")
    with pytest.raises(errors.CorruptArchiveError, match="empty"):
        function(REQUEST)


def test_an_empty_model_whose_fields_are_given_has_a_payload(
    function: Function, s3: S3Client
) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"")["ETag"]
    sent = {**REQUEST, "settings": {"fields": "age, income"}}
    result = function(sent)
    assert (result["status"], result["model_etag"], result["restarts"]) == ("created", etag, 0)
    assert [warning for warning in result["warnings"] if "empty" in warning]
    assert function(sent)["status"] == "unchanged"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MAX_ARCHIVE_BYTES", "100"), ("MAX_MEMBERS", "1"), ("MAX_HYPERPARAMETERS_BYTES", "10")],
)
def test_a_limit_is_an_error(
    variable: str,
    value: str,
    function: Function,
    s3: S3Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = model_archive(("weights", bytes(1000)), ("hyperparameters.json", hyperparameters()))
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=content)
    monkeypatch.setenv(variable, value)
    with pytest.raises(errors.ArchiveLimitError, match=variable):
        function(REQUEST)


def test_the_limit_applies_to_an_uncompressed_model(
    function: Function, s3: S3Client, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket=BUCKET, Key="m/model/hyperparameters.json", Body=b" " * 600_000)
    calls.made.clear()
    monkeypatch.setenv("MAX_HYPERPARAMETERS_BYTES", "500000")
    with pytest.raises(errors.ArchiveLimitError):
        function({"model_s3_uri": f"s3://{BUCKET}/m/model/"})
    assert len(calls.of("GetObject")) == 1  # only the first part


def test_an_uncompressed_model_without_the_file(function: Function) -> None:
    with pytest.raises(errors.ModelNotFoundError, match=r"hyperparameters\.json directly under"):
        function({"model_s3_uri": f"s3://{BUCKET}/m/model/"})


def test_a_payload_larger_than_an_endpoint_accepts(function: Function) -> None:
    settings = {"sample_count": 10_000, "default_text_value": "x" * 1000}
    with pytest.raises(errors.PayloadTooLargeError):
        function({**REQUEST, "settings": settings})


def test_a_content_type_that_cannot_carry_a_field(function: Function) -> None:
    with pytest.raises(errors.InvalidSettingsError, match="region"):
        function({**REQUEST, "settings": {"content_types": "text/libsvm"}})


# --- the deadline ---


class Clock:
    """The function's clock, which the tests move."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("app", "mims.aws.s3"):
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


@pytest.mark.parametrize("seconds", [0.0, 9.9, 10.0])
def test_a_function_begins_nothing_ten_seconds_before_its_end(
    seconds: float, function: Function, calls: Calls
) -> None:
    with pytest.raises(errors.DeadlineExceededError, match="0 bytes"):
        function(REQUEST, seconds=seconds)
    assert calls.made == []


def test_the_deadline_ends_reading_and_the_error_says_how_much_was_read(
    function: Function, s3: S3Client, clock: Clock
) -> None:
    noise = random.Random(3).randbytes(1_000_000)
    content = model_archive(("weights", noise), ("hyperparameters.json", hyperparameters()))
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=content)

    def pass_time(request: Any, **_: Any) -> None:
        if request.headers.get("Range") == b"bytes=262144-":
            clock.now += 95

    s3.meta.events.register("before-send.s3.GetObject", pass_time)
    with pytest.raises(errors.DeadlineExceededError, match=r"262,144|524,288") as caught:
        function(REQUEST, seconds=100)
    assert not caught.value.permanent


def test_the_deadline_ends_the_attempts_of_the_sdk(
    function: Function, refuse: Refuse, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pass_time(seconds: float) -> None:
        clock.now += 50

    refused = refuse("GetObject", 503, "SlowDown")
    monkeypatch.setattr("botocore.endpoint.time.sleep", pass_time)
    with pytest.raises(errors.DeadlineExceededError):
        function(REQUEST, seconds=100)
    assert len(refused) == 2  # at 0 and at 50 s, but not at 100 s


def test_after_the_deadline_each_message_of_a_queue_fails_by_itself(
    function: Function, calls: Calls
) -> None:
    answer = function(event("sqs"), seconds=5)
    failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    assert failed == [record["messageId"] for record in event("sqs")["Records"][:4]]


# --- each attempt times out within the time that the deadline leaves ---


def test_an_attempt_that_begins_at_the_deadline_ends_before_the_function_is_stopped() -> None:
    from app import _MARGIN_SECONDS

    config: Optional[Any] = s3_calls.client().meta.config
    assert config is not None
    assert config.connect_timeout + config.read_timeout < _MARGIN_SECONDS
    assert config.retries["mode"] == "standard"
    assert config.retries["total_max_attempts"] == 4
