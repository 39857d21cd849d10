"""The function with moto's S3: the handler as Lambda calls it, its calls and what it wrote."""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Tuple, Type

import app
import pytest
from aws_lambda_powertools.metrics.provider import cold_start
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.session import Session, get_session
from hypothesis import Phase, settings
from mims import errors
from mims.aws import s3 as s3_calls
from mims.aws import telemetry
from mims.errors import PayloadError
from mims.setting_table import SETTINGS, SPECIAL_FIELD
from moto import mock_aws
from moto.backends import get_backend

from tests.functional.events import BUCKET, KEY, model_archive

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# For mutants: it is enough that an example fails, so it is not shrunk.
settings.register_profile("mutants", settings.get_profile("ci"), phases=[Phase.generate])

# Prefixes of the variables that the function reads.
_SETTINGS = (
    *(setting.variable for setting in SETTINGS if setting.variable),
    SPECIAL_FIELD,
    "PAYLOAD_",
    "MODEL_BUCKET_OWNER",
)


def every_error() -> List[Type[PayloadError]]:
    """Return each class of error but their base."""
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, PayloadError) and value != PayloadError
    ]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """One moto and one session of the SDK for a module's tests, so that it reads its files once."""
    with mock_aws():
        yield get_session()


@pytest.fixture
def s3(session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    """The function's own client, on moto's S3, with the model of `events/` in its bucket."""
    for name in [name for name in os.environ if name.startswith(_SETTINGS)]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("botocore.session.get_session", lambda: session)
    s3_calls.client.cache_clear()
    client = s3_calls.client()
    client.create_bucket(Bucket=BUCKET)
    client.put_object(Bucket=BUCKET, Key=KEY, Body=model_archive())
    yield client
    get_backend("s3").reset()
    s3_calls.client.cache_clear()


@dataclass
class Calls:
    """The function's calls to S3: operations and parameters, in order."""

    made: List[Tuple[str, Dict[str, Any]]] = field(default_factory=list)

    @property
    def operations(self) -> List[str]:
        return [operation for operation, _ in self.made]

    def of(self, operation: str) -> List[Dict[str, Any]]:
        return [parameters for made, parameters in self.made if made == operation]


@pytest.fixture
def calls(s3: S3Client) -> Iterator[Calls]:
    """The calls made from here on with the function's client; tests must use another one."""
    calls = Calls()

    def record(params: Dict[str, Any], model: Any, **_: Any) -> None:
        calls.made.append((model.name, dict(params)))

    s3.meta.events.register("before-parameter-build.s3", record)
    yield calls
    s3.meta.events.unregister("before-parameter-build.s3", record)


Refuse = Callable[..., List[str]]


@pytest.fixture
def refuse(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """`refuse(operation, status, code)` makes S3 answer these calls so from here on.

    Only calls whose key ends in `key` are refused. It returns the list of refused attempts. No time
    passes between attempts.
    """
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)

    def refuse(operation: str, status: int, code: str, key: str = "") -> List[str]:
        refused: List[str] = []

        def answer(request: Any, event_name: str, **_: Any) -> Any:
            url = request.url
            if not event_name.endswith(f".{operation}") or not url.endswith(key):
                return None
            refused.append(url)
            request.url = "https://refused.invalid/"  # moto gets the request too, but ignores it
            body = f"<Error><Code>{code}</Code><Message>refused by the test</Message></Error>"
            silent = operation == "HeadObject" or status == 304
            raw = Body(b"" if silent else body.encode())
            return AWSResponse(url, status, HTTPHeaders(), raw)

        s3.meta.events.register_first("before-send.s3", answer)
        return refused

    return refuse


class Body(io.BytesIO):
    """A body as urllib3 gives it to botocore."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


class Context:
    """Lambda's context, with so many seconds left."""

    aws_request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    function_name = "payload"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:111122223333:function:payload"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@dataclass
class Function:
    """The handler, and what it wrote."""

    written: io.StringIO
    metrics_written: Callable[[], str]

    def __call__(self, event: Any, seconds: float = 900.0) -> Any:
        """Return the answer; as in Lambda, it and the event are converted to JSON and back."""
        answer = app.lambda_handler(json.loads(json.dumps(event)), Context(seconds))
        return json.loads(json.dumps(answer, allow_nan=False))

    def log(self) -> List[Dict[str, Any]]:
        """Return the log's lines so far."""
        return [json.loads(line) for line in self.written.getvalue().splitlines()]

    def metrics(self) -> List[Dict[str, Any]]:
        """Return the lines of metrics since the last call of this method."""
        return [json.loads(line) for line in self.metrics_written().splitlines()]


@pytest.fixture
def function(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Function:
    written = io.StringIO()
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", written)
    telemetry.metrics.clear_metrics()
    monkeypatch.setattr(cold_start, "is_cold_start", False)  # the metric of a process's first call
    return Function(written, lambda: capsys.readouterr().out)
