"""`scripts/run`, from the command to its output and its end. (Its environment is there already.)"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.integration.model_archives import hyperparameters, model_archive, weights
from tests.integration.test_local_parts import needs_seaweedfs, traces_of_servers

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, str(ROOT / "local" / "run.py")]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_without_arguments_it_shows_the_payload_of_the_real_model(tmp_path: Path) -> None:
    done = run(folder=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "Status         created" in done.stdout
    assert "s3://models/xgboost/output/payload/payload.tar.gz" in done.stdout
    assert "Warnings       none" in done.stdout
    assert "Bytes read" in done.stdout
    with tarfile.open(tmp_path / "out" / "payload.tar.gz") as payload:
        names = payload.getnames()
        sample = payload.extractfile("application_json/sample_payload.json")
        assert sample is not None
        body = sample.read().decode()
    assert names == ["application_json/sample_payload.json", "metadata.json"]
    assert body in done.stdout
    assert names[0] in done.stdout
    assert "The payload archive holds" in done.stdout


def test_a_model_and_settings_of_ones_own(tmp_path: Path) -> None:
    model = tmp_path / "churn.tgz"
    model.write_bytes(model_archive(("hyperparameters.json", hyperparameters("age", "income"))))

    done = run(
        str(model),
        *("--set", "CONTENT_TYPES=text/csv, application/x-npy"),
        *("--set", "SPECIAL_FIELD_age=42"),
        *("--set", "PAYLOAD_BUCKET=payloads"),
        folder=tmp_path,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "age,income\n    42.0,0.0\n" in done.stdout
    assert "(binary: " in done.stdout
    assert "s3://payloads/models/churn/output/payload/payload.tar.gz" in done.stdout


def test_a_long_payload_file_is_cut_and_says_so(tmp_path: Path) -> None:
    done = run("--set", "SAMPLE_COUNT=1000", folder=tmp_path)

    assert done.returncode == 0
    assert "more characters)" in done.stdout
    assert len(done.stdout) < 10_000


def test_a_bad_archive_shows_the_functions_own_error_and_no_earlier_payload(
    tmp_path: Path,
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "payload.tar.gz").write_bytes(b"of an earlier run")
    (tmp_path / "model.tar.gz").write_bytes(weights(1000))

    done = run("model.tar.gz", folder=tmp_path)

    assert done.returncode == 1
    assert done.stderr.strip().startswith("CorruptArchiveError: The model archive is not a tar")
    assert not (tmp_path / "out" / "payload.tar.gz").exists()
    log = (tmp_path / "out" / "function.log").read_text()
    assert json.loads(log.splitlines()[0])["error"] == "CorruptArchiveError"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.tar.gz"], "there is no file 'nothing.tar.gz'"),
        (["--set", "NAME"], "'NAME' is not NAME=VALUE"),
        (["--set", "=1"], "'=1' is not NAME=VALUE"),
    ],
)
def test_a_wrong_call_is_told_before_anything_starts(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    done = run(*arguments, folder=tmp_path)

    assert done.returncode == 2
    assert message in done.stderr
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
    assert errors.strip() == "Stopped."
    assert traces.are_gone()
    assert not list(tmp_path.glob("function-*"))
