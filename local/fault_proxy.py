"""A proxy in front of an S3 server that causes faults in chosen requests.

>>> with FaultProxy(server) as proxy:  # doctest: +SKIP
...     proxy.on(cut_body(after=100_000), method="GET", range="bytes=262144-")
...     function = LocalFunction(server.environment(proxy.endpoint_url))
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import re
import socket
import struct
import sys
import termios
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, Callable, Iterator, Mapping
from urllib.parse import unquote, urlsplit

from local.s3_server import S3Server
from local.servers import Server

PIECE = 64 * 1024
IDLE_WITHIN = 30  # seconds


@dataclass
class Request:
    """A request as it came, and how it was answered."""

    method: str
    key: str  # "bucket/key", decoded
    headers: Mapping[str, str]
    fault: str = ""
    status: int = 0  # 0: no answer was sent
    sent: int = 0  # bytes of the answer's body

    @property
    def range(self) -> str:
        return self.headers.get("Range", "")


Fault = Callable[["Exchange"], None]


@dataclass
class Rule:
    """Applies a fault to some of the requests that match, counted over all connections."""

    fault: Fault
    method: str
    key: str
    range: str
    skip: int
    times: int
    matched: int = 0
    applied: int = 0

    def __call__(self, request: Request) -> Fault | None:
        if (
            request.method != self.method
            or not request.key.endswith(self.key)
            or not re.match(self.range, request.range)
        ):
            return None
        self.matched += 1
        if self.matched <= self.skip or self.applied == self.times:
            return None
        self.applied += 1
        return self.fault


def pass_on(exchange: Exchange) -> None:
    """No fault."""
    exchange.answer(exchange.forward())


class FaultProxy(Server):
    """Passes requests on to `upstream`, except for the faults that its rules apply.

    Attributes
    ----------
    requests
        Every request so far, in the order in which they came.
    rules
        Functions of a request that return a fault or None; the first fault returned is applied.
        `on` adds the usual kind; others, such as a seeded random choice, can be appended.
    """

    request_queue_size = 64

    def __init__(self, upstream: S3Server) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.upstream = upstream
        self.endpoint_url = f"http://127.0.0.1:{self.server_port}"
        self.requests: list[Request] = []
        self.rules: list[Callable[[Request], Fault | None]] = []
        self._connections: set[socket.socket] = set()
        self._under_way = 0
        self._change = threading.Condition()

    def __enter__(self) -> FaultProxy:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()
        self._thread.join()
        with self._change:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def on(
        self,
        fault: Fault,
        method: str = "GET",
        key: str = "",
        range: str = "",
        skip: int = 0,
        times: int = 1,
    ) -> Rule:
        """Apply `fault` to `times` requests after the first `skip` of those that match.

        Requests match if their key ends in `key` and their Range header matches the pattern
        `range`. The rule that is returned counts how often it was applied.
        """
        rule = Rule(fault, method, key, range, skip, times)
        self.rules.append(rule)
        return rule

    def wait_until_idle(self) -> None:
        """Wait until no request is under way: each is fully answered, or its client has left.

        Raises
        ------
        AssertionError
            A client still keeps an answer open.
        """
        with self._change:
            idle = self._change.wait_for(lambda: self._under_way == 0, IDLE_WITHIN)
        assert idle, f"{self._under_way} requests are still under way after {IDLE_WITHIN} s"

    @contextlib.contextmanager
    def under_way(self, request: Request) -> Iterator[Fault]:
        """Record a request, choose its fault, and count it while it is under way."""
        with self._change:
            self.requests.append(request)
            self._under_way += 1
            fault = next((chosen for rule in self.rules if (chosen := rule(request))), pass_on)
            request.fault = "" if fault is pass_on else fault.__qualname__.split(".")[0]
        try:
            yield fault
        finally:
            with self._change:
                self._under_way -= 1
                self._change.notify_all()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._change:
            self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close the connection without shutting it down first, so that a reset stays possible."""
        with self._change:
            self._connections.discard(request)
        request.close()


class Exchange(BaseHTTPRequestHandler):
    """One request and its answer."""

    server: FaultProxy
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer's headers are sent in one packet, with the start of its body
    disable_nagle_algorithm = True

    def handle_expect_100(self) -> bool:
        self.send_response_only(http.client.CONTINUE)
        self.end_headers()
        self.wfile.flush()
        return True

    def do_GET(self) -> None:
        self._body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        key = unquote(urlsplit(self.path).path).lstrip("/")
        self.request_seen = Request(self.command, key, dict(self.headers))
        with self.server.under_way(self.request_seen) as fault:
            fault(self)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def forward(self) -> http.client.HTTPResponse:
        """Send the request on as it came: the signature covers its Host and most of its headers."""
        headers = dict(self.headers)
        headers.pop("Expect", None)  # the body is here already
        return self._ask(self.path, headers)

    def get_whole(self) -> http.client.HTTPResponse:
        """Get the object without a Range, by the proxy's own request."""
        bucket, _, key = self.request_seen.key.partition("/")
        url = self.server.upstream.client().generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": key}
        )
        parts = urlsplit(url)
        headers = {"Host": parts.netloc}
        for name in ("If-Match", "If-None-Match"):
            if name in self.headers:
                headers[name] = self.headers[name]
        return self._ask(f"{parts.path}?{parts.query}", headers)

    def _ask(self, path: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(urlsplit(self.server.upstream.endpoint_url).netloc)
        connection.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {**headers, "Connection": "close"}.items():
            connection.putheader(name, value)
        connection.endheaders(self._body or None)
        return connection.getresponse()

    def answer(self, response: http.client.HTTPResponse, limit: int | None = None) -> None:
        """Send the server's answer, or its headers and the first `limit` bytes of its body."""
        with response:
            self._start(response.status, dict(response.headers))
            left = sys.maxsize if limit is None else limit
            while piece := response.read(min(PIECE, left)):
                self.wfile.write(piece)
                self.wfile.flush()
                self.request_seen.sent += len(piece)
                left -= len(piece)

    def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send the proxy's own answer."""
        self._start(status, {**headers, "Content-Length": str(len(body))})
        self.wfile.write(b"" if self.command == "HEAD" else body)
        self.wfile.flush()

    def _start(self, status: int, headers: Mapping[str, str]) -> None:
        self.request_seen.status = status
        self.send_response_only(status)
        if "Content-Length" not in headers and status != http.client.NOT_MODIFIED:
            self.close_connection = True  # the body ends where the connection does
        for name, value in headers.items():
            if name.lower() not in ("connection", "transfer-encoding"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()

    def reset(self) -> None:
        """End the connection with a reset, once all that was sent has reached the client."""
        self._wait_until_taken()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def _wait_until_taken(self) -> None:
        """Wait until the client's side has every byte: a reset discards those still in transit.

        Only Linux counts them like this; elsewhere, a reset may discard some.
        """
        end = time.monotonic() + IDLE_WITHIN
        with contextlib.suppress(OSError):
            while _bytes_in_transit(self.connection) and time.monotonic() < end:
                time.sleep(0.001)

    def wait_for_client_to_leave(self) -> None:
        self.close_connection = True
        with contextlib.suppress(ConnectionError):
            self.connection.recv(1)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def _bytes_in_transit(connection: socket.socket) -> int:
    """Return how many bytes were written to a socket, but not yet acknowledged by its peer."""
    answer = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(struct.calcsize("i")))
    return int(struct.unpack("i", answer)[0])
