"""`--send`, the commands that send by hand, and models in S3."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Tuple

import mims_payload
import pytest
from botocore.exceptions import (
    BotoCoreError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from tests.functional.command_line import command, lay_models
from tests.functional.conftest import Refuse
from tests.functional.events import BUCKET, KEY

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass
class Server:
    """An HTTP server: what it answers to each content type, and what was sent to it."""

    port: int = 0
    statuses: Dict[str, int] = field(default_factory=dict)
    answer: bytes = b'{"predictions": [0.5]}'
    headers: Dict[str, str] = field(default_factory=dict)
    received: List[Tuple[str, str, bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/invocations"


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            content_type = self.headers["Content-Type"]
            state.received.append((self.path, content_type, body))
            status = state.statuses.get(content_type, 200)
            self.send_response(status)
            headers = {"Content-Type": "application/json", **state.headers}
            for name, value in {**headers, "Content-Length": str(len(state.answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(state.answer)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = http.server_port
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return lay_models(tmp_path)


PAYLOAD = "made/payload.tar.gz"
CSV = b"age,income,country\n0.0,0.0,DEFAULT_TEXT"
JSON = b'{"instances": [{"age": 0.0, "income": 0.0, "country": "DEFAULT_TEXT"}]}'


def test_each_file_is_sent_with_its_content_type(server: Server, models: Path) -> None:
    done = command("--send", server.address, PAYLOAD, folder=models)
    assert (done.returncode, done.stderr) == (0, b"")
    assert server.received == [
        ("/invocations", "application/json", JSON),
        ("/invocations", "text/csv", CSV),
    ]
    lines = done.stdout.decode().splitlines()
    assert [line[:3] for line in lines if not line.startswith(" ")] == ["200", "200"]
    assert "text/csv  text_csv/sample_payload.csv" in done.stdout.decode()
    assert lines[1] == '     {"predictions": [0.5]}'
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("status", [302, 400, 415, 500])
def test_an_answer_that_is_not_2xx_is_shown_and_ends_with_1(
    status: int, server: Server, models: Path
) -> None:
    server.statuses["text/csv"] = status
    server.headers["Location"] = "/elsewhere"
    server.answer = b"no\x1b[2Jpe \xff\n" + b"x" * 9000
    done = command("--send", server.address, PAYLOAD, folder=models)
    assert (done.returncode, done.stderr) == (1, b"")
    text = done.stdout.decode()
    assert [line[:3] for line in text.splitlines() if line[:1] != " "] == ["200", str(status)]
    assert "     no\\x1b[2Jpe \\xff\n     xxx" in text
    assert "\x1b" not in text
    assert len(text) < 2000
    assert len(server.received) == 2


def test_answers_as_json_lines(server: Server, models: Path) -> None:
    server.statuses["text/csv"] = 415
    done = command("--send", server.address, PAYLOAD, "--json", folder=models)
    assert done.returncode == 1
    first, second = map(json.loads, done.stdout.splitlines())
    assert first.pop("seconds") >= 0
    assert first == {
        "path": "application_json/sample_payload.json",
        "content_type": "application/json",
        "status": 200,
        "answer": '{"predictions": [0.5]}',
    }
    assert second["status"] == 415


def test_each_file_of_a_flat_archive_is_sent(server: Server, models: Path) -> None:
    command(
        *("model.tar.gz", "-o", "flat", "--content-type", "text/csv; header=absent"),
        *("--set", "PAYLOAD_LAYOUT=flat", "--set", "SAMPLE_COUNT=3"),
        *("--set", 'FIELD_DEFAULTS={"age": [1, 2, 3]}'),
        folder=models,
    )
    done = command("--send", server.address, "flat/payload.tar.gz", folder=models)
    assert done.returncode == 0
    assert [body[:3] for _, _, body in server.received] == [b"1.0", b"2.0", b"3.0"]
    assert {content_type for _, content_type, _ in server.received} == {"text/csv"}


def test_no_proxy_is_used_for_this_machine(server: Server, models: Path) -> None:
    proxy = "http://127.0.0.1:1"
    done = command(
        "--send", server.address, PAYLOAD, folder=models, http_proxy=proxy, HTTP_PROXY=proxy
    )
    assert done.returncode == 0


@pytest.mark.parametrize(
    "target",
    [
        *("", "localhost", "ftp://host/", "http://", "http://a b/", "http://[::1"),
        *("http://a:b/", "http://a:99999/", "http://127.0.0.1:1/größe"),
        *("endpoint", "endpoint:", "endpoint:a b", "endpoint:-a"),
    ],
)
def test_a_target_of_unknown_form_is_an_error(target: str, models: Path) -> None:
    done = command("--send", target, PAYLOAD, folder=models)
    assert done.returncode == (1 if target else 2)
    assert done.stderr.startswith(b"InvalidRequestError: ")
    assert (b"must be an address" in done.stderr) == bool(target)
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    "target",
    [
        *("http://user:secret@127.0.0.1:1/", "http://user:secret@host:99999/", "//u:secret@host/"),
        *("ftp://user:secret@host/", "http://user:secret@[::1", "user:secret@localhost:8080"),
    ],
)
def test_a_password_in_a_target_is_refused_and_never_shown(target: str, models: Path) -> None:
    done = command("--send", target, PAYLOAD, folder=models)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"has a user name or a password before its host" in done.stderr
    assert b"secret" not in done.stderr


AWS: Dict[str, Any] = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def test_an_endpoint_is_called_by_its_name(server: Server, models: Path) -> None:
    to_server: Dict[str, Any] = {
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": f"http://127.0.0.1:{server.port}"
    }
    done = command("--send", "endpoint:churn", PAYLOAD, folder=models, **AWS, **to_server)
    assert (done.returncode, done.stderr) == (0, b"")
    assert server.received == [
        ("/endpoints/churn/invocations", "application/json", JSON),
        ("/endpoints/churn/invocations", "text/csv", CSV),
    ]
    assert '{"predictions": [0.5]}' in done.stdout.decode()


def test_the_answer_of_an_endpoints_model_is_shown_with_its_own_status(
    server: Server, models: Path
) -> None:
    # The service's answer if the container refused:
    # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
    server.statuses = {"text/csv": 424, "application/json": 424}
    server.headers["x-amzn-ErrorType"] = "ModelError"
    server.answer = json.dumps(
        {"Message": "m", "OriginalStatusCode": 415, "OriginalMessage": "only CSV here"}
    ).encode()
    to_server: Dict[str, Any] = {
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": f"http://127.0.0.1:{server.port}"
    }
    done = command("--send", "endpoint:churn", PAYLOAD, folder=models, **AWS, **to_server)
    assert done.returncode == 1
    assert done.stdout.startswith(b"415  ")
    assert b"only CSV here" in done.stdout


def test_an_endpoint_that_cannot_be_called_is_an_error_of_one_line(models: Path) -> None:
    nowhere: Dict[str, Any] = {"AWS_CONFIG_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true"}
    done = command("--send", "endpoint:churn", PAYLOAD, folder=models, **nowhere)
    assert done.returncode == 1
    assert done.stderr.startswith(b"AccessDeniedError: The endpoint 'churn' cannot be called (No")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("tar")), reason="needs curl and tar")
@pytest.mark.parametrize("layout", ["contract", "flat"])
@pytest.mark.parametrize("path", ["payload.tar.gz", "it's a pay load.tar.gz"])
def test_the_commands_that_a_check_shows_send_each_file(
    layout: str, path: str, server: Server, models: Path
) -> None:
    if layout == "flat":
        more = ["--set", "PAYLOAD_LAYOUT=flat", "--set", "SAMPLE_COUNT=2"]
    else:
        more = ["--content-type", "application/json; format=dataframe_records"]
    command("model.tar.gz", "-o", "x", "--content-type", "text/csv", *more, folder=models)
    (models / "x" / "payload.tar.gz").rename(models / path)
    text = command("--check", path, folder=models).stdout.decode()
    python, curl, own = _parts(text)
    sent, here = 2, f"127.0.0.1:{server.port}"

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", curl.replace("localhost:8080", here)],
        cwd=models, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    by_curl, server.received = server.received, []
    assert len(by_curl) == sent
    assert done.stdout == server.answer * sent

    redirected = python.replace(
        '"sagemaker-runtime"', f'"sagemaker-runtime", endpoint_url="http://{here}"'
    )
    done = subprocess.run(
        [sys.executable, "-c", redirected],
        cwd=models, env=AWS, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [call[1:] for call in server.received] == [call[1:] for call in by_curl]

    arguments = own.replace("localhost:8080", here).replace("\\\n", " ")
    done = subprocess.run(
        ["bash", "-c", f'mims-payload() {{ "{sys.executable}" "$SCRIPT" "$@"; }}; {arguments}'],
        cwd=models, env={"SCRIPT": str(mims_payload.__file__), "PATH": "/usr/bin:/bin"},
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _parts(text: str) -> List[str]:
    """Return the lines for Python, for curl, and for the command itself, without their indent."""
    _, after = text.split("To send it to an endpoint, in Python\n")
    python, after = after.split("To send it to a container on this machine, with curl\n")
    curl, own = after.split("Or with this command\n")
    return [textwrap.dedent(part) for part in (python, curl, own)]


# --- models in moto's S3


def call(*arguments: str, capsys: pytest.CaptureFixture[str]) -> Tuple[int, str, str]:
    code = mims_payload.command(arguments)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_an_archive_in_s3_gives_what_its_copy_gives(
    s3: S3Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "model.tar.gz"
    s3.download_file(BUCKET, KEY, str(copy))
    code, _, errors = call(f"s3://{BUCKET}/{KEY}", "-o", str(tmp_path / "s3"), capsys=capsys)
    assert (code, errors) == (0, "")
    assert call(str(copy), "-o", str(tmp_path / "disk"), capsys=capsys)[0] == 0
    payloads = [(tmp_path / name / "payload.tar.gz").read_bytes() for name in ("s3", "disk")]
    assert payloads[0] == payloads[1]


def test_the_hyperparameters_of_an_uncompressed_model_in_s3_are_read(
    s3: S3Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.put_object(
        Bucket=BUCKET, Key="churn/model/hyperparameters.json", Body=b'{"tab_field_list": ["a"]}'
    )
    code, body, _ = call(
        f"s3://{BUCKET}/churn/model/", "--show", "--content-type", "text/csv", capsys=capsys
    )
    assert (code, body) == (0, "a\n0.0")


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        (f"s3://{BUCKET}/none.tar.gz", "ModelNotFoundError"),
        (f"s3://{BUCKET}/none/", "ModelNotFoundError"),
        ("s3://no-such-bucket-here/model.tar.gz", "ModelNotFoundError"),
        (f"s3://{BUCKET}", "InvalidRequestError"),
        ("s3:///model.tar.gz", "InvalidRequestError"),
    ],
)
def test_a_model_that_is_not_in_s3_is_an_error(
    uri: str, error: str, s3: S3Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, errors = call(uri, "-o", str(tmp_path / "out"), capsys=capsys)
    assert code == 1
    assert errors.startswith(f"{error}: ")
    assert errors.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (403, "AccessDenied", "AccessDeniedError: .*the function's role, or your own role"),
        (400, "ExpiredToken", "StorageError: .*credentials of your own must be renewed first"),
    ],
)
def test_a_refusal_of_s3_says_what_a_person_can_do(
    status: int, code: str, message: str, refuse: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    refuse("GetObject", status, code)
    exit_code, _, errors = call(f"s3://{BUCKET}/{KEY}", "--show", capsys=capsys)
    assert exit_code == 1
    assert re.match(message, errors)
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "error",
    [
        NoCredentialsError(),
        PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        UnauthorizedSSOTokenError(),
        TokenRetrievalError(provider="sso", error_msg="expired"),
    ],
)
def test_a_person_without_credentials_is_told_to_sign_in(
    error: BotoCoreError, s3: S3Client, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: Any) -> None:
        raise error

    s3.meta.events.register_first("before-call.s3", fail)
    code, _, errors = call(f"s3://{BUCKET}/{KEY}", "--show", capsys=capsys)
    assert code == 1
    assert re.match(rf"AccessDeniedError: .*\({type(error).__name__}\).*your own machine", errors)
    assert errors.count("\n") == 1


def test_a_profile_that_does_not_exist_is_an_error_of_one_line(tmp_path: Path) -> None:
    done = command("s3://models/model.tar.gz", folder=tmp_path, AWS_PROFILE="nobody")
    assert done.returncode == 1
    assert done.stderr.startswith(b"AccessDeniedError: AWS is not set up here (ProfileNotFound")
    assert done.stderr.count(b"\n") == 1
