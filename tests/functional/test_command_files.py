"""What the command writes, and unusual models that it reads."""

from __future__ import annotations

import errno
import gzip
import os
import secrets
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import mims_payload
import pytest
from mims.command import making, writing
from mims.errors import CorruptArchiveError, OutputError

from tests.archives import GOOD, NAME, gz, header, member
from tests.functional.command_line import SCRIPT, command, lay_models, needs_no_privilege


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return lay_models(tmp_path)


def test_the_temporary_file_is_made_exclusively_and_follows_no_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    output = tmp_path / "out"
    output.mkdir()
    monkeypatch.setattr(secrets, "token_hex", lambda _: "guessed")
    planted = output / ".payload.tar.gz.guessed.tmp"
    planted.symlink_to(victim)
    with pytest.raises(OutputError, match="File exists"):
        writing.write_whole(str(output), "payload.tar.gz", b"new")
    assert victim.read_text() == "precious"
    assert [path.name for path in output.iterdir()] == [planted.name]


def test_a_link_at_the_payloads_path_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "payload.tar.gz").symlink_to(victim)
    writing.write_whole(str(tmp_path), "payload.tar.gz", b"new")
    assert victim.read_text() == "precious"
    assert not (tmp_path / "payload.tar.gz").is_symlink()
    assert (tmp_path / "payload.tar.gz").read_bytes() == b"new"


@needs_no_privilege
def test_a_folder_without_write_permission_is_an_error_before_the_model_is_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    (tmp_path / "model.tar.gz").write_bytes(b"cut")
    done = command("model.tar.gz", "-o", "locked/new", folder=tmp_path, unprivileged=True)
    assert done.stderr.startswith(b"OutputError: 'locked/new' cannot be written (Permission denied")


def test_an_output_that_cannot_be_written_is_an_error_before_the_model_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(making, "find_model_inputs", None)
    with pytest.raises(OutputError, match="Permission denied"):
        mims_payload.main({"model_input": str(tmp_path)}, {"payload_sample": str(tmp_path)}, {})


def test_folders_made_for_a_payload_that_fails_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        writing.write_whole(str(tmp_path / "a" / "b"), "payload.tar.gz", b"new")
    assert list(tmp_path.iterdir()) == []


# --- unusual models


def test_a_fifo_or_a_link_as_a_model_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    done = command("fifo", folder=tmp_path)
    assert done.stderr.startswith(b"InvalidRequestError: 'fifo' is neither a file nor a folder.")
    model = tmp_path / "model"
    model.mkdir()
    (tmp_path / "real.tar.gz").write_bytes(gz(member(NAME)))
    (model / "model.tar.gz").symlink_to(tmp_path / "real.tar.gz")
    done = command("model", folder=tmp_path)
    assert done.stderr.startswith(b"InvalidRequestError: 'model/model.tar.gz' is a link")
    (tmp_path / "link").symlink_to("real.tar.gz")
    assert command("link", folder=tmp_path).returncode == 0
    (model / "model.tar.gz").unlink()
    os.mkfifo(model / "model.tar.gz")
    assert command("model", folder=tmp_path).returncode == 1


def test_only_regular_files_of_a_folder_are_opened(tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "sub").mkdir(parents=True)
    os.mkfifo(model / NAME)
    os.mkfifo(model / "model.onnx")
    (model / "to_elsewhere").symlink_to(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / NAME).write_bytes(GOOD)
    done = command("model", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(b"HyperparametersNotFoundError: ")
    assert b"A link, folder or sparse file named hyperparameters.json is never used" in done.stderr
    (model / "sub" / NAME).write_bytes(GOOD)
    assert command("model", folder=tmp_path).returncode == 0


@needs_no_privilege
def test_a_file_and_a_folder_that_may_not_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "model" / "sub").mkdir(parents=True)
    (tmp_path / "model" / NAME).write_bytes(GOOD)
    (tmp_path / "model" / NAME).chmod(0)
    done = command("model", folder=tmp_path, unprivileged=True)
    assert done.stderr.startswith(f"AccessDeniedError: 'model/{NAME}' may not be read".encode())
    (tmp_path / "model" / NAME).unlink()
    (tmp_path / "model" / "sub").chmod(0)
    done = command("model", folder=tmp_path, unprivileged=True)
    assert done.stderr.startswith(b"AccessDeniedError: 'model/sub' may not be read")


def test_a_folder_with_too_many_files_is_an_error(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}.bin").touch()
    done = command(".", "--set", "MAX_MEMBERS=20", "--show", folder=tmp_path)
    assert done.stderr.startswith(b"ArchiveLimitError: '.' has more than 20 files (MAX_MEMBERS).")
    assert done.returncode == 1


def test_a_folder_gives_the_same_bodies_as_its_archive(models: Path) -> None:
    with tarfile.open(models / "same.tar.gz", "w:gz") as tar:
        tar.add(models / "unpacked", ".")
    bodies = [
        command(model, "--show", "--recipe", "auto", folder=models).stdout
        for model in ("unpacked", "same.tar.gz")
    ]
    assert bodies[0] == bodies[1] != b""


def test_a_corrupt_archive_on_standard_input_is_not_replaced_by_a_loose_file(models: Path) -> None:
    (models / NAME).write_bytes(GOOD)
    done = command("-", folder=models, stdin=(models / "cut.tar.gz").read_bytes())
    assert done.returncode == 1
    assert done.stderr.startswith(CorruptArchiveError.__name__.encode())


def test_s3_without_boto3_says_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", str(SCRIPT), "s3://models/model.tar.gz"],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert b"needs boto3" in done.stderr
    assert b"pip install boto3" in done.stderr


def test_a_model_of_any_size_is_not_mistaken_for_a_payload(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "large.tar.gz", "wb", 1) as file:
        file.write(header(b"weights", 5 * 1024**3))
        for _ in range(80):
            file.write(bytes(1024**2))
    (tmp_path / "random.tar.gz").write_bytes(gz(header(b"weights", 300 * 1024**2), 0))
    with (tmp_path / "random.tar.gz").open("ab") as file:
        file.truncate(256 * 1024**2 + 100)  # more than the largest payload archive that is read
    for name in ("large.tar.gz", "random.tar.gz"):
        done = command("--check", name, folder=tmp_path)
        assert done.returncode == 1
        assert b"is a model archive, not a payload archive" in done.stderr
