"""What a backfill costs and how long it takes, from its size and AWS's published prices.

Prices are those of US East (N. Virginia) in US dollars, as published in October 2026, without free
tiers and discounts. Other regions differ, and prices change: see the pages named with them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Dict, List

# https://aws.amazon.com/s3/pricing/ (Management & insights: S3 Batch Operations)
BATCH_JOB = 0.25
BATCH_OBJECTS_PER_MILLION = 1.00
BATCH_LISTED_PER_MILLION = 0.015  # of the source bucket, whether they match or not
# https://aws.amazon.com/s3/pricing/ (Storage & requests: S3 Standard)
S3_PUT_PER_THOUSAND = 0.005
S3_GET_PER_THOUSAND = 0.0004
# https://aws.amazon.com/lambda/pricing/ (Arm, first tier)
LAMBDA_REQUESTS_PER_MILLION = 0.20
LAMBDA_GB_SECOND = 0.0000133334
# https://aws.amazon.com/cloudwatch/pricing/ (Logs, ingestion)
LOGS_PER_GB = 0.50

# The requests of one run to S3: HEAD the payload, GET the model's beginning and, if that is not
# enough, its rest, PUT the payload, HEAD the model.
GETS_PER_MODEL = 4
PUTS_PER_MODEL = 1
# About 1,300 measured for the function's own lines, besides Lambda's START, END and REPORT.
LOG_BYTES_PER_MODEL = 2_000


@dataclass(frozen=True)
class Estimate:
    """Dollars by what they are spent on, and seconds from the first model to the last."""

    costs: Dict[str, float]
    seconds: float

    @property
    def total(self) -> float:
        """All dollars together."""
        return math.fsum(self.costs.values())

    def lines(self) -> List[str]:
        """Return the lines of the estimate: one for each cost, their sum, and the time."""
        width = max(len(name) for name in self.costs)
        lines = [f"  {name:<{width}}  ${cost:>12,.4f}" for name, cost in self.costs.items()]
        lines.append(f"  {'in all':<{width}}  ${self.total:>12,.4f}")
        hours, rest = divmod(round(self.seconds), 3600)
        lines.append(f"  at least {hours} h {rest // 60:02} min {rest % 60:02} s")
        return lines


def estimate(
    *, models: int, objects: int, seconds: float, memory_mb: int, concurrency: int
) -> Estimate:
    """Return what it takes to make payloads for `models` models, none of which has one yet.

    Parameters
    ----------
    models, objects
        The number of models, and of the objects in the whole bucket, which S3 lists.
    seconds, memory_mb
        The time that the function needs for one model, on average, and its memory.
    concurrency
        The number of models at a time.
    """
    gb_seconds = models * seconds * memory_mb / 1024
    return Estimate(
        costs={
            "Batch Operations, the job": BATCH_JOB,
            "Batch Operations, listing": objects / 1e6 * BATCH_LISTED_PER_MILLION,
            "Batch Operations, objects": models / 1e6 * BATCH_OBJECTS_PER_MILLION,
            "Lambda, requests": models / 1e6 * LAMBDA_REQUESTS_PER_MILLION,
            "Lambda, GB-seconds": gb_seconds * LAMBDA_GB_SECOND,
            "S3, reads": models * GETS_PER_MODEL / 1e3 * S3_GET_PER_THOUSAND,
            "S3, writes": models * PUTS_PER_MODEL / 1e3 * S3_PUT_PER_THOUSAND,
            "CloudWatch Logs": models * LOG_BYTES_PER_MODEL / 1e9 * LOGS_PER_GB,
        },
        seconds=math.ceil(models / concurrency) * seconds,
    )
