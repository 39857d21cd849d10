"""`scripts/run`: its output, and how it ends. (Its environment is made by other means here.)"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.archives import packed
from tests.integration.model_archives import hyperparameters, weights
from tests.integration.test_local_parts import needs_seaweedfs, traces_of_servers, wait_until

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, str(ROOT / "local" / "run.py")]
PATHS = os.pathsep.join(map(str, (ROOT, ROOT / "lambda_fn")))  # as scripts/run sets it
ENVIRONMENT = {**os.environ, "PYTHONPATH": PATHS, "PYTHONUNBUFFERED": "1"}


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def errors_in(text: str) -> str:
    """Return what is on standard error except for the signs of life, which a slow machine needs."""
    return re.sub(r"^[A-Z][\w' ]+ \.\.\. \d+ s\n", "", text, flags=re.MULTILINE)


def test_without_arguments_it_shows_what_the_server_of_the_real_model_reads(
    tmp_path: Path,
) -> None:
    done = run(folder=tmp_path)

    assert (done.returncode, errors_in(done.stderr)) == (0, "")
    assert "Settings       RECIPE=auto\n" in done.stdout
    assert "Status         created\n" in done.stdout
    assert "s3://models/xgboost/output/payload/payload.tar.gz" in done.stdout
    assert "Bytes read" in done.stdout
    with tarfile.open(tmp_path / "out" / "payload.tar.gz") as payload:
        names = payload.getnames()
        sample = payload.extractfile(names[-1])
        assert sample is not None
        body = sample.read().decode()
    assert names == ["metadata.json", "text_csv_header_absent/sample_payload.csv"]
    assert body.startswith("0.0,0.0,")
    assert done.stdout.count(body) == 1
    assert names[-1] in done.stdout
    assert "The payload archive is valid" in done.stdout
    assert "Warning" not in done.stdout
    assert "Function's log out/function.log\n" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_user_s_own_model_and_settings(tmp_path: Path) -> None:
    model = tmp_path / "churn.tgz"
    model.write_bytes(packed(("hyperparameters.json", hyperparameters("age", "income"))))

    done = run(
        str(model),
        *("--set", "CONTENT_TYPES=text/csv, application/x-npy"),
        *("--set", "SPECIAL_FIELD_age=42"),
        *("--set", "PAYLOAD_BUCKET=payloads"),
        *("--set", "CONTENT_TYPE=text/csv"),
        *("--output", "made/here"),
        folder=tmp_path,
    )

    assert (done.returncode, errors_in(done.stderr)) == (0, "")
    assert "    age,income\n    42.0,0.0\n" in done.stdout
    assert "    42.0, 0.0\n" in done.stdout  # of the npy file, which is binary
    assert "s3://payloads/models/churn/output/payload/payload.tar.gz" in done.stdout
    # The function's own warning, once, wrapped over several lines.
    words = " ".join(done.stdout.split())
    assert words.count("The variable CONTENT_TYPE is not a setting") == 1
    made = sorted(path.name for path in (tmp_path / "made" / "here").iterdir())
    assert made == ["function.log", "payload.tar.gz"]


def test_a_folder_of_a_models_files_is_packed_and_no_link_in_it_followed(tmp_path: Path) -> None:
    model = tmp_path / "churn"
    (model / "code").mkdir(parents=True)
    (model / "hyperparameters.json").write_bytes(hyperparameters("age", "income"))
    (model / "code" / "inference.py").write_text("pass\n")
    (model / "passwd").symlink_to("/etc/passwd")

    done = run("churn", folder=tmp_path)

    assert (done.returncode, errors_in(done.stderr)) == (0, "")
    assert "    age, income\n" in done.stdout
    assert "s3://models/churn/output/payload/payload.tar.gz" in done.stdout
    assert sorted(path.name for path in model.iterdir()) == [
        "code",
        "hyperparameters.json",
        "passwd",
    ]


def test_a_long_payload_file_is_cut_and_says_so(tmp_path: Path) -> None:
    model = tmp_path / "model.tar.gz"
    model.write_bytes(packed(("hyperparameters.json", b'{"full_field_list": ["note"]}')))

    done = run(str(model), "--set", "DEFAULT_TEXT_VALUE=" + "x" * 3000, folder=tmp_path)

    assert done.returncode == 0
    assert "characters)" in done.stdout
    assert done.stdout.count("x") < 500


def test_a_bad_archive_shows_the_functions_own_error_and_no_earlier_payload(
    tmp_path: Path,
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "payload.tar.gz").write_bytes(b"of an earlier run")
    (tmp_path / "model.tar.gz").write_bytes(weights(1000))

    done = run("model.tar.gz", folder=tmp_path)

    assert done.returncode == 1
    errors = errors_in(done.stderr)
    assert errors.startswith("CorruptArchiveError: ")
    assert errors.count("\n") == 1
    assert "Function's log out/function.log" in done.stdout
    assert not (tmp_path / "out" / "payload.tar.gz").exists()
    log = (tmp_path / "out" / "function.log").read_text()
    assert json.loads(log.splitlines()[0])["error"] == "CorruptArchiveError"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing.tar.gz"], 1, "ModelNotFoundError: There is no model at 'nothing.tar.gz'"),
        (["--output", "file/below"], 1, "OutputError: 'file/below' cannot be written"),
        (["--set", "NAME"], 2, "'NAME' is not NAME=VALUE"),
        (["--set", "=1"], 2, "'=1' is not NAME=VALUE"),
        (["--kep"], 2, "--kep"),
    ],
)
def test_an_invalid_call_is_an_error_before_anything_starts(
    arguments: list[str], code: int, message: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = run(*arguments, folder=tmp_path)

    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@needs_seaweedfs
@pytest.mark.parametrize(
    ("moment", "number"), [("S3 server", signal.SIGINT), ("aws s3 ls", signal.SIGTERM)]
)
def test_a_signal_stops_everything_that_was_started(
    moment: str, number: signal.Signals, tmp_path: Path
) -> None:
    running = subprocess.Popen(
        [*COMMAND, "--keep"],
        cwd=tmp_path,
        env={**ENVIRONMENT, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    for line in running.stdout:
        if moment in line:
            break
    traces = traces_of_servers(tmp_path)
    assert traces.processes

    running.send_signal(number)
    _, errors = running.communicate(timeout=60)

    assert running.returncode == 130
    assert errors_in(errors).strip() == "Stopped."
    assert traces.are_gone()
    assert not list(tmp_path.glob("function-*"))


# --- scripts/venv, which makes the environment when it is first run


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """scripts/venv in a separate checkout, with requirements that download nothing."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "venv", tmp_path / "scripts" / "venv")
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    return tmp_path


