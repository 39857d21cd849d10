"""On a terminal of 80 columns, the commands on the pages print what the pages show below them."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Iterator, List, Tuple

import pytest

from tests.pages import PAGES, ROOT, Block, blocks

ADDRESS = "http://localhost:8080/invocations"
# What differs on another machine, or at another time: seconds and memory, and sizes of archives,
# which depend on zlib.
VARYING = re.compile(
    r"\b\d+\.\d+(?= s\b)|\b\d+(?= bytes in )|(?<=Time\": )[\d.]+|(?<=PeakMemory\": )[\d.]+"
)


def with_output(page: Path) -> List[Tuple[Block, str]]:
    """Return the page's bash blocks, each with the output below it, which may be empty."""
    found = blocks(page.read_text("utf-8"))
    shown = []
    for block, after in zip(found, [*found[1:], None]):
        if block.language == "bash":
            is_output = (
                after is not None
                and after.language in ("text", "json")
                and not after.before.strip()
            )
            shown.append((block, after.text if is_output and after else ""))
    return shown


RUN = [page for page in PAGES if any(output for _, output in with_output(page))]


def test_the_readme_and_the_pages_about_payloads_show_output() -> None:
    assert {"README.md", "settings.md", "fields.md", "pipelines.md"} <= {page.name for page in RUN}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_command_for_this_machine_shows_its_output(page: Path) -> None:
    for block, output in with_output(page):
        if re.search(r"^mims-payload ", block.text, re.MULTILINE):
            assert output, f"{page.name}:{block.line} shows no output"


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_commands_print_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    for name in ("tests", "lambda_fn"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = tmp_path / "bin" / "mims-payload"
    command.parent.mkdir()
    script = ROOT / "lambda_fn" / "mims_payload.py"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    command.chmod(0o755)
    assignments: List[str] = []
    for block, output in with_output(page):
        if output:
            with serving(output.splitlines()[-1].strip()) as address:
                text = "\n".join([*assignments, block.text.replace(ADDRESS, address)])
                printed = run_on_terminal(text, tmp_path)
            assert plain(printed) == plain(output), f"{page.name}:{block.line}"
        assignments += re.findall(r"^[A-Z_]+=\S+$", block.text, re.MULTILINE)


def plain(output: str) -> str:
    return VARYING.sub("#", output).strip("\n")


def run_on_terminal(script: str, folder: Path) -> str:
    """Return what bash prints for the script on a terminal of 80 columns without colours."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
    }
    with subprocess.Popen(
        ["bash", "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=end,
        stderr=end,
        cwd=folder,
        env=environment,
    ):
        os.close(end)
        printed = b"".join(iter(lambda: _read(terminal), b""))
    os.close(terminal)
    return printed.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError as error:
        if error.errno == errno.EIO:  # on Linux, the other end was closed
            return b""
        raise


@contextmanager
def serving(answer: str) -> Iterator[str]:
    """Serve a model that gives this answer to everything; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/invocations"
        server.shutdown()
        thread.join()
