"""Makes each mutation in a copy of the tree, and has its tests fail; as the code is, all must pass.

`python -m tests.mutants` ends with 0 where every mutation was seen by every test that it names.
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
    """Return the exit status: 0 where each mutation was seen."""
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
        print(f"{'SURVIVED' if fault else 'seen':8}  {mutation.what}")
        if fault:
            print(fault, file=sys.stderr)
    survived = sum(fault is not None for fault in faults)
    print(f"{len(MUTATIONS)} mutants, {survived} survived, {time.monotonic() - started:.0f} s")
    return 1 if survived else 0


def judge(unmutated: Path, mutation: Mutation) -> Optional[str]:
    """Return which of the mutation's tests did not fail, and what pytest said."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy_tree(unmutated, Path(folder))
        mutate(Path(folder), mutation)
        done = run_tests(Path(folder), mutation.tests)
    passed = [test for test in mutation.tests if not has_failed(test, done.stdout)]
    if not passed:
        return None
    return f"{', '.join(passed)} did not fail (exit {done.returncode}):\n{done.stdout}"


def has_failed(test: str, output: str) -> bool:
    """Tell whether pytest's summary names the test, or one of its cases, as failed."""
    return re.search(rf"^FAILED {re.escape(test)}(\[| |$)", output, re.MULTILINE) is not None


def copy_tree(source: Path, folder: Path) -> None:
    """Copy what the tests need, with the bytecode that an earlier run left."""
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