# A Python that writes `making`, and makes the environment only once there is a file `go`.
HELD_BACK = """
touch making
until [ -e go ]; do sleep 0.02; done
exec "$python" "$@"
"""
# A Python that leaves the work to another process, as with ensurepip, which keeps writing files.
BY_ANOTHER = """
(for _ in $(seq 1500); do mkdir -p "$3/lib"; date > "$3/lib/$$"; touch making; sleep 0.02; done) &
wait
"""


def first_run(scripts: Path, making: str) -> subprocess.Popen[str]:
    """Start a first run, whose Python makes the environment by these lines of shell."""
    python = scripts / "python"
    python.write_text(
        f"#!/bin/sh\npython={shlex.quote(sys.executable)}\n"
        f'if [ "$1 $2" = "-m venv" ]; then {making} fi\nexec "$python" "$@"\n'
    )
    python.chmod(0o755)
    return subprocess.Popen(
        ["scripts/venv", ".venv-x", "requirements.txt"],
        cwd=scripts,
        env={**os.environ, "INSTALLS": "nothing at all", "PYTHON": str(python)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def first_line(running: subprocess.Popen[str]) -> str:
    assert running.stderr is not None
    return running.stderr.readline()


def other_lines(running: subprocess.Popen[str]) -> str:
    """Wait for its end, and return what it wrote after the first line."""
    assert running.stderr is not None
    running.wait(timeout=300)
    return running.stderr.read()


def test_one_of_two_first_runs_makes_the_environment_and_the_other_waits(scripts: Path) -> None:
    runs = [first_run(scripts, HELD_BACK), first_run(scripts, HELD_BACK)]
    by_line = {first_line(running): running for running in runs}
    waiting, making = sorted(by_line, reverse=True)
    assert making.startswith("Making .venv-x with Python ")
    assert waiting == "Waiting for another process, which makes .venv-x ...\n"
    (scripts / "go").touch()
    rest = {line: other_lines(running) for line, running in by_line.items()}
    assert [running.returncode for running in runs] == [0, 0]
    assert "  nothing at all\n" in rest[making]
    assert rest[waiting] == ""
    again = first_run(scripts, HELD_BACK)
    assert again.communicate(timeout=300) == ("", "")
    assert (scripts / ".venv-x" / "bin" / "pip").exists()


@pytest.mark.parametrize("making", [HELD_BACK, BY_ANOTHER], ids=["itself", "by another process"])
def test_a_first_run_that_is_stopped_leaves_nothing_and_prints_one_line(
    making: str, scripts: Path
) -> None:
    running = first_run(scripts, making)
    assert first_line(running).startswith("Making")
    wait_until((scripts / "making").exists)
    os.killpg(running.pid, signal.SIGINT)
    errors = other_lines(running)
    assert running.returncode == 130
    assert errors.splitlines()[-1] == "Stopped."
    assert "Traceback" not in errors
    assert "rm: " not in errors
    assert not (scripts / ".venv-x").exists()
