"""The command in its own process, and models for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import mims_payload
import pytest

from tests.archives import END, NAME, gz, member

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "lambda_fn" / "mims_payload.py"
LISTED = b'{"tab_field_list": ["age", "income"], "cat_field_list": ["country"]}'
SETTINGS_IN_MODEL = (
    b'{"tab_field_list": ["age"], "payload_settings": {"content_types": "text/csv"}}'
)


# The part of the environment that is kept: no settings, no accounts, but how coverage is measured.
KEPT = {name: os.environ[name] for name in os.environ if name.startswith(("PATH", "COVERAGE"))}

# Takes the superuser's privileges away, so that permissions apply to it too.
_UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]

needs_no_privilege = pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None,
    reason="the superuser may do everything, and there is no setpriv to take that away",
)


def command(
    *arguments: str,
    folder: Path,
    stdin: Any = None,
    unprivileged: bool = False,
    **environment: Any,
) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a folder, with only that environment."""
    prefix = _UNPRIVILEGED if unprivileged and os.geteuid() == 0 else []
    return subprocess.run(
        [*prefix, sys.executable, "-B", str(SCRIPT), *arguments],
        cwd=folder,
        env={**KEPT, **environment},
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        timeout=60,
        check=False,
    )


def lay_models(folder: Path) -> Path:
    """Write a model to the folder in each form that the command accepts, and a payload."""
    archive = gz(member("weights", bytes(3000)) + member(NAME, LISTED) + END)
    (folder / "model.tar.gz").write_bytes(archive)
    (folder / "churn.tgz").write_bytes(archive)
    (folder / "with_settings.tar.gz").write_bytes(gz(member(NAME, SETTINGS_IN_MODEL)))
    (folder / "nameless.tar.gz").write_bytes(gz(member("weights", b"x") + END))
    (folder / "cut.tar.gz").write_bytes(archive[:60])
    (folder / "loose").mkdir()
    (folder / "loose" / NAME).write_bytes(LISTED)
    (folder / "packed").mkdir()
    (folder / "packed" / "model.tar.gz").write_bytes(archive)
    shutil.copytree(folder / "packed", folder / "in_folder" / "model.tar.gz")
    (folder / "unpacked").mkdir()
    with tarfile.open(ROOT / "tests/models/archives/xgboost/model.tar.gz") as tar:
        for name in ("xgboost_model.ubj", "feature_columns.txt"):
            content = tar.extractfile(f"./{name}")
            assert content is not None
            (folder / "unpacked" / name).write_bytes(content.read())
    (folder / "empty").mkdir()
    (folder / "settings.json").write_text('{"content_types": ["text/csv"], "sample_count": 2}')
    (folder / "unknown.json").write_text('{"content_type": "text/csv"}')
    (folder / "variables.json").write_text('{"PAYLOAD_LAYOUT": "flat"}')
    (folder / "list.json").write_text("[]")
    (folder / "bad_value.json").write_text('{"sample_count": 0}')
    payload = mims_payload.main(
        {"model_input": str(folder / "model.tar.gz")},
        {"payload_sample": str(folder / "made")},
        {"CONTENT_TYPES": "text/csv, application/json"},
    )
    whole = Path(payload).read_bytes()
    (folder / "made" / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    return folder
