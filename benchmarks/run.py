"""`scripts/bench`: all measurements of speed, and a table of them."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from benchmarks.archives import FULL, QUICK, make_archives
from benchmarks.costs import cost_table, measure_costs
from benchmarks.measure import ROOT, Bench
from benchmarks.rows import Row, measure_rows, seconds_chart, seconds_table
from benchmarks.server import make_certificate, serving

_MARKS = {True: "✓", False: "✗", None: ""}
_PACKAGES = ("boto3", "isal", "aws-lambda-powertools", "smart_open", "urllib3")


def main() -> None:
    """Make the archives, measure everything in turn; print a Markdown table, draw a chart."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=main.__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="128 MiB and 6,000 files, not 1 GiB and 100,000"
    )
    parser.add_argument("--repeats", type=int, help="trials of each measurement (5; quick: 1)")
    parser.add_argument(
        "--cache", type=Path, default=ROOT / ".cache" / "bench", help="where the archives are kept"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "bench.json")
    parser.add_argument(
        "--chart", type=Path, default=ROOT / "out" / "speed.svg", help="where the chart goes"
    )
    parser.add_argument(
        "--draw", action="store_true", help="only draw the chart of the trials stored in --out"
    )
    options = parser.parse_args()
    if options.draw:
        options.chart.write_text(seconds_chart(json.loads(options.out.read_text())["trials"]))
        return
    cache: Path = options.cache.resolve()
    started = time.monotonic()
    folder = make_archives(cache, QUICK if options.quick else FULL)
    certificate = make_certificate(cache)
    with serving(folder) as url, serving(folder, certificate) as secure_url:
        bench = Bench(folder, cache, url, options.repeats or (1 if options.quick else 5))
        over_tls = replace(
            bench,
            url=secure_url,
            certificate=certificate,
            repeats=(1 + bench.repeats) // 2,  # enough for an estimate
            trials=[],
        )
        rows = list(measure_rows(bench))
        costs = measure_costs(over_tls)
    machine = describe_machine()
    print(f"{folder.name}, median of {bench.repeats}, {time.monotonic() - started:.0f} s")
    print(", ".join(f"{name} {value}" for name, value in machine.items()), end="\n\n")
    print(table(rows), seconds_table(bench), cost_table(costs, folder), sep="\n\n")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(
        json.dumps(
            {
                "archives": folder.name,
                "machine": machine,
                "rows": [row._asdict() for row in rows],
                "trials": bench.trials,
                "trials_over_tls": over_tls.trials,
            },
            indent=1,
        )
    )
    options.chart.write_text(seconds_chart(bench.trials))


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    lines = ["| what | reach | measured | |", "|---|---|---|---|"]
    lines += [
        f"| {what} | {reach} | {measured} | {_MARKS[reached]} |"
        for what, reach, measured, reached in rows
    ]
    return "\n".join(lines)


def describe_machine() -> dict[str, str]:
    """Return the properties of this machine that the figures depend on."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


if __name__ == "__main__":
    main()
