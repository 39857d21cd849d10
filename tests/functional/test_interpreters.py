"""The Processing job script runs under every Python from 3.8 on, with only its own folder.

Neither the interpreter nor its installed packages make a difference: the payload's members are the
same bytes. Interpreters that are not on this machine are skipped.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import mims_payload
import pytest

from tests.archives import unpacked
from tests.models import kept

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13"]
# What csv, json and float formatting might do differently in another version.
SETTINGS = {
    "CONTENT_TYPES": "application/json, application/json; format=inputs, application/jsonlines, "
    "text/csv, text/csv; header=absent",
    "SAMPLE_COUNT": "3",
    "DEFAULT_NUMERIC_VALUE": "1e-7",
    "DEFAULT_TEXT_VALUE": 'a "quoted", text\rof\ntwo lines; ü, \u2028, 🎈',
    "REALISTIC_VALUES": "true",
}


@functools.lru_cache(maxsize=None)
def interpreter(version: str) -> str | None:
    """Return the path of a Python of that version: one on the path, or one of pyenv's."""
    candidates = [shutil.which(f"python{version}")]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates += sorted(map(str, pyenv.glob(f"versions/{version}.*/bin/python")), reverse=True)
    for candidate in filter(None, candidates):
        program = "import sys; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run(
            [candidate, "-c", program], capture_output=True, text=True, check=False
        )
        if done.stdout.strip() == version:
            return candidate
    return None


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the function's folder, as a Processing job gets it."""
    copy = tmp_path_factory.mktemp("job") / "code"
    shutil.copytree(ROOT / "lambda_fn", copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.mark.parametrize("model", kept.NAMES)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_interpreter_makes_the_same_members(
    version: str, model: str, code: Path, tmp_path: Path
) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"Python {version} is not on this machine")
    archive = kept.archive(model)
    expected = mims_payload.main(
        {"model_input": str(archive)}, {"payload_sample": str(tmp_path / "here")}, SETTINGS
    )

    # -S, -E, -s: no installed packages, none of Python's variables, no folder of the user's.
    isolated = [python, "-S", "-E", "-s"]
    paths = ["--model", str(archive), "--output", str(tmp_path / "there")]
    done = subprocess.run(
        [*isolated, str(code / "mims_payload.py"), *paths],
        cwd=tmp_path,
        env=SETTINGS,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    made = (tmp_path / "there" / "payload.tar.gz").read_bytes()
    assert unpacked(made) == unpacked(Path(expected).read_bytes())
