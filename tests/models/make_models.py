"""Train the models of `archives/`, and pack the folders that their training jobs leave.

Run from the project's root, with the packages of `requirements/models.txt` and `torch.txt`
and GNU tar: `python -m tests.models.make_models`.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Callable, NamedTuple

from tests.models.packing import (
    pack_as_sdk_repack,
    pack_with_gnu_tar,
    pack_with_old_python,
    pack_with_python,
)
from tests.models.training import (
    lightgbm_churn,
    pytorch_disputes,
    sklearn_invoices,
    xgboost_returns,
)

HERE = Path(__file__).resolve().parent


class Job(NamedTuple):
    """A training job: a function that trains a model in a folder, and one that packs the folder."""

    train: Callable[[Path], None]
    pack: Callable[[Path, Path], None]


JOBS = {
    "xgboost": Job(xgboost_returns.train, pack_with_gnu_tar),
    "lightgbm": Job(lightgbm_churn.train, pack_with_old_python),
    "sklearn": Job(sklearn_invoices.train, pack_as_sdk_repack),
    "pytorch": Job(pytorch_disputes.train, pack_with_python),
}


def main() -> None:
    """Make every archive, and print its size in bytes and its SHA-256."""
    parser = argparse.ArgumentParser(description="Train the small real models and pack them.")
    parser.add_argument("--out", type=Path, default=HERE / "archives", help="folder to write to")
    out: Path = parser.parse_args().out
    for name, job in JOBS.items():
        archive = out / name / "model.tar.gz"
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            job.train(Path(folder))
            serving = HERE / "serving" / name
            if serving.is_dir():
                shutil.copytree(
                    serving, Path(folder) / "code", ignore=shutil.ignore_patterns("__pycache__")
                )
            job.pack(Path(folder), archive)
        content = archive.read_bytes()
        print(f"{name:10} {len(content):7,} bytes  {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
