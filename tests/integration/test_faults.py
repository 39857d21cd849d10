"""Faults between the function and S3 are survived, or end in a typed error, never in a splice.

The tests use a real S3 server, a proxy in front of it that causes faults, and the function under
the real runtime client. After each fault nothing is left behind: no open answer, and in the
function's process no more threads, sockets or files than before.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator

import pytest

from local.events import notification, object_created
from local.fault_proxy import Fault, FaultProxy
from local.faults import (
    cut_body,
    ignore_range,
    lose_answer,
    refuse,
    reset,
    short_body,
    stall,
    wrong_content_range,
)
from local.lambda_function import Answer, LocalFunction
from local.s3_server import S3Server
from tests.archives import packed
from tests.integration.conftest import BUCKET
from tests.integration.model_archives import (
    KIB,
    MIB,
    fields_of,
    hyperparameters,
    large_model,
    weights,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The ranges that a run asks for: the beginning, and the rest, which may be resumed at any offset.
BEGINNING = r"bytes=0-262143$"
REST = r"bytes=262144-$"
RESUMED = r"bytes=\d+-$"
ANY = r"bytes="
ALWAYS = 1000
SIZE = 3 * MIB
END = SIZE - 256 * KIB - 500  # a number of bytes of the rest, shortly before the member


@pytest.fixture(scope="module")
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(s3_server) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The only folder that the function's environment names as writable."""
    return tmp_path_factory.mktemp("disk")


@pytest.fixture(scope="module")
def warm(
    proxy: FaultProxy, s3_server: S3Server, s3: S3Client, disk: Path
) -> Iterator[LocalFunction]:
    """A function that has run once, so that it already holds what it keeps between runs."""
    s3.put_object(Bucket=BUCKET, Key="warm/model.tar.gz", Body=large_model("x"))
    environment = {**s3_server.environment(proxy.endpoint_url), "TMPDIR": str(disk)}
    with LocalFunction(environment) as function:
        assert function.invoke(notification(BUCKET, "warm/model.tar.gz")).error is None
        yield function


@pytest.fixture(scope="module")
def held(warm: LocalFunction) -> Counter[str]:
    return holdings(warm)


@pytest.fixture
def function(
    warm: LocalFunction, held: Counter[str], proxy: FaultProxy, disk: Path
) -> Iterator[LocalFunction]:
    """The function, for one test; afterwards it must hold no more than before."""
    proxy.rules.clear()
    proxy.requests.clear()
    yield warm
    proxy.wait_until_idle()
    assert not holdings(warm) - held
    assert not list(disk.iterdir())


@pytest.fixture
def key(folder: str) -> str:
    return f"{folder}/model.tar.gz"


def holdings(function: LocalFunction) -> Counter[str]:
    """Return how many threads, sockets and files (by name) the function's process has."""
    function.wait_until_idle()
    process = Path(f"/proc/{function.process_id}")
    if not process.exists():
        pytest.skip("there is no /proc to look into here")
    files = (os.readlink(file) for file in process.joinpath("fd").iterdir())
    kinds = Counter("a socket" if name.startswith("socket:") else name for name in files)
    kinds["a thread"] = len(list(process.joinpath("task").iterdir()))
    return kinds


def upload(s3: S3Client, key: str, body: bytes) -> str:
    return s3.put_object(Bucket=BUCKET, Key=key, Body=body)["ETag"]


def send(function: LocalFunction, key: str, timeout: float = 900) -> Answer:
    return function.invoke(object_created(BUCKET, key, 0, ""), timeout)


def payload(s3: S3Client, answer: Answer) -> bytes:
    assert answer.error is None
    return s3.get_object(Bucket=BUCKET, Key=answer.result["payload_s3_key"])["Body"].read()


def test_without_a_fault_a_first_member_takes_four_requests(
    function: LocalFunction, proxy: FaultProxy, s3: S3Client, key: str
) -> None:
    upload(
        s3,
        key,
        packed(("hyperparameters.json", hyperparameters("x")), ("model.bin", weights(SIZE))),
    )

    answer = send(function, key)

    assert [request.method for request in proxy.requests] == ["HEAD", "GET", "PUT", "HEAD"]
    assert proxy.requests[1].range == "bytes=0-262143"
    assert answer.result["requests"] == 4
    assert answer.result["bytes_read"] == 256 * KIB


def test_without_a_fault_the_connection_is_dropped_when_the_member_is_complete(
    function: LocalFunction, proxy: FaultProxy, s3: S3Client, key: str
) -> None:
    members = [
        ("model.bin", weights(MIB)),
        ("hyperparameters.json", hyperparameters("x")),
        ("more.bin", weights(63 * MIB)),
    ]
    upload(s3, key, packed(*members))

    answer = send(function, key)
    proxy.wait_until_idle()

    assert answer.result["resumes"] == 0
    # The bytes in the sockets' buffers and the read-ahead are lost; most are never sent.
    assert sum(request.sent for request in proxy.requests if request.method == "GET") < 32 * MIB


