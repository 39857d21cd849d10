"""Measurements in new processes, in turn; seconds and ratios are medians of the trials."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.trial import Measured

ROOT = Path(__file__).resolve().parent.parent
# Ours with zlib, as if isal were not installed.
WITHOUT_ISAL = "ours_without_isal"


class Taken(NamedTuple):
    """The medians of a way's trials: wall and processor seconds, MiB, and a run's own figures."""

    wall: float
    cpu: float
    memory: float
    requests: float
    bytes_read: float


@dataclass
class Bench:
    """Runs trials on the archives of `folder`, served at `url`, and keeps their results."""

    folder: Path
    cache: Path
    url: str
    repeats: int
    certificate: Path | None = None
    trials: list[dict[str, Any]] = field(default_factory=list)

    def take(self, ways: Sequence[str], key: str) -> dict[str, Taken]:
        """Measure these ways to read one archive, in turn."""
        print(f"  {key}: {', '.join(ways)}", file=sys.stderr)
        for _ in range(self.repeats):
            for way in ways:
                taken = Measured(**self._try(way, key))
                self.trials.append({"way": way, "key": key, **taken._asdict()})
        return {way: self.taken(way, key) for way in ways}

    def taken(self, way: str, key: str) -> Taken:
        """Return what this way to read that archive took, when it was measured."""
        return Taken(*map(median, zip(*self._trials_of(way, key))))

    def ratio(self, way: str, other: str, key: str) -> float:
        """Return the ratio of this way's wall seconds to those of another way on that archive.

        It is the median of the ratios of all turns: if other processes slow the processor down for
        a while, that affects both ways of a turn.
        """
        turns = zip(self._trials_of(way, key), self._trials_of(other, key))
        return median(ours.wall / others.wall for ours, others in turns)

    def take_modules(self, commands: Sequence[Sequence[str]]) -> list[Any]:
        """Run these modules of the benchmarks in turn, and return a list of what each printed."""
        names = [" ".join(command) for command in commands]
        print(f"  {', '.join(names)}", file=sys.stderr)
        printed: list[list[Any]] = [[] for _ in commands]
        for trial in range(1 + self.repeats):
            for name, command, results in zip(names, commands, printed):
                result = self._run(command)
                if trial:  # the first one writes Python's bytecode cache
                    results.append(result)
                    self.trials.append({"way": name, "printed": result})
        return printed

    def _trials_of(self, way: str, key: str) -> list[Measured]:
        return [
            Measured(*(trial[figure] for figure in Measured._fields))
            for trial in self.trials
            if (trial["way"], trial.get("key")) == (way, key)
        ]

    def _try(self, way: str, key: str) -> Any:
        command = ["benchmarks.trial", way, key, "--folder", str(self.folder)]
        if way == WITHOUT_ISAL:
            command[1] = "ours"
            command.append("--without-isal")
        return self._run(command)

    def _run(self, command: Sequence[str]) -> Any:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.cache),  # the user's own configuration is not read
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'lambda_fn'}",
            "PYTHONPYCACHEPREFIX": str(self.cache / "pycache"),
            "TMPDIR": str(self.cache),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "benchmarks",
            "AWS_SECRET_ACCESS_KEY": "benchmarks",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            **({"AWS_CA_BUNDLE": str(self.certificate)} if self.certificate else {}),
        }
        done = subprocess.run(
            [sys.executable, "-m", *command],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return json.loads(done.stdout.splitlines()[-1])
