"""Real servers on the loopback address: an application in this process, or a command."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Iterator, List, Mapping, NamedTuple

from tests.endpoints.recipes import library

_HOST = "127.0.0.1"
_READY_SECONDS = 120


class Answer(NamedTuple):
    status: int
    body: bytes


class Server(NamedTuple):
    """A server that is ready, on a port of this machine."""

    port: int

    def post(self, path: str, body: bytes, content_type: str) -> Answer:
        return _asked(self.port, "POST", path, body, {"Content-Type": content_type})


@contextmanager
def serving(application: Any) -> Iterator[Server]:
    """Serve an ASGI application by uvicorn, in a separate thread."""
    uvicorn = library("uvicorn")
    with socket.socket() as listening:
        listening.bind((_HOST, 0))
        server = uvicorn.Server(uvicorn.Config(application, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        try:
            yield Server(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def running(
    command: List[str], port: int, ready: str, variables: Mapping[str, str], folder: Path
) -> Iterator[Server]:
    """Run a command that serves on the port; yield the server once its path `ready` answers 200."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **variables}, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        until = time.monotonic() + _READY_SECONDS
        while not _is_ready(port, ready):
            ended = process.poll() is not None
            assert not ended, f"{command[0]} ended:\n{log.read_text()[-2000:]}"
            assert time.monotonic() < until, f"{command[0]} was not ready:\n{log.read_text()}"
            time.sleep(0.2)
        yield Server(port)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_ports(count: int) -> List[int]:
    """Return free ports, all different: each is held until all are known."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for port in sockets:
            port.bind((_HOST, 0))
        return [int(port.getsockname()[1]) for port in sockets]


def _is_ready(port: int, path: str) -> bool:
    try:
        return _asked(port, "GET", path, b"", {}).status == 200
    except (OSError, http.client.HTTPException):
        return False


def _asked(port: int, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    connection = http.client.HTTPConnection(_HOST, port, timeout=60)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return Answer(response.status, response.read())
    finally:
        connection.close()
