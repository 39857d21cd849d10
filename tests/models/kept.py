"""The archives of trained models that are kept here, unpacked as in a model container."""

from __future__ import annotations

import importlib.util
import tarfile
from pathlib import Path
from types import ModuleType

ARCHIVES = Path(__file__).resolve().parent / "archives"
NAMES = sorted(path.parent.name for path in ARCHIVES.glob("*/model.tar.gz"))


def archive(name: str) -> Path:
    return ARCHIVES / name / "model.tar.gz"


def extracted(name: str, folder: Path) -> Path:
    with tarfile.open(archive(name)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def handler(folder: Path) -> ModuleType:
    """Load a model's `code/inference.py`, as its container does."""
    spec = importlib.util.spec_from_file_location("inference", folder / "code" / "inference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
