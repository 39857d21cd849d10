"""The Processing job's own entry point and environment, in a container without Docker."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List

import mims_payload
import pytest

from mims_pipeline.steps import MIMSPayloadStepBuilder, PayloadConfig
from tests.integration import processing_sandbox
from tests.integration.processing_sandbox import Run, run_job

LAMBDA_FN = Path(__file__).resolve().parents[2] / "lambda_fn"
HYPERPARAMETERS = {
    "tab_field_list": ["amount", "age.days", "seen"],
    "cat_field_list": ["país"],
    "label_name": "label",
}
MODIFIED = 1_768_465_800  # 2026-01-15 08:30:00 UTC
SETTINGS = {
    "CONTENT_TYPES": "application/json, text/csv; header=absent",
    "SPECIAL_FIELD_AGE_DAYS": "17",
    "FIELD_DEFAULTS": json.dumps({"país": ["ES", "é $HOME; `id` \"'"]}),
    "SAMPLE_COUNT": "3",
    "DEFAULT_TEXT_VALUE": "{timestamp}",
}
WEIGHTS_KIB = 512  # eight times the size of /tmp


@dataclass
class Job:
    """A job's folders on the host, and its request."""

    folder: Path
    request: Dict[str, Any]

    @property
    def code(self) -> Path:
        return self.folder / "code"

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def output(self) -> Path:
        return self.folder / "output"

    @property
    def messages(self) -> Path:
        return self.folder / "messages"

    def run(self, *entrypoint: str) -> Run:
        """Run the request's own entry point, or another instead."""
        request = self.request
        if entrypoint:
            specification = {**request["AppSpecification"], "ContainerEntrypoint": entrypoint}
            request = {**request, "AppSpecification": specification}
        scratch = self.folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        return run_job(
            request,
            {"code": self.code, "model_input": self.model},
            {"payload_sample": self.output},
            self.messages,
            scratch,
        )

    def written(self) -> List[str]:
        """Return the names of the files in the folders that the job may write to."""
        return sorted(path.name for path in [*files(self.output), *files(self.messages)])


