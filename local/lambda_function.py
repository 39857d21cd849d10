"""The deployed function on this machine: its code under the real Lambda runtime client.

`awslambdaric`, the program that runs a function's code in AWS, runs here too, in its own process
with its own environment; a thread serves the Runtime API to it:
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Mapping

from local.servers import Server

ROOT = Path(__file__).resolve().parent.parent
TASK_ROOT = ROOT / "lambda_fn"
PURE_RUNTIME_CLIENT = Path(__file__).with_name("pure_runtime_client")
API = "/2018-06-01/runtime"
IDLE_WITHIN = 30  # seconds
# As in template.yaml, whatever interpreter runs here: the runtime client decides by this name.
EXECUTION_ENVIRONMENT = "AWS_Lambda_python3.13"


@dataclass(frozen=True)
class Answer:
    """The answer to one invocation: a result or an error, and what was logged meanwhile."""

    result: Any
    error: dict[str, Any] | None
    log: str
    seconds: float

    @property
    def error_type(self) -> str | None:
        return None if self.error is None else str(self.error["errorType"])

    @property
    def error_message(self) -> str | None:
        return None if self.error is None else str(self.error["errorMessage"])


@dataclass
class Invocation:
    """An event for the function, and the queue in which its answer arrives."""

    request_id: str
    event: bytes
    deadline_ms: int
    outcome: queue.SimpleQueue[tuple[Any, dict[str, Any] | None]]


class LocalFunction:
    """One sandbox of the function; it can be invoked repeatedly, one event at a time.

    >>> with LocalFunction(server.environment()) as function:  # doctest: +SKIP
    ...     answer = function.invoke({"model_s3_uri": "s3://models/churn/model.tar.gz"})

    A process that died or ran out of time is replaced at the next invocation, as in Lambda.

    Parameters
    ----------
    environment
        The function's environment variables, besides those that Lambda sets. It gets nothing from
        the caller's environment.
    handler, task_root
        What is run, and from which folder.
    memory_mb, arn
        The memory and the ARN that Lambda would tell the function.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        handler: str = "app.lambda_handler",
        task_root: Path = TASK_ROOT,
        memory_mb: int = 512,
        arn: str = "arn:aws:lambda:us-east-1:111122223333:function:local",
    ) -> None:
        self.handler = handler
        self.arn = arn
        self._variables = {**lambda_variables(handler, task_root, memory_mb, arn), **environment}
        self._task_root = task_root
        self._api: RuntimeApi | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: threading.Thread | None = None
        self.current: Invocation | None = None

    def __enter__(self) -> LocalFunction:
        self._folder = tempfile.TemporaryDirectory(prefix="function-")
        self._log = Path(self._folder.name, "log")
        self._log.touch()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._folder.cleanup()

    @property
    def process_id(self) -> int | None:
        """The process of the last invocation, if it is still running: to look into /proc."""
        process = self._process  # another thread may replace it
        return None if process is None or process.poll() is not None else process.pid

    def wait_until_idle(self) -> None:
        """Wait until the process asks for the next event, having finished all earlier ones.

        Raises
        ------
        TimeoutError
            It does not ask, or has ended.
        """
        if self._api is None or not self._api.asks_for_event.wait(IDLE_WITHIN):
            raise TimeoutError(f"the function asked for no event within {IDLE_WITHIN} s")

    def invoke(self, event: Any, timeout: float = 900.0) -> Answer:
        """Send an event and wait for its answer; `timeout` is the function's own, in seconds."""
        started = time.monotonic()
        begins = self.process_id is None
        if begins:
            self.kill()  # what is left of a process that ended
        log_start = self._log.stat().st_size
        invocation = Invocation(
            request_id=str(uuid.uuid4()),
            event=json.dumps(event).encode(),
            deadline_ms=int((time.time() + timeout) * 1000),
            outcome=queue.SimpleQueue(),
        )
        # Set before the process starts or is checked: its end is then reported to this invocation,
        # however slow this thread is.
        self.current = invocation
        if begins:
            self._start()
        assert self._api is not None
        assert self._process is not None
        self._api.invocations.put(invocation)
        if self.process_id is None:
            self._report_exit(self._process)
        try:
            result, error = invocation.outcome.get(timeout=timeout)
        except queue.Empty:
            self.kill()
            result, error = (
                None,
                runtime_error("Sandbox.Timedout", f"Task timed out after {timeout:.2f} seconds"),
            )
        finally:
            self.current = None
        # The process writes its log before it answers, so the file is complete.
        log = self._log.read_bytes()[log_start:].decode(errors="replace")
        return Answer(result, error, log, time.monotonic() - started)

    def kill(self) -> None:
        """Kill the process, whatever it is doing; the next invocation starts a new one."""
        if self._process is not None:
            self._process.kill()
        if self._watcher is not None:
            self._watcher.join()
        if self._api is not None:
            self._api.close()
        self._process = self._watcher = self._api = None

    def _start(self) -> None:
        self._api = RuntimeApi(self)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "awslambdaric", self.handler],
                cwd=self._task_root,
                env={**self._variables, "AWS_LAMBDA_RUNTIME_API": self._api.address},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._watcher = threading.Thread(
            target=self._report_exit, args=(self._process,), daemon=True
        )
        self._watcher.start()

    def _report_exit(self, process: subprocess.Popen[bytes]) -> None:
        status = process.wait()
        invocation = self.current
        if invocation is not None:
            ending = f"exit status {status}" if status >= 0 else f"signal {-status}"
            message = f"RequestId: {invocation.request_id} Error: Runtime exited with {ending}"
            invocation.outcome.put((None, runtime_error("Runtime.ExitError", message)))


