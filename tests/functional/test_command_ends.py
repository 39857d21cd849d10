"""The command on a terminal, and how it ends: by a signal, a closed pipe, a full disk."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import List

import pytest

from tests.archives import GOOD, NAME, gz, member
from tests.functional.command_line import KEPT, SCRIPT, command, lay_models


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return lay_models(tmp_path)


class Terminal:
    """A command on its own terminal, and what it writes there."""

    def __init__(
        self, *arguments: str, folder: Path, columns: int = 80, **environment: str
    ) -> None:
        self.reader, writer = pty.openpty()
        fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-B", str(SCRIPT), *arguments],
            cwd=folder,
            env={**KEPT, "TERM": "xterm", **environment},
            stdin=subprocess.PIPE,
            stdout=writer,
            stderr=writer,
        )
        os.close(writer)
        self.text = ""

    def end(self) -> int:
        """Read all that it writes, and return its exit code."""
        written = b""
        deadline = time.monotonic() + 60
        while True:
            assert time.monotonic() < deadline, written
            if not select.select([self.reader], [], [], 1.0)[0]:
                continue
            try:
                content = os.read(self.reader, 65536)
            except OSError as error:
                if error.errno != errno.EIO:  # this is how Linux reports the end
                    raise
                content = b""
            if not content:
                break
            written += content
        self.text = written.decode()
        os.close(self.reader)
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(60)


@pytest.mark.parametrize("width", [80, 60])
def test_on_a_terminal_a_person_reads_a_report_of_its_width_in_colours(
    width: int, models: Path
) -> None:
    terminal = Terminal("model.tar.gz", "-o", "out", folder=models, columns=width)
    assert terminal.end() == 0
    text = terminal.text.replace("\r\n", "\n")
    assert "Wrote out/payload.tar.gz: " in text
    assert "\x1b[1mThe payload archive is valid" in text
    assert '{"status"' not in text
    assert text.count('{"instances"') == 1
    plain = Terminal("model.tar.gz", "-o", "out", folder=models, columns=width, NO_COLOR="1")
    assert plain.end() == 0
    assert "\x1b" not in plain.text
    assert max(map(len, plain.text.split("\r\n"))) <= width


def test_a_terminal_that_shows_only_ascii_gets_ascii(models: Path) -> None:
    (models / NAME).write_text('{"full_field_list": ["país", "note"]}', encoding="utf-8")
    for encoding in ("ascii", "latin-1"):
        terminal = Terminal(
            *(NAME, "--set", "DEFAULT_TEXT_VALUE=" + "é" * 400),
            folder=models,
            PYTHONIOENCODING=encoding,
        )
        assert terminal.end() == 0
        assert "\\xed" in terminal.text
        assert terminal.text.isascii()
        assert max(len(line) for line in terminal.text.split("\r\n") if "\x1b" not in line) <= 80
    failed = command("naïf", folder=models, PYTHONIOENCODING="ascii")
    assert b"na\\xefve" in failed.stderr or b"na\\xeff" in failed.stderr


def test_a_terminal_is_not_waited_for_as_standard_input(tmp_path: Path) -> None:
    reader, writer = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-B", str(SCRIPT), "-"],
        cwd=tmp_path,
        stdin=writer,
        capture_output=True,
        timeout=60,
        check=False,
    )
    os.close(reader)
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr.startswith(b"InvalidRequestError: Standard input has no archive.")


# --- how it ends


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_one_line_and_leaves_nothing(
    number: signal.Signals, tmp_path: Path
) -> None:
    (tmp_path / "payload.tar.gz").write_bytes(b"old")
    running = subprocess.Popen(
        [sys.executable, "-B", str(SCRIPT), "-", "--json"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdin is not None
    running.stdin.write(gz(member("weights", bytes(10**6)))[:-100])
    running.stdin.flush()  # the command waits for the rest
    wait_until_read(running)
    running.send_signal(number)
    output, errors = running.communicate(timeout=60)
    assert running.returncode == 128 + number
    assert (output, errors) == (b"", b"Stopped.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["payload.tar.gz"]
    assert (tmp_path / "payload.tar.gz").read_bytes() == b"old"


def wait_until_read(running: subprocess.Popen[bytes]) -> None:
    """Wait until the process has taken all that was written to its standard input."""
    assert running.stdin is not None
    deadline = time.monotonic() + 60
    unread = 1
    while unread:
        assert time.monotonic() < deadline
        time.sleep(0.01)
        answer = fcntl.ioctl(running.stdin, termios.FIONREAD, bytes(struct.calcsize("i")))
        (unread,) = struct.unpack("i", answer)


def run_program(program: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a Python program that can import the job script."""
    return subprocess.run(
        [sys.executable, "-B", "-c", program, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parent)},
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_a_signal_while_the_payload_is_written_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(GOOD)
    program = (
        "import os, signal, sys\n"
        "import mims_payload\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.exit(mims_payload.script())\n"
    )
    done = run_program(program, NAME, "-o", "new/folder", folder=tmp_path)
    assert (done.returncode, done.stderr) == (130, b"Stopped.\n")
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_signal_before_anything_has_begun_is_one_line_too(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "class Slow:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'mims.command':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Slow())\n"
        "import mims_payload\n"
        "sys.exit(mims_payload.script())\n"
    )
    done = run_program(program, folder=tmp_path)
    assert (done.returncode, done.stderr) == (130, b"Stopped.\n")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--check", "made/payload.tar.gz"], ["model.tar.gz", "--show"]]
)
def test_a_pipe_that_nobody_reads_any_more_gives_no_traceback(
    arguments: List[str], models: Path
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-B", str(SCRIPT), *arguments],
        cwd=models,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_standard_output_that_is_full_or_closed(models: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with full.open("wb") as stream:
        done = subprocess.run(
            [sys.executable, "-B", str(SCRIPT), "--version"],
            stdout=stream,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"OutputError: Standard output cannot be written (No space")
    assert done.stderr.count(b"\n") == 1
    closed = subprocess.run(
        ["sh", "-c", f"{sys.executable} -B {SCRIPT} model.tar.gz -o out >&-"],
        cwd=models,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    assert (closed.returncode, closed.stderr) == (0, b"")
    assert (models / "out" / "payload.tar.gz").exists()
