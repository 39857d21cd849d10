"""Makes each mutation in a copy of the tree, and expects its tests to fail.

Without mutations, all of these tests must pass. `python -m tests.mutants` exits with 0 if every
mutation made each of its tests fail.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Iterable, Optional

from tests.mutants.mutations import MUTATIONS, Mutation

ROOT = Path(__file__).parents[2]
COPIED = (
    "lambda_fn",
    "local",
    "mims_pipeline",
    "events",
    "tests",
    "template.yaml",
    "pyproject.toml",
)
PYTEST = ("-m", "pytest", "-q", "-rf", "-pno:cacheprovider", "--hypothesis-profile=mutants")
AT_ONCE = 2
WITHIN = 1200  # seconds for each that hangs; all of them together take 15


def main() -> int:
    """Return the exit status: 0 if the tests noticed each mutation."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="unmutated-") as folder:
        unmutated = Path(folder)
        copy_tree(ROOT, unmutated)
        named = sorted({test for mutation in MUTATIONS for test in mutation.tests})
        done = run_tests(unmutated, named)
        if done.returncode != 0:
            print(f"{done.stdout}\nerror: the tests fail without any mutation", file=sys.stderr)
            return 1
        with ThreadPoolExecutor(AT_ONCE) as pool:
            faults = list(pool.map(partial(judge, unmutated), MUTATIONS))
    for mutation, fault in zip(MUTATIONS, faults):
        print(f"{'SURVIVED' if fault else 'seen':8}  {mutation.description}")
        if fault:
            print(fault, file=sys.stderr)
    survived = sum(fault is not None for fault in faults)
    print(f"{len(MUTATIONS)} mutants, {survived} survived, {time.monotonic() - started:.0f} s")
    return 1 if survived else 0


def judge(unmutated: Path, mutation: Mutation) -> Optional[str]:
    """Return which of the mutation's tests passed, with pytest's output; `None` if all failed."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy_tree(unmutated, Path(folder))
        mutate(Path(folder), mutation)
        done = run_tests(Path(folder), mutation.tests)
    passed = [test for test in mutation.tests if not has_failed(test, done.stdout)]
    if not passed:
        return None
    return f"{', '.join(passed)} did not fail (exit {done.returncode}):\n{done.stdout}"


def has_failed(test: str, output: str) -> bool:
    """Say whether pytest's summary lists the test, or one of its cases, as failed."""
    return re.search(rf"^FAILED {re.escape(test)}(\[| |$)", output, re.MULTILINE) is not None


def copy_tree(source: Path, folder: Path) -> None:
    """Copy what the tests need, including the bytecode of an earlier run."""
    for name in COPIED:
        if (source / name).is_dir():
            ignored = shutil.ignore_patterns("models")
            shutil.copytree(source / name, folder / name, ignore=ignored)
        else:
            shutil.copy(source / name, folder / name)


def mutate(folder: Path, mutation: Mutation) -> None:
    """Make the change.

    Raises
    ------
    ValueError
        The text to change is not there exactly once: the code has changed.
    """
    file = folder / mutation.file
    text = file.read_text()
    if text.count(mutation.old) != 1:
        raise ValueError(
            f"'{mutation.description}': {mutation.file} has this text {text.count(mutation.old)} "
            f"times, not once:\n{mutation.old}"
        )
    file.write_text(text.replace(mutation.old, mutation.new))


def run_tests(folder: Path, tests: Iterable[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *PYTEST, *tests],
        cwd=folder,
        env={**os.environ, "CI": "true"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WITHIN,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
