"""A static file server that answers like S3, in its own process, and is not a bottleneck.

It supports what the measured readers ask for: HEAD and GET with `Range`, `If-Match` and
`If-None-Match`, from files by `sendfile`; and PUT, whose objects it keeps in memory. Keys whose
first folder is `paced` are sent at 75 MB/s, which is what one connection to S3 gives a function, by
a token bucket: at any time only so many bytes have been sent, without bursts.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

BUCKET = "benchmarks"
PACED = "paced"
PACE = 75_000_000  # bytes per second
# The capacity of the token bucket: 3 ms at that pace.
_BURST = 256 * 1024
_RANGE = re.compile(r"bytes=(\d+)-(\d*)\Z")


def make_certificate(folder: Path) -> Path:
    """Return a certificate for the server, made by openssl, with its key in the same file."""
    file = folder / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=127.0.0.1"
    done = subprocess.run(
        [*command.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    file.write_bytes(done.stdout)
    return file


@contextmanager
def serving(folder: Path, certificate: Path | None = None) -> Iterator[str]:
    """Serve the files of `folder` as objects of the bucket, over TLS if there is a certificate.

    Yields the server's URL.
    """
    command = [sys.executable, "-m", "benchmarks.server", str(folder)]
    if certificate:
        command += ["--certificate", str(certificate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.objects[urlsplit(self.path).path] = body
        self.send_response(200)
        self.send_header("ETag", _etag(body))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, *, with_body: bool) -> None:
        path = urlsplit(self.path).path
        bucket, *folders, name = unquote(path).strip("/").split("/")
        file = self.server.folder / name
        stored = self.server.objects.get(path)
        if stored is not None:
            self._begin(200, _etag(stored), len(stored))
            if with_body:
                self.wfile.write(stored)
            return
        if bucket != BUCKET or not file.is_file():
            self._begin(404, "", 0)
            return
        size = file.stat().st_size
        etag = f'"{file.stat().st_mtime_ns:x}-{size:x}"'
        if self.headers.get("If-Match", etag) != etag:
            self._begin(412, etag, 0)
            return
        if self.headers.get("If-None-Match") == etag:
            self._begin(304, etag, 0)
            return
        asked = _RANGE.match(self.headers.get("Range", ""))
        start, stop = 0, size
        if asked:
            start = int(asked.group(1))
            stop = min(size, int(asked.group(2)) + 1) if asked.group(2) else size
        self._begin(206 if asked else 200, etag, stop - start, start, size)
        if with_body:
            self._send(file, start, stop, PACE if PACED in folders else 0)

    def _begin(self, status: int, etag: str, length: int, start: int = 0, size: int = 0) -> None:
        self.send_response(status)
        if etag:
            self.send_header("ETag", etag)
            self.send_header("Last-Modified", formatdate(0, usegmt=True))
            self.send_header("Accept-Ranges", "bytes")
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{start + length - 1}/{size}")
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _send(self, path: Path, offset: int, stop: int, pace: int) -> None:
        piece = _BURST if pace else stop
        due = time.monotonic()
        with path.open("rb") as file:
            while offset < stop:
                try:
                    sent = self._send_piece(file, offset, min(piece, stop - offset))
                except OSError:  # the client has read as much as it wants
                    self.close_connection = True
                    return
                offset += sent
                if pace:
                    # A bucket that has been full for a while has no more than its capacity.
                    due = max(due, time.monotonic() - _BURST / pace) + sent / pace
                    time.sleep(max(0.0, due - time.monotonic()))

    def _send_piece(self, file: BinaryIO, offset: int, size: int) -> int:
        if not isinstance(self.connection, ssl.SSLSocket):
            return os.sendfile(self.connection.fileno(), file.fileno(), offset, size)
        content = os.pread(file.fileno(), min(size, _BURST), offset)
        self.connection.sendall(content)
        return len(content)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 64

    def __init__(self, folder: Path, certificate: Path | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.objects: dict[str, bytes] = {}
        self.url = f"http://127.0.0.1:{self.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self.url = self.url.replace("http", "https")

    def server_bind(self) -> None:
        # As much as S3 keeps in flight on a connection within a region; connections inherit it.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1024 * 1024)
        super().server_bind()


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def main() -> None:
    """Serve a folder until the process is ended; the first line printed is the server's URL."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--certificate", type=Path)
    options = parser.parse_args()
    server = _Server(options.folder, options.certificate)
    print(server.url, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
