"""The Processing job script, in a copy of only its folder: paths, progress, what it writes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Dict, List, Optional

import mims_payload
import pytest
from mims import generate
from mims.command import making, progress
from mims.errors import (
    AccessDeniedError,
    ArchiveLimitError,
    CorruptArchiveError,
    HyperparametersNotFoundError,
    InvalidRequestError,
    InvalidSettingsError,
    ModelNotFoundError,
    OutputError,
    PayloadError,
)
from mims.settings import read_settings

from tests.archives import END, EPOCH_OF_TESTS, GOOD, NAME, gz, member, noise, unpacked

ROOT = Path(__file__).resolve().parents[2]
OTHER = b'{"tab_field_list": ["other"]}'
ARCHIVE = gz(member("xgboost-model", noise(3000)) + member(NAME) + END)
OTHER_ARCHIVE = gz(member(NAME, OTHER) + END)
NO_FILE = gz(member("xgboost-model", b"x") + END)


@pytest.fixture(scope="session")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the script in a copy of its folder, without the rest of the project."""
    folder = tmp_path_factory.mktemp("code") / "lambda_fn"
    shutil.copytree(ROOT / "lambda_fn", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "mims_payload.py"


@pytest.fixture
def run(script: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-S", "-B", str(script), *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    return run


def lay(folder: Path, files: Dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (EPOCH_OF_TESTS, EPOCH_OF_TESTS))
    return folder


def make(model: Path, output: Path, **environment: str) -> str:
    return mims_payload.main(
        {"model_input": str(model)}, {"payload_sample": str(output)}, environment
    )


def first_field(payload: str) -> str:
    metadata = json.loads(unpacked(Path(payload).read_bytes())["metadata.json"])
    return str(metadata["fields"][0]["name"])


def test_it_runs_from_a_copy_of_its_folder_with_no_package_installed(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    lay(tmp_path / "model", {"model.tar.gz": ARCHIVE})
    done = run("--model", "model", "--output", "out/new", CONTENT_TYPES="text/csv")
    assert (done.returncode, done.stderr) == (0, "")
    written = tmp_path / "out" / "new" / "payload.tar.gz"
    assert [path.name for path in written.parent.iterdir()] == ["payload.tar.gz"]
    settings = read_settings({"CONTENT_TYPES": "text/csv"})
    assert written.read_bytes() == generate([ARCHIVE], settings).archive
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures.pop("GenerationTime") >= figures.pop("ArchiveTime") >= 0
    assert figures.pop("PeakMemory") > 1
    assert figures == {
        "status": "created",
        "payload_path": os.path.join("out/new", "payload.tar.gz"),
        "content_types": ["text/csv"],
        "field_count": 1,
        "sample_count": 1,
        "fields_from": {"source": "hyperparameters", "member": NAME},
        "family": None,
        "recipe": None,
        "warnings": [],
        "PayloadsCreated": 1,
        "ArchiveBytesRead": len(ARCHIVE),
    }
    again = run("--model", "model/model.tar.gz", "--output", "out/new")
    assert json.loads(again.stdout.splitlines()[-1])["status"] == "updated"


def test_its_paths_are_those_of_the_contract(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    if Path("/opt/ml").exists():
        pytest.skip("/opt/ml exists here")
    done = run()
    assert done.returncode == 1
    assert "/opt/ml/processing/input/model" in done.stderr
    assert mims_payload.PAYLOAD_OUTPUT == "/opt/ml/processing/output"
    assert mims_payload.FAILURE_MESSAGE == "/opt/ml/output/message"


@pytest.mark.parametrize(
    ("arguments", "environment", "error"),
    [
        (["--model", "missing"], {}, "ModelNotFoundError: There is no model at 'missing'"),
        (["--model", "empty"], {}, "ModelNotFoundError"),
        (["--model", "cut"], {}, "CorruptArchiveError"),
        (["--model", "without"], {}, "HyperparametersNotFoundError"),
        (["--model", "good"], {"CONTENT_TYPES": "a\nb"}, "InvalidSettingsError"),
        (["--model", "good", "--output", "good/model.tar.gz"], {}, "OutputError"),
        (["--model", "good", "--output", "good/model.tar.gz/x"], {}, "OutputError"),
    ],
)
def test_an_error_is_one_line_and_exit_code_1_and_leaves_nothing(
    run: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
    arguments: List[str],
    environment: Dict[str, str],
    error: str,
) -> None:
    good = {"good/model.tar.gz": ARCHIVE, "cut/model.tar.gz": ARCHIVE[:90]}
    lay(tmp_path, {**good, "without/model.tar.gz": NO_FILE})
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    done = run(*(arguments if "--output" in arguments else ["--output", "out", *arguments]),
               **environment)  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(error)
    assert done.stderr.count("\n") == 1
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "status": "failed",
        "error": error.split(":")[0],
        "PayloadsFailed": 1,
    }
    assert sorted(tmp_path.rglob("*")) == before


FOLDERS: Dict[str, Dict[str, bytes]] = {
    "an archive": {"model.tar.gz": ARCHIVE, NAME: OTHER, f"sub/{NAME}": OTHER},
    "a folder of that name with one": {"model.tar.gz/model.tar.gz": ARCHIVE, NAME: OTHER},
    "a folder of that name, unpacked": {f"model.tar.gz/{NAME}": GOOD, NAME: OTHER},
    "an empty folder of that name": {"model.tar.gz/x": b"", NAME: GOOD},
    "a loose file": {NAME: GOOD, f"a/{NAME}": OTHER, "other.tar.gz": OTHER_ARCHIVE},
    "a nested one": {f"a/{NAME}": GOOD},
    "the shallowest": {f"a/b/{NAME}": OTHER, f"c/{NAME}": GOOD},
    "code last": {f"code/{NAME}": OTHER, f"a/b/{NAME}": GOOD},
    "the first by name": {f"b/{NAME}": OTHER, f"a/{NAME}": GOOD},
    "a cut archive and a loose file": {"model.tar.gz": ARCHIVE[:90], NAME: GOOD},
    "a cut archive and a nested file": {"model.tar.gz": ARCHIVE[:90], f"a/{NAME}": GOOD},
    "no archive at all and a loose file": {"model.tar.gz": b"", NAME: GOOD},
    "an archive without it and a loose file": {"model.tar.gz": NO_FILE, NAME: GOOD},
    "a plain tar": {"model.tar.gz": member(NAME) + END},
}


@pytest.mark.parametrize("files", FOLDERS.values(), ids=FOLDERS)
def test_what_a_models_folder_may_contain(files: Dict[str, bytes], tmp_path: Path) -> None:
    model = lay(tmp_path / "model", files)
    assert first_field(make(model, tmp_path / "out")) == "age"


@pytest.mark.parametrize("archive", [ARCHIVE[:90], NO_FILE])
def test_a_file_that_is_used_instead_of_the_archive_gives_a_warning(
    archive: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = lay(tmp_path / "model", {"model.tar.gz": archive, NAME: GOOD})
    make(model, tmp_path / "out")
    *lines, figures = capsys.readouterr().out.splitlines()
    (warning,) = json.loads(figures)["warnings"]
    assert str(model / NAME) in warning
    assert lines == [f"Warning: {warning}"]


def test_a_nested_file_gives_a_warning_and_a_limit_applies_to_loose_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = lay(tmp_path / "model", {f"code/{NAME}": GOOD})
    make(model, tmp_path / "out")
    assert f"Warning: The model has no {NAME} at its root; 'code/{NAME}'" in capsys.readouterr().out
    assert make(model, tmp_path / "out", MAX_HYPERPARAMETERS_BYTES=str(len(GOOD)))
    with pytest.raises(ArchiveLimitError):
        make(model, tmp_path / "out", MAX_HYPERPARAMETERS_BYTES=str(len(GOOD) - 1))


def test_links_to_nested_files_are_not_followed(tmp_path: Path) -> None:
    model = lay(tmp_path / "model", {"a/x": GOOD})
    (model / "a" / NAME).symlink_to("x")
    with pytest.raises(HyperparametersNotFoundError, match="a/x"):
        make(model, tmp_path / "out")


def test_the_same_file_gives_the_same_bytes_loose_and_packed(tmp_path: Path) -> None:
    stamped = {"SPECIAL_FIELD_AGE": "1", "CONTENT_TYPES": "text/csv", "FIELD_DEFAULTS": '{"a": 1}'}
    content = b'{"full_field_list": ["age", "note"]}'
    stamped["SPECIAL_FIELD_note"] = "{timestamp}"
    lay(tmp_path, {NAME: content, "model.tar.gz": gz(member(NAME, content))})
    packed = Path(make(tmp_path / "model.tar.gz", tmp_path / "a", **stamped)).read_bytes()
    loose = Path(make(tmp_path / NAME, tmp_path / "b", **stamped)).read_bytes()
    assert packed == loose


def test_main_uses_only_the_given_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lay(tmp_path / "model", {"model.tar.gz": ARCHIVE})
    monkeypatch.setenv("CONTENT_TYPES", "no such type")
    path = mims_payload.main(
        {"model_input": str(model)}, {"payload_sample": str(tmp_path / "out")}, {}, None
    )
    assert path == str(tmp_path / "out" / "payload.tar.gz")
    with pytest.raises(InvalidSettingsError):
        make(model, tmp_path / "out", CONTENT_TYPES="no such type")
    for inputs, outputs in (({}, {"payload_sample": "x"}), ({"model_input": "x"}, {})):
        with pytest.raises(InvalidRequestError, match="missing"):
            mims_payload.main(inputs, outputs, {})


def test_main_takes_paths_as_strings_and_as_path_objects(tmp_path: Path) -> None:
    model = lay(tmp_path / "model", {"model.tar.gz": ARCHIVE})
    payload = mims_payload.main({"model_input": model}, {"payload_sample": tmp_path / "output"}, {})
    assert payload == str(tmp_path / "output" / "payload.tar.gz")
    assert payload == make(model, tmp_path / "output")


def test_a_failed_write_leaves_the_payload_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lay(tmp_path / "model", {"model.tar.gz": ARCHIVE})
    output = lay(tmp_path / "out", {"payload.tar.gz": b"old"})

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        make(model, output)
    assert [path.name for path in output.iterdir()] == ["payload.tar.gz"]
    assert (output / "payload.tar.gz").read_bytes() == b"old"
    monkeypatch.undo()
    os.remove(output / "payload.tar.gz")
    (output / "payload.tar.gz").mkdir()
    with pytest.raises(OutputError):
        make(model, output)
    assert [path.name for path in output.iterdir()] == ["payload.tar.gz"]


def test_the_payload_has_its_name_only_when_it_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lay(tmp_path / "model", {"model.tar.gz": ARCHIVE})
    moved: List[Any] = []
    replace = os.replace

    def watched(source: str, target: str) -> None:
        moved.append((Path(source).parent, Path(source).stat().st_size, Path(target).exists()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    path = Path(make(model, tmp_path / "out"))
    assert moved == [(path.parent, path.stat().st_size, False)]


def test_a_file_that_cannot_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("model.tar.gz", NAME):
        model = lay(tmp_path / name[:5], {name: ARCHIVE})

        def refuse(*_: Any, **__: Any) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("builtins.open", refuse)
        with pytest.raises(AccessDeniedError, match=name):
            make(model, tmp_path / "out")
        monkeypatch.undo()


# --- progress, and what SageMaker shows about a failure


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock of the lines of progress; `now` sets it."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_a_line_of_progress_every_ten_seconds(
    clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    reading = progress.Reading()
    for _ in reading.counted([bytes(250_000)] * 20, 5_000_000):
        clock.now += 3.0
    assert reading.bytes == 5_000_000
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5  # in 60 seconds: one with the first chunk after each ten
    assert lines[0] == "Read 1 of 5 MB (0.1 MB/s)"
    assert lines[-1] == "Read 5 of 5 MB (0.1 MB/s)"


def test_on_a_terminal_one_line_is_updated_and_removed_at_the_end(
    clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    reading = progress.Reading()
    for _ in reading.counted([bytes(500_000)] * 3):
        clock.now += 1.0
    reading.end()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.split("\r\x1b[K") == [
        "",
        "Read 0 MB (0.5 MB/s)",
        "Read 1 MB (0.5 MB/s)",
        "Read 2 MB (0.5 MB/s)",
        "",
    ]


def test_a_quick_archive_prints_no_progress(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(lay(tmp_path / "model", {"model.tar.gz": ARCHIVE}), tmp_path / "out")
    assert len(capsys.readouterr().out.splitlines()) == 1


def failed(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert mims_payload.command(arguments) == 1
    return capsys.readouterr().err


def test_the_error_is_in_the_jobs_message_if_its_folder_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = tmp_path / "output" / "message"
    monkeypatch.setattr(mims_payload, "FAILURE_MESSAGE", str(message))
    line = failed("--model", str(tmp_path / "missing"), capsys=capsys)
    assert not message.parent.exists()
    message.parent.mkdir()
    assert failed("--model", str(tmp_path / "missing"), capsys=capsys) == line
    assert message.read_text(encoding="utf-8") == line.rstrip("\n")
    long = lay(tmp_path / "long", {f"{'ü' * 50}-{number}": b"" for number in range(25)})
    assert len(failed("--model", str(long), capsys=capsys)) > 1100
    assert len(message.read_text(encoding="utf-8").encode()) <= 2048
    lay(tmp_path / "model", {"model.tar.gz": ARCHIVE})
    message.unlink()
    arguments = ["--model", str(tmp_path / "model"), "--output", str(tmp_path / "out")]
    assert mims_payload.command(arguments) == 0
    assert not message.exists()


@pytest.mark.parametrize("defect", [ValueError("secret"), RecursionError(), KeyError("secret")])
def test_a_defect_is_one_line_too_and_shows_no_value(
    defect: Exception,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: Any) -> None:
        raise defect

    monkeypatch.setattr(making, "generate_from", fail)
    lay(tmp_path, {"model.tar.gz": ARCHIVE})
    line = failed("--model", str(tmp_path), "--output", str(tmp_path / "out"), capsys=capsys)
    assert line.startswith(f"InternalError: {type(defect).__name__} in ")
    assert line.count("\n") == 1
    assert "secret" not in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("archive", "error"),
    [
        (ARCHIVE[:90], CorruptArchiveError),
        (b"", CorruptArchiveError),
        (NO_FILE, HyperparametersNotFoundError),
        (None, ModelNotFoundError),
    ],
)
def test_the_errors_of_main(
    archive: Optional[bytes], error: type[PayloadError], tmp_path: Path
) -> None:
    files = {} if archive is None else {"model.tar.gz": archive}
    with pytest.raises(error):
        make(lay(tmp_path / "model", files), tmp_path / "out")
    assert not (tmp_path / "out").exists()
