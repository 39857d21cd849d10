"""Model folder → `model.tar.gz`, in the dialects that training jobs and repacking tools write."""

from __future__ import annotations

import gzip
import os
import subprocess
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

# The modification time of every file of a model: 2026-01-15 08:30:00 UTC.
MODIFIED = 1768465800
# The fraction of a second that a file system keeps, in nanoseconds. Python's PAX archives keep it.
FRACTION = 483_729_100


def settle(folder: Path, nanoseconds: int = 0) -> None:
    """Give everything in a folder the same modification time, and modes that ignore the umask."""
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        modified = MODIFIED * 10**9 + nanoseconds
        os.utime(path, ns=(modified, modified))


def pack_with_gnu_tar(folder: Path, archive: Path) -> None:
    """Pack by `tar -czf model.tar.gz -C folder .`: GNU headers, a root entry, names in `./`."""
    settle(folder)
    command = ["tar", "--format=gnu", "--sort=name", "--owner=root:0", "--group=root:0"]
    command += ["--use-compress-program=gzip -n", "-cf", str(archive), "-C", str(folder), "."]
    subprocess.run(command, check=True)


def pack_with_old_python(folder: Path, archive: Path) -> None:
    """Pack by Python's tarfile before 3.8: GNU headers, bare names, the model first.

    `sagemaker.utils.create_tar_file` packs a folder like this in local mode, in the order of
    `os.listdir`, which can be any; in reverse order, the wanted file comes after the model.
    """
    settle(folder)
    with _gzip(archive) as file, _tar(file, tarfile.GNU_FORMAT) as tar:
        for name in sorted(os.listdir(folder), reverse=True):
            tar.add(folder / name, arcname=name, filter=_owned_by_root)


def pack_as_sdk_repack(folder: Path, archive: Path) -> None:
    """Pack like `sagemaker.utils.repack_model`: `add(folder, arcname="/")`, a nameless root entry.

    The newly copied files in `code/` come before `hyperparameters.json`. tarfile writes each
    modification time as a PAX record, even if it was a whole second in the first archive.
    Source: https://github.com/aws/sagemaker-python-sdk/blob/00439b82a35f5e226436f1638b17a3ff72df94d6/src/sagemaker/utils.py
    """
    settle(folder)
    settle(folder / "code", FRACTION)
    with _gzip(archive, "temp-model.tar") as file, _tar(file, tarfile.PAX_FORMAT) as tar:
        tar.add(folder, arcname=os.path.sep, filter=_owned_by_root)


def pack_with_python(folder: Path, archive: Path) -> None:
    """Pack by Python's tarfile since 3.8: PAX records for fractional times and long names."""
    settle(folder, FRACTION)
    with _gzip(archive) as file, _tar(file, tarfile.PAX_FORMAT) as tar:
        for name in sorted(os.listdir(folder)):
            tar.add(folder / name, arcname=name, filter=_owned_by_root)


@contextmanager
def _gzip(archive: Path, tar_name: str = "model.tar") -> Iterator[gzip.GzipFile]:
    """Open a gzip file as `tarfile.open(path, "w:gz")` does: with name and time, at level 9."""
    with open(archive, "wb") as raw, gzip.GzipFile(tar_name, "wb", 9, raw, MODIFIED) as file:
        yield file


def _tar(file: gzip.GzipFile, dialect: int) -> tarfile.TarFile:
    return tarfile.open(fileobj=file, mode="w", format=dialect, dereference=True)


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