@pytest.fixture(name="job")
def _job(tmp_path: Path) -> Job:
    if reason := processing_sandbox.refusal():
        pytest.skip(reason)
    config = PayloadConfig(
        role="arn:aws:iam::123456789012:role/SageMakerExecution",
        image_uri="123456789012.dkr.ecr.eu-west-1.amazonaws.com/python:3.12",
        model_location="s3://models/churn/model.tar.gz",
        code_location="s3://models/code/lambda_fn/",
        output_prefix="s3://models/churn/payload/",
        settings=SETTINGS,
    )
    job = Job(tmp_path, MIMSPayloadStepBuilder(config).processing_job_request("payload-churn-17"))
    shutil.copytree(LAMBDA_FN, job.code, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (job.model, job.output, job.messages):
        folder.mkdir()
    return job


def files(folder: Path) -> List[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir()]


def unpacked_model(folder: Path) -> Path:
    """Write a model's files: weights that cannot be compressed, then the hyperparameters."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a-model.bin").write_bytes(random.Random(7).randbytes(WEIGHTS_KIB * 1024))
    (folder / "hyperparameters.json").write_text(json.dumps(HYPERPARAMETERS), encoding="utf-8")
    for path in folder.iterdir():
        os.utime(path, (MODIFIED, MODIFIED))
    return folder


def packed_model(archive: Path, scratch: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(unpacked_model(scratch).iterdir()):
            tar.add(path, arcname=path.name)


def write_model(form: str, model: Path, scratch: Path) -> None:
    """Write a model to the folder of its input, in one of the forms in which SageMaker does."""
    if form == "archive":
        packed_model(model / "model.tar.gz", scratch)
    elif form == "archive in a folder of its name":
        packed_model(model / "model.tar.gz" / "model.tar.gz", scratch)
    elif form == "files":
        unpacked_model(model)
    else:
        unpacked_model(model / "1")


FORMS = ("archive", "archive in a folder of its name", "files", "files in a folder")


def test_the_container_is_isolated(job: Job) -> None:
    """Check what all other tests here depend on."""
    run = job.run("python3", "-c", PROBE)
    assert run.exit_code == 0, run.errors
    seen = json.loads(run.output)
    assert seen["written"] == ["/opt/ml/processing/output", "/opt/ml/output", "/tmp"]
    assert set(seen["refused"].values()) == {"EROFS"}
    assert seen["room_in_tmp"] == processing_sandbox.TMP_KIB * 1024
    assert seen["network"] == "ENETUNREACH"
    assert seen["capabilities"] == [0, 0, 0, 0, 0]
    assert (os.geteuid() != 0) or seen["user"] == processing_sandbox.NOBODY
    assert seen["processes"] <= 3  # the shells that set the container up, and the probe itself
    assert not seen["project_in_sight"]
    assert {key: seen["environment"][key] for key in SETTINGS} == SETTINGS
    assert set(seen["environment"]) - set(SETTINGS) <= {"PATH", "PWD", "LC_CTYPE"}
    assert [Path(path).name for path in run.left_in_tmp] == ["probe"]


PROBE = f"""
import errno, json, os, socket
written, refused = [], {{}}
for folder in (
    "/", "/usr", "/etc", "/opt/ml", "/opt/ml/processing", "/opt/ml/processing/input/code",
    "/opt/ml/processing/input/model", "/opt/ml/processing/output", "/opt/ml/output", "/tmp",
    os.path.dirname(os.__file__),
):
    try:
        with open(os.path.join(folder, "probe"), "w") as file:
            file.write("probe")
        written.append(folder)
    except OSError as error:
        refused[folder] = errno.errorcode[error.errno]
try:
    socket.create_connection(("127.0.0.1", 9), 1)
    network = "connected"
except OSError as error:
    network = errno.errorcode[error.errno]
status = open("/proc/self/status").read()
room = os.statvfs("/tmp")
print(json.dumps({{
    "written": written,
    "refused": refused,
    "room_in_tmp": room.f_blocks * room.f_frsize,
    "network": network,
    "capabilities": [int(l.split()[1], 16) for l in status.splitlines() if l.startswith("Cap")],
    "user": os.getuid(),
    "processes": sum(name.isdigit() for name in os.listdir("/proc")),
    "project_in_sight": os.path.exists({str(LAMBDA_FN)!r}),
    "environment": dict(os.environ),
}}))
"""


@pytest.mark.parametrize("form", FORMS)
def test_the_payload_is_the_one_that_main_makes(
    job: Job, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_model(form, job.model, tmp_path / "unpacked")

    run = job.run()

    assert run.exit_code == 0, run.errors
    assert run.errors == ""
    assert job.written() == ["payload.tar.gz"]
    assert run.left_in_tmp == []
    made = mims_payload.main(
        {"model_input": str(job.model)}, {"payload_sample": str(tmp_path / "here")}, SETTINGS
    )
    assert (job.output / "payload.tar.gz").read_bytes() == Path(made).read_bytes()
    with tarfile.open(made) as tar:
        body = tar.extractfile("application_json/sample_payload.json")
        assert body is not None
        first, second, _ = json.load(body)["instances"]
    assert first["age.days"] == 17.0
    assert second["país"] == json.loads(SETTINGS["FIELD_DEFAULTS"])["país"][1]
    figures = json.loads(run.output.splitlines()[-1])
    assert figures["status"] == "created"
    assert figures["payload_path"] == "/opt/ml/processing/output/payload.tar.gz"
    capsys.readouterr()


def test_the_archive_is_not_unpacked(job: Job, tmp_path: Path) -> None:
    """Only the output's folder has room for the weights, which come first; it has the payload."""
    packed_model(job.model / "model.tar.gz", tmp_path / "unpacked")
    run = job.run()
    assert json.loads(run.output.splitlines()[-1])["ArchiveBytesRead"] > WEIGHTS_KIB * 1024
    (payload,) = files(job.output)
    assert payload.stat().st_size < 10_000
    assert run.left_in_tmp == []


def test_a_failure_is_reported_and_leaves_nothing(job: Job, tmp_path: Path) -> None:
    packed_model(tmp_path / "whole.tar.gz", tmp_path / "unpacked")
    content = (tmp_path / "whole.tar.gz").read_bytes()
    (job.model / "model.tar.gz").write_bytes(content[: len(content) // 2])

    run = job.run()

    assert run.exit_code == 1
    assert job.written() == ["message"]
    assert run.left_in_tmp == []
    (line,) = run.errors.splitlines()
    assert line.startswith("CorruptArchiveError: ")
    assert (job.messages / "message").read_text() == line
    assert json.loads(run.output.splitlines()[-1])["error"] == "CorruptArchiveError"


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [("CONTENT_TYPES", "text/html", "InvalidSettingsError"), ("SAMPLE_COUNT", "0", "Invalid")],
)
def test_a_bad_environment_ends_the_job(
    job: Job, tmp_path: Path, name: str, value: str, error: str
) -> None:
    packed_model(job.model / "model.tar.gz", tmp_path / "unpacked")
    job.request["Environment"][name] = value
    run = job.run()
    assert run.exit_code == 1
    assert re.match(f"{error}.*{name}", (job.messages / "message").read_text())
    assert files(job.output) == []


def test_an_input_without_a_model_ends_the_job(job: Job) -> None:
    run = job.run()
    assert run.exit_code == 1
    assert (job.messages / "message").read_text().startswith("ModelNotFoundError: ")
    assert files(job.output) == []


def test_a_second_run_replaces_the_payload(job: Job, tmp_path: Path) -> None:
    packed_model(job.model / "model.tar.gz", tmp_path / "unpacked")
    first = job.run()
    payload = (job.output / "payload.tar.gz").read_bytes()
    second = job.run()
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert json.loads(second.output.splitlines()[-1])["status"] == "updated"
    assert (job.output / "payload.tar.gz").read_bytes() == payload
    assert job.written() == ["payload.tar.gz"]


def test_the_host_sees_neither_mounts_nor_folders(job: Job, tmp_path: Path) -> None:
    packed_model(job.model / "model.tar.gz", tmp_path / "unpacked")
    in_opt = sorted(os.listdir("/opt"))

    assert job.run().exit_code == 0

    # Others may mount meanwhile; all that the job has lies below this folder.
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    assert sorted(os.listdir("/opt")) == in_opt
    assert list((tmp_path / "scratch" / "root").iterdir()) == []
    assert sorted(path.name for path in files(job.code)) == sorted(
        path.name for path in files(LAMBDA_FN) if "__pycache__" not in path.parts
    )
