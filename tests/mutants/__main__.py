"""Makes each mutation in a copy of the tree, and has its tests fail; as the code is, all must pass.

`python -m tests.mutants` ends with 0 where every mutation was seen by every test that it names.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Iterable, List, Optional

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
TESTS_FAILED = 1  # pytest's exit status; the others mean that no test could tell
PYTEST = ("-m", "pytest", "-qx", "-pno:cacheprovider", "--hypothesis-profile=mutants")
AT_ONCE = 2
WITHIN = 300  # seconds for each


def main() -> int:
    """Return the exit status: 0 where each mutation was seen."""
    started = time.monotonic()
    named = sorted({test for mutation in MUTATIONS for test in mutation.tests})
    failure = run_unmutated(named)
    if failure:
        print(f"{failure}\nerror: the tests fail without any mutation", file=sys.stderr)
        return 1
    with ThreadPoolExecutor(AT_ONCE) as pool:
        faults = list(pool.map(judge, MUTATIONS))
    for mutation, fault in zip(MUTATIONS, faults):
        print(f"{'SURVIVED' if fault else 'seen':8}  {mutation.what}")
        if fault:
            print(fault, file=sys.stderr)
    survived = sum(fault is not None for fault in faults)
    print(f"{len(MUTATIONS)} mutants, {survived} survived, {time.monotonic() - started:.0f} s")
    return 1 if survived else 0


def run_unmutated(tests: Iterable[str]) -> Optional[str]:
    """Return what pytest said of tests that fail in the tree as it is."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy_tree(Path(folder))
        done = run_tests(Path(folder), tests)
    return None if done.returncode == 0 else done.stdout


def judge(mutation: Mutation) -> Optional[str]:
    """Return which of the mutation's tests did not fail, and how they ended."""
    faults: List[str] = []
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy_tree(Path(folder))
        mutate(Path(folder), mutation)
        for test in mutation.tests:
            done = run_tests(Path(folder), [test])
            if done.returncode != TESTS_FAILED:
                faults.append(f"{test} did not fail (exit {done.returncode}):\n{done.stdout}")
    return "\n".join(faults) or None


def copy_tree(folder: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "models")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)


def mutate(folder: Path, mutation: Mutation) -> None:
    """Make the change.

    Raises
    ------
    ValueError
        The text to be changed stands there not exactly once: the code has moved on.
    """
    file = folder / mutation.file
    text = file.read_text()
    if text.count(mutation.old) != 1:
        raise ValueError(
            f"'{mutation.what}': {mutation.file} holds {text.count(mutation.old)} times, not once, "
            f"the text\n{mutation.old}"
        )
    file.write_text(text.replace(mutation.old, mutation.new))


def run_tests(folder: Path, tests: Iterable[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *PYTEST, *tests],
        cwd=folder,
        env={**os.environ, "CI": "true", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WITHIN,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