SURVIVED: dict[str, list[tuple[Callable[[], Fault], str, int]]] = {
    "reset before the first answer": [(reset, BEGINNING, 1)],
    "reset before the second answer": [(reset, REST, 1)],
    "cut in the beginning": [(lambda: cut_body(100_000), BEGINNING, 1)],
    "cut at the first byte of the rest": [(lambda: cut_body(0), REST, 1)],
    "cut in the middle of the rest": [(lambda: cut_body(SIZE // 2), REST, 1)],
    "cut at the end of the rest": [(lambda: cut_body(END), REST, 1)],
    "cut once in each part": [
        (lambda: cut_body(100_000), BEGINNING, 1),
        (lambda: cut_body(SIZE // 2), RESUMED, 1),
        (lambda: cut_body(100_000), RESUMED, 1),
    ],
    "three cuts in a row": [(lambda: cut_body(50_000), RESUMED, 3)],
    "twelve cuts in a row, each within a chunk": [(lambda: cut_body(100_000), RESUMED, 12)],
    "three cuts in a row without a byte between": [(lambda: cut_body(0), RESUMED, 3)],
    "short body in the beginning": [(lambda: short_body(100_000), BEGINNING, 1)],
    "short body in the rest": [(lambda: short_body(SIZE // 2), REST, 1)],
    "SlowDown at the beginning": [(lambda: refuse(503, "SlowDown"), BEGINNING, 2)],
    "SlowDown at the rest": [(lambda: refuse(503, "SlowDown"), REST, 2)],
    "an internal error": [(lambda: refuse(500, "InternalError"), REST, 1)],
    "wrong Content-Range at the beginning": [(wrong_content_range, BEGINNING, 1)],
    "wrong Content-Range at the rest": [(wrong_content_range, REST, 1)],
    "Range ignored always": [(ignore_range, ANY, ALWAYS)],
    "Range ignored after a cut": [
        (lambda: cut_body(MIB), REST, 1),
        (ignore_range, RESUMED, ALWAYS),
    ],
    "stalled before the first answer": [(stall, BEGINNING, 1)],
    "stalled in the rest": [(lambda: stall(MIB), REST, 1)],
}


@pytest.mark.parametrize("faults", SURVIVED.values(), ids=SURVIVED.keys())
def test_reading_survives_a_fault(
    faults: list[tuple[Callable[[], Fault], str, int]],
    function: LocalFunction,
    proxy: FaultProxy,
    s3: S3Client,
    key: str,
) -> None:
    etag = upload(s3, key, large_model("x", "y", size=SIZE))
    rules = [proxy.on(fault(), key=key, range=where, times=times) for fault, where, times in faults]

    answer = send(function, key)

    assert fields_of(payload(s3, answer)) == ["x", "y"]
    assert answer.result["status"] == "created"
    assert answer.result["model_etag"] == etag
    assert answer.result["restarts"] == 0
    assert all(rule.applied == rule.times or rule.times == ALWAYS for rule in rules)
    assert all(rule.applied for rule in rules)


def test_a_resumed_connection_asks_for_the_same_version_at_the_offset_reached(
    function: LocalFunction, proxy: FaultProxy, s3: S3Client, key: str
) -> None:
    etag = upload(s3, key, large_model("x", size=SIZE))
    proxy.on(cut_body(MIB), key=key, range=REST)

    answer = send(function, key)

    reads = [request for request in proxy.requests if request.method == "GET"]
    assert len(reads) == 3
    assert reads[2].range == f"bytes={256 * KIB + MIB}-"
    assert [request.headers.get("If-Match") for request in reads] == [None, etag, etag]
    assert answer.result["resumes"] == 1


@pytest.mark.parametrize("reached", [0, MIB, END])
def test_a_model_replaced_while_its_connection_is_down_gives_the_newer_models_payload(
    reached: int, function: LocalFunction, proxy: FaultProxy, s3: S3Client, key: str
) -> None:
    upload(s3, key, large_model("old", size=SIZE, seed=1))
    newer: list[str] = []
    new = large_model("new", size=SIZE, seed=2)
    proxy.on(
        cut_body(reached, then=lambda: newer.append(upload(s3, key, new))), key=key, range=REST
    )

    answer = send(function, key)

    assert fields_of(payload(s3, answer)) == ["new"]
    assert [answer.result["model_etag"]] == newer
    assert answer.result["restarts"] == 1


def test_a_model_replaced_between_its_two_reads_is_not_spliced(
    function: LocalFunction, proxy: FaultProxy, s3: S3Client, key: str
) -> None:
    upload(s3, key, large_model("old", size=SIZE, seed=1))
    replace = partial(upload, s3, key, large_model("new", size=SIZE, seed=2))
    proxy.on(reset(then=replace), key=key, range=REST)

    answer = send(function, key)

    assert fields_of(payload(s3, answer)) == ["new"]
    assert answer.result["restarts"] == 1


def test_a_model_replaced_while_its_payload_is_written_is_read_again(
    function: LocalFunction, proxy: FaultProxy, s3: S3Client, key: str, folder: str
) -> None:
    upload(s3, key, large_model("old", size=SIZE, seed=1))
    replace = partial(upload, s3, key, large_model("new", size=SIZE, seed=2))
    proxy.on(reset(then=replace), method="PUT", key=f"{folder}/payload/payload.tar.gz")

    answer = send(function, key)

    assert fields_of(payload(s3, answer)) == ["new"]
    assert answer.result["restarts"] == 1


def test_a_model_deleted_while_its_connection_is_down_is_skipped(
    function: LocalFunction, proxy: FaultProxy, s3: S3Client, key: str, folder: str
) -> None:
    upload(s3, key, large_model("x", size=SIZE))
    delete = partial(s3.delete_object, Bucket=BUCKET, Key=key)
    proxy.on(cut_body(MIB, then=delete), key=key, range=REST)

    answer = send(function, key)

    assert answer.result["status"] == "skipped"
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{folder}/")


def test_a_model_deleted_while_its_connection_is_down_is_an_error_for_a_request(
    function: LocalFunction, proxy: FaultProxy, s3: S3Client, key: str
) -> None:
    upload(s3, key, large_model("x", size=SIZE))
    delete = partial(s3.delete_object, Bucket=BUCKET, Key=key)
    proxy.on(cut_body(MIB, then=delete), key=key, range=REST)

    answer = function.invoke({"model_s3_uri": f"s3://{BUCKET}/{key}"})

    assert answer.error_type == "ModelNotFoundError"


def test_a_payload_whose_answer_was_lost_counts_as_written(
    function: LocalFunction, proxy: FaultProxy, s3: S3Client, key: str
) -> None:
    upload(s3, key, large_model("x", size=SIZE))
    proxy.on(lose_answer(), method="PUT")

    answer = send(function, key)

    assert fields_of(payload(s3, answer)) == ["x"]
    assert answer.result["status"] == "created"
    assert answer.result["restarts"] == 0


def test_a_newer_payload_is_not_replaced_by_a_slower_run(
    function: LocalFunction,
    s3_server: S3Server,
    proxy: FaultProxy,
    s3: S3Client,
    key: str,
    folder: str,
) -> None:
    upload(s3, key, large_model("old", size=SIZE, seed=1))
    new, elsewhere = large_model("new", size=SIZE, seed=2), f"{folder}/elsewhere/model.tar.gz"
    upload(s3, elsewhere, new)
    others: list[Answer] = []

    def another_run() -> None:
        upload(s3, key, new)
        others.append(send(other, key))

    proxy.on(reset(then=another_run), method="PUT")

    with LocalFunction(s3_server.environment()) as other:
        # It is started before: the waiting writer gives up after six seconds, and writes again.
        assert send(other, elsewhere).result["status"] == "created"
        answer = send(function, key)

    assert [each.result["status"] for each in others] == ["created"]
    assert fields_of(payload(s3, answer)) == ["new"]
    assert answer.result["status"] == "unchanged"
    puts = [request for request in proxy.requests if request.method == "PUT" and request.status]
    assert [request.status for request in puts] == [412]


@pytest.mark.parametrize(
    ("fault", "error_type"),
    [
        pytest.param(lambda: refuse(503, "SlowDown"), "StorageError", id="throttled for ever"),
        pytest.param(reset, "StorageError", id="reset for ever"),
        pytest.param(lambda: cut_body(0), "StorageError", id="cut for ever"),
        pytest.param(wrong_content_range, "StorageError", id="wrong for ever"),
        pytest.param(lambda: refuse(403, "AccessDenied"), "AccessDeniedError", id="refused"),
        pytest.param(
            lambda: refuse(403, "InvalidObjectState"), "ModelArchivedError", id="archived"
        ),
    ],
)
def test_a_fault_that_does_not_pass_is_a_typed_error(
    fault: Callable[[], Fault],
    error_type: str,
    function: LocalFunction,
    proxy: FaultProxy,
    s3: S3Client,
    key: str,
    folder: str,
) -> None:
    upload(s3, key, large_model("x", size=SIZE))
    proxy.on(fault(), key=key, range=REST, times=ALWAYS)
    proxy.on(fault(), key=key, range=RESUMED, times=ALWAYS)

    answer = send(function, key)

    assert answer.error_type == error_type
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{folder}/")["Contents"]
    assert [item["Key"] for item in listed] == [key]


@pytest.mark.parametrize("part", [BEGINNING, REST])
def test_stalls_for_ever_end_at_the_deadline_and_before_the_time_out(
    part: str, function: LocalFunction, proxy: FaultProxy, s3: S3Client, key: str
) -> None:
    upload(s3, key, large_model("x", size=SIZE))
    proxy.on(stall(1000), key=key, range=part, times=ALWAYS)
    proxy.on(stall(1000), key=key, range=RESUMED, times=ALWAYS)

    # The function's own deadline is 10 s before the end: 3 s after the start.
    answer = send(function, key, timeout=13)

    assert answer.error_type == "DeadlineExceededError"
    assert "bytes" in str(answer.error_message)
