"""The wheel: what is in it, and that it works in new environments, without a network."""

from __future__ import annotations

import email
import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from mims.version import VERSION

from tests.functional.test_interpreters import ROOT, VERSIONS, interpreter
from tests.models import kept

ELSEWHERE = {"PATH": os.defpath}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built by the backend that pyproject.toml names."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed; requirements/dev.txt has it")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_it_contains_only_the_core_the_command_and_the_pipeline_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
        information = f"mims_payload-{VERSION}.dist-info"
        metadata = email.message_from_bytes(files.read(f"{information}/METADATA"))
        entry_points = files.read(f"{information}/entry_points.txt").decode()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"mims", "mims_payload.py", "mims_pipeline", information}
    for package, folder in (("mims", "lambda_fn/mims"), ("mims_pipeline", "mims_pipeline")):
        expected = {
            path.relative_to(ROOT / folder.rpartition("/")[0]).as_posix()
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert {name for name in names if name.startswith(f"{package}/")} == expected
    assert (metadata["Name"], metadata["Version"]) == ("mims-payload", VERSION)
    assert metadata["Requires-Python"] == ">=3.8"
    assert metadata.get_all("Provides-Extra") == ["aws", "pipeline"]
    required = metadata.get_all("Requires-Dist") or []
    assert [distribution for distribution in required if "extra ==" not in distribution] == []
    assert "mims-payload = mims_payload:script" in entry_points


# Without the extra `pipeline` (boto3), requests cannot be made, but contracts and archives checked.
PROGRAM = """
import sys
import mims_payload
from mims_pipeline.archives import validate_model_archive, validate_payload_archive
from mims_pipeline.contracts import MIMS_PAYLOAD_CONTRACT
from mims_pipeline.steps import PayloadConfig

script = PayloadConfig.source_folder / "mims_payload.py"
assert script.samefile(mims_payload.__file__)
assert MIMS_PAYLOAD_CONTRACT.validate_implementation(script).is_valid
assert validate_model_archive(sys.argv[1]).is_valid
assert validate_payload_archive(sys.argv[2]).is_valid
"""


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_it_runs_in_a_fresh_environment_of_the_oldest_and_newest_python(
    version: str, wheel: Path, tmp_path: Path
) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"Python {version} is not on this machine")
    programs = tmp_path / "environment" / "bin"

    def run(*command: object) -> str:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path,
            env=ELSEWHERE,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        return done.stdout

    run(python, "-m", "venv", tmp_path / "environment")
    pip = (programs / "python", "-m", "pip", "--isolated", "--disable-pip-version-check", "-q")
    run(*pip, "install", "--no-index", wheel)

    assert run(programs / "mims-payload", "--version") == f"mims-payload {VERSION}\n"
    model = kept.archive("xgboost")
    body = run(programs / "mims-payload", model, "--recipe", "auto", "--show")
    assert body.startswith("0.0,0.0,")
    run(programs / "mims-payload", model, "-o", "out")
    checked = run(programs / "mims-payload", "--check", "out/payload.tar.gz")
    assert checked.startswith("The payload archive is valid")
    run(programs / "python", "-c", PROGRAM, model, tmp_path / "out" / "payload.tar.gz")
