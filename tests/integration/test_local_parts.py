"""The local replacements for AWS do what the other tests rely on, and leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterator
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from local import s3_server as s3_servers
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
from local.lambda_function import LocalFunction
from local.s3_server import S3Server, running_s3_server
from tests.integration.conftest import BUCKET
from tests.integration.model_archives import MIB, weights

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROOT = Path(__file__).resolve().parents[2]
OBJECT = weights(MIB)
STALLED = ReadTimeoutError

needs_seaweedfs = pytest.mark.skipif(
    s3_servers.weed_program() is None or not Path("/proc/self/cmdline").exists(),
    reason="needs SeaweedFS, and /proc to look for its processes",
)

# A small handler, for things that the function itself never does.
HANDLER = """
import os, time
def handle(event, context):
    print("handling", flush=True)
    if event == "exit":
        os._exit(3)
    if event == "sleep":
        time.sleep(60)
    if event == "nan":
        return float("nan")
    if event == "raise":
        raise LookupError("not found")
    left = context.get_remaining_time_in_millis()
    return {"event": event, "environment": dict(os.environ), "left": left}
"""


@pytest.fixture
def handler(tmp_path: Path) -> Path:
    tmp_path.joinpath("handler.py").write_text(HANDLER)
    return tmp_path


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(s3_server) as proxy:
        yield proxy


def read_through(proxy: FaultProxy, key: str, read_timeout: float = 30, **parameters: str) -> bytes:
    client = proxy.upstream.client(
        proxy.endpoint_url, retries={"total_max_attempts": 1}, read_timeout=read_timeout
    )
    return client.get_object(Bucket=BUCKET, Key=key, **parameters)["Body"].read()  # type: ignore[arg-type]


@needs_seaweedfs
def test_a_stopped_server_leaves_no_process_folder_socket_or_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    threads = threading.active_count()

    with running_s3_server() as server:
        assert server.client().list_buckets()["Buckets"] == []
        traces = traces_of_servers(tmp_path)
        assert traces.processes
        assert len(traces.sockets) == 4
        wait_until(lambda: all(socket.exists() for socket in traces.sockets))

    assert traces.are_gone()
    assert threading.active_count() == threads


@needs_seaweedfs
def test_a_server_that_took_the_port_first_is_not_mistaken_for_ours(
    s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = urlsplit(s3_server.endpoint_url).port
    assert port is not None
    ports = s3_servers.free_ports
    tried: list[dict[str, int]] = []

    def taken_at_first() -> dict[str, int]:
        tried.append(ports() if tried else {**ports(), "s3": port})
        return tried[-1]

    monkeypatch.setattr(s3_servers, "free_ports", taken_at_first)
    with running_s3_server() as server:
        assert server.client().list_buckets()["Buckets"] == []
    assert len(tried) == 2


@needs_seaweedfs
def test_the_server_ends_with_its_parent_even_if_that_is_killed(tmp_path: Path) -> None:
    program = (
        "from local.s3_server import running_s3_server\n"
        "with running_s3_server() as server:\n"
        "    print('ready', flush=True)\n"
        "    input()\n"
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert runner.stdout is not None
    assert runner.stdout.readline() == b"ready\n"
    traces = traces_of_servers(tmp_path)
    assert traces.processes

    runner.kill()
    runner.communicate()

    wait_until(traces.are_gone)


@dataclass(frozen=True)
class Traces:
    """The traces, so far, of servers whose temporary files are in `folder`."""

    folder: Path
    processes: list[str]
    sockets: list[Path]

    def are_gone(self) -> bool:
        now = traces_of_servers(self.folder)
        folders = list(self.folder.glob("seaweedfs-*"))
        sockets = [socket for socket in self.sockets if socket.exists()]
        return not now.processes and not folders and not sockets


def traces_of_servers(folder: Path) -> Traces:
    """Find servers among this machine's processes; the keeper's arguments name their sockets."""
    processes = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # the process may have ended meanwhile
            processes.append(process.read_text(errors="replace"))
    processes = [command for command in processes if f"{folder}/seaweedfs-" in command]
    sockets = re.findall(r"/tmp/seaweedfs-[a-z0-9]+-grpc-\d+\.sock", "\n".join(processes))
    return Traces(folder, processes, [Path(name) for name in sorted(set(sockets))])


def wait_until(condition: Callable[[], bool]) -> None:
    """Check every 20 ms for 60 s: this process is not the parent of those that are waited for."""
    pause = threading.Event()
    for _ in range(3000):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("the condition was not met within 60 s")


@pytest.mark.parametrize(
    ("fault", "range_asked", "outcome"),
    [
        (reset(), "bytes=10-", BotoCoreError),
        (lose_answer(), "bytes=10-", BotoCoreError),
        (cut_body(100_000), "bytes=10-", BotoCoreError),
        (short_body(100_000), "bytes=10-", BotoCoreError),
        (stall(), "bytes=10-", STALLED),
        (stall(100_000), "bytes=10-", STALLED),
        (refuse(503, "SlowDown"), "bytes=10-", ClientError),
        (ignore_range(), "bytes=10-", OBJECT),
        (wrong_content_range(), "bytes=10-", OBJECT[10:]),
    ],
    ids=lambda value: value.__qualname__.split(".")[0] if callable(value) else "",
)
def test_a_fault_is_applied_once_and_then_requests_succeed(
    fault: Fault, range_asked: str, outcome: Any, proxy: FaultProxy, s3: S3Client, folder: str
) -> None:
    key = f"{folder}/object ü"
    s3.put_object(Bucket=BUCKET, Key=key, Body=OBJECT)
    rule = proxy.on(fault, key=key, range="bytes=10-", skip=1)

    assert read_through(proxy, key, Range=range_asked) == OBJECT[10:]
    if isinstance(outcome, bytes):
        assert read_through(proxy, key, Range=range_asked) == outcome
    else:
        with pytest.raises(outcome):
            read_through(proxy, key, 0.5 if outcome is STALLED else 30, Range=range_asked)
    # A client that has given up may be ahead of its own request.
    wait_until(lambda: len(proxy.requests) == 2)
    assert read_through(proxy, key, Range=range_asked) == OBJECT[10:]

    proxy.wait_until_idle()
    assert rule.applied == 1
    names = [request.fault for request in proxy.requests]
    assert names == ["", fault.__qualname__.split(".")[0], ""]


def test_a_call_whose_answer_is_lost_has_taken_effect(
    proxy: FaultProxy, s3: S3Client, folder: str
) -> None:
    proxy.on(lose_answer(), method="PUT")
    client = proxy.upstream.client(proxy.endpoint_url, retries={"total_max_attempts": 1})

    with pytest.raises(BotoCoreError):
        client.put_object(Bucket=BUCKET, Key=f"{folder}/object", Body=b"written")

    assert s3.get_object(Bucket=BUCKET, Key=f"{folder}/object")["Body"].read() == b"written"


def test_what_is_run_before_a_reset_is_done_when_the_client_sees_the_reset(
    proxy: FaultProxy, s3: S3Client, folder: str
) -> None:
    key = f"{folder}/object"
    s3.put_object(Bucket=BUCKET, Key=key, Body=OBJECT)
    proxy.on(cut_body(10, then=lambda: s3.put_object(Bucket=BUCKET, Key=key, Body=b"newer")))

    with pytest.raises(BotoCoreError):
        read_through(proxy, key)

    assert read_through(proxy, key) == b"newer"


def test_the_proxy_ends_though_a_client_is_still_connected(
    s3_server: S3Server, folder: str
) -> None:
    s3_server.client().put_object(Bucket=BUCKET, Key=f"{folder}/object", Body=OBJECT)
    threads = threading.active_count()
    with FaultProxy(s3_server) as proxy:
        proxy.on(stall(100))
        client = s3_server.client(proxy.endpoint_url)
        held = client.get_object(Bucket=BUCKET, Key=f"{folder}/object")

    assert threading.active_count() == threads
    held["Body"].close()


def test_the_function_sees_lambdas_variables_and_its_own_and_no_others(
    handler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", "not for the function")
    with LocalFunction({"ITS_OWN": "1"}, "handler.handle", handler, memory_mb=1024) as function:
        answer = function.invoke({"ü": 1}, timeout=100)

    environment = answer.result["environment"]
    assert answer.result["event"] == {"ü": 1}
    passed = answer.seconds * 1000
    assert 100_000 - passed - 2 <= answer.result["left"] <= 100_000  # both in whole milliseconds
    assert answer.log == "handling\n"
    assert environment["ITS_OWN"] == "1"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "1024"
    assert "MINE" not in environment
    assert "HOME" not in environment


def test_an_error_of_the_function_has_its_name_and_message(handler: Path) -> None:
    with LocalFunction({}, "handler.handle", handler) as function:
        answer = function.invoke("raise")

    assert (answer.error_type, answer.error_message) == ("LookupError", "not found")


def test_a_result_that_is_not_json_is_an_error(handler: Path) -> None:
    with LocalFunction({}, "handler.handle", handler) as function:
        assert function.invoke("nan").error_type == "Runtime.InvalidResult"


def test_a_handler_that_is_not_there_is_an_error(handler: Path) -> None:
    with LocalFunction({}, "handler.nothing", handler) as function:
        assert function.invoke({}).error_type == "Runtime.HandlerNotFound"


def test_a_process_that_ended_before_it_was_looked_at_is_an_error(
    handler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = LocalFunction._start

    def start_and_wait(function: LocalFunction) -> None:
        start(function)
        assert function._watcher is not None
        function._watcher.join()

    monkeypatch.setattr(LocalFunction, "_start", start_and_wait)
    with LocalFunction({}, "handler.nothing", handler) as function:
        assert function.invoke({}, timeout=30).error_type == "Runtime.HandlerNotFound"


def test_a_function_that_exits_or_times_out_is_an_error_and_the_next_event_gets_a_new_one(
    handler: Path,
) -> None:
    with LocalFunction({}, "handler.handle", handler) as function:
        ended = function.invoke("exit")
        overrun = function.invoke("sleep", timeout=0.5)
        after = function.invoke("fine")

    assert (ended.error_type, overrun.error_type) == ("Runtime.ExitError", "Sandbox.Timedout")
    assert after.result["event"] == "fine"


def test_a_stopped_function_leaves_no_process_folder_or_thread(handler: Path) -> None:
    threads = threading.active_count()
    with LocalFunction({}, "handler.handle", handler) as function:
        function.invoke({})
        process = function.process_id
        assert process is not None

    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert threading.active_count() == threads
    assert not list(handler.glob("__pycache__"))
