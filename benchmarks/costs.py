"""An estimate of what a thousand models cost in Lambda, by archive size and the member's position.

It is made from CPU seconds measured here, over TLS as S3 is read, and published prices. The
function has the share of a processor that comes with its memory, and one connection to S3 gives it
75 MB/s: the slower of the two determines how long it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.archives import FIRST, FLOAT, JSON, LAST, MIDDLE, POSITIONS, archive_name
from benchmarks.measure import Bench, Taken
from benchmarks.server import PACE
from mims_pipeline.backfill_cost import (
    GETS_PER_MODEL,
    LAMBDA_GB_SECOND,
    LAMBDA_REQUESTS_PER_MILLION,
    PUTS_PER_MODEL,
    S3_GET_PER_THOUSAND,
    S3_PUT_PER_THOUSAND,
)

MEMORY_MB = 512
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MB_OF_ONE_PROCESSOR = 1769
_MODELS = 1000
_WORDS = {FLOAT: "float weights", JSON: "XGBoost JSON"}
_TIMES = (0.1, 1, 10)  # the size of the archives measured
_READ = {FIRST: 0.0, MIDDLE: 0.5, LAST: 1.0}  # which part of an archive is read


def measure_costs(over_tls: Bench) -> dict[tuple[str, str], Taken]:
    """Measure what the estimate is based on: kind and position → what a run takes."""
    return {
        (kind, position): over_tls.take(["ours"], archive_name(kind, position))["ours"]
        for kind in (FLOAT, JSON)
        for position in POSITIONS
    }


def cost_table(measured: Mapping[tuple[str, str], Taken], folder: Path) -> str:
    """Return the estimate as Markdown."""
    requests = _MODELS * (
        LAMBDA_REQUESTS_PER_MILLION / 1e6
        + GETS_PER_MODEL * S3_GET_PER_THOUSAND / 1e3
        + PUTS_PER_MODEL * S3_PUT_PER_THOUSAND / 1e3
    )
    lines = [
        f"A thousand models at {MEMORY_MB} MB; of the dollars {requests:.4f} are for requests:",
        "",
        "| archive | member | CPU seconds | seconds at 75 MB/s | seconds | GB-seconds | dollars |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, words in _WORDS.items():
        size = (folder / archive_name(kind, LAST)).stat().st_size
        least = measured[kind, FIRST].cpu
        for times in _TIMES:
            for position in POSITIONS:
                cpu = least + times * (measured[kind, position].cpu - least)
                network = times * size * _READ[position] / PACE
                seconds = max(cpu * MB_OF_ONE_PROCESSOR / MEMORY_MB, network)
                spent = _MODELS * seconds * MEMORY_MB / 1024
                dollars = requests + spent * LAMBDA_GB_SECOND
                lines.append(
                    f"| {times * size / 1e9:.2g} GB, {words} | {position} | {cpu:.2f} "
                    f"| {network:.1f} | {seconds:.2f} | {spent:,.0f} | {dollars:.3f} |"
                )
    return "\n".join(lines)