class RuntimeApi(Server):
    """The Runtime API of one process on 127.0.0.1, on a port that the system chose.

    Each process has its own, so that the call of one that was killed takes no event of the next.
    """

    def __init__(self, function: LocalFunction) -> None:
        super().__init__(("127.0.0.1", 0), RuntimeApiHandler)
        self.function = function
        self.address = f"127.0.0.1:{self.server_port}"
        self.invocations: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self.asks_for_event = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it once its process has ended; no thread is left then."""
        self.invocations.put(None)
        self.shutdown()
        self._thread.join()
        self.server_close()


class RuntimeApiHandler(BaseHTTPRequestHandler):
    """One request of the runtime client."""

    server: RuntimeApi
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # else each header is a separate packet, and a call waits 90 ms for an ACK

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self) -> None:
        api = self.server
        api.asks_for_event.set()
        invocation = api.invocations.get()
        api.asks_for_event.clear()
        if invocation is None:
            api.invocations.put(None)  # for another call, if there is one
            self.close_connection = True
            return
        self._reply(
            200,
            invocation.event,
            {
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": api.function.arn,
                "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}",
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        invocation = self.server.function.current
        if invocation is not None:
            if self.path == f"{API}/invocation/{invocation.request_id}/response":
                invocation.outcome.put(read_result(body))
            elif self.path in (
                f"{API}/invocation/{invocation.request_id}/error",
                f"{API}/init/error",
            ):
                invocation.outcome.put((None, json.loads(body)))
        self._reply(202, b'{"status":"OK"}', {})

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()


def lambda_variables(handler: str, task_root: Path, memory_mb: int, arn: str) -> dict[str, str]:
    """Return the environment variables that Lambda sets for every function, and those needed here.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    name = arn.rpartition(":")[2]
    paths = [str(task_root)]
    if importlib.util.find_spec("runtime_client") is None:  # awslambdaric builds it only on Linux
        paths.append(str(PURE_RUNTIME_CLIENT))
    return {
        "_HANDLER": handler,
        "AWS_EXECUTION_ENV": EXECUTION_ENVIRONMENT,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "LAMBDA_TASK_ROOT": str(task_root),
        "LANG": "en_US.UTF-8",
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(paths),
        "TZ": ":UTC",
        # The user's own AWS accounts are out of reach, and nothing is written next to the code.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def read_result(body: bytes) -> tuple[Any, dict[str, Any] | None]:
    """Read the result as strict JSON: Lambda would pass on NaN, but callers could not parse it."""

    def refuse(token: str) -> None:
        raise ValueError(f"{token} is not JSON")

    try:
        return json.loads(body, parse_constant=refuse), None
    except ValueError as error:
        return None, runtime_error("Runtime.InvalidResult", f"The result is not JSON: {error}")


def runtime_error(error_type: str, message: str) -> dict[str, Any]:
    """Return an error that the function did not report itself."""
    return {"errorType": error_type, "errorMessage": message, "stackTrace": []}
