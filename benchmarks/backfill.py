"""A backfill on this machine: what it takes to make payloads for existing models.

    python -m benchmarks.backfill [--models N] [--seed N]

A seeded mix of model archives is on a real S3 server on loopback. Two processes, each with the real
handler as in a sandbox of Lambda, get the events of an S3 Batch Operations job, with one task each.
A second pass over the same models finds all payloads up to date. The cost in AWS is an estimate
from the figures measured here and published prices.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import multiprocessing
import os
import platform
import random
import sys
import tarfile
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import fmean as mean
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote_plus

from benchmarks.archives import MIB, POSITIONS, hyperparameters
from local.lambda_function import TASK_ROOT
from local.s3_server import S3Server, running_s3_server
from mims_pipeline.backfill_cost import (
    GETS_PER_MODEL,
    LOG_BYTES_PER_MODEL,
    PUTS_PER_MODEL,
    Estimate,
    estimate,
)

WORKERS = 2
MAX_MODELS = 5_000
BUCKET = "models"
# Assumed shares in percent: most models are small, and most archives have the wanted file early.
NESTED = "nested"
POSITION_SHARES = dict(zip((*POSITIONS, NESTED), (45, 15, 30, 10)))
SIZE_SHARES = {MIB // 16: 30, MIB // 4: 20, MIB: 20, 4 * MIB: 15, 16 * MIB: 10, 32 * MIB: 5}

MEMORY_MB = 512  # as in template.yaml
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MB_OF_ONE_PROCESSOR = 1_769
# The middle of "latencies of roughly 100-200 milliseconds" until the first byte:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
S3_ANSWER_SECONDS = 0.15
MILLION = 1_000_000


@dataclass(frozen=True)
class Archive:
    """Where hyperparameters.json is in an archive, and the size of its weights in bytes."""

    position: str
    weights: int


@dataclass(frozen=True)
class Measured:
    """What one invocation took: `seconds` of wall time, `processor` seconds of all threads."""

    key: str
    status: str
    seconds: float
    processor: float
    reads: int
    writes: int
    bytes_read: int
    log_bytes: int
    peak_mib: float


def draw(models: int, seed: int) -> dict[str, Archive]:
    """Return the models of a backfill: key → archive."""
    chance = random.Random(seed)
    positions = chance.choices([*POSITION_SHARES], [*POSITION_SHARES.values()], k=models)
    sizes = chance.choices([*SIZE_SHARES], [*SIZE_SHARES.values()], k=models)
    return {
        f"team-{number % 7}/job+{number}/output/model.tar.gz": Archive(position, size)
        for number, (position, size) in enumerate(zip(positions, sizes))
    }


def pack(archive: Archive) -> bytes:
    """Return the archive's bytes: weights in two files, and hyperparameters.json in its place."""
    chance = random.Random(archive.weights)
    # The same 64 KiB repeated: deflate looks back only 32, so it makes no difference.
    block = array("f", (chance.gauss(0, 0.02) for _ in range(MIB // 64))).tobytes()
    half = (block * (archive.weights // len(block) + 1))[: archive.weights // 2]
    members = [("model-1.safetensors", half), ("model-2.safetensors", half)]
    if archive.position == NESTED:  # known to be the right one only at the archive's end
        members.insert(0, ("output/hyperparameters.json", hyperparameters(40)))
    else:
        members.insert(
            POSITIONS.index(archive.position), ("hyperparameters.json", hyperparameters(40))
        )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=6) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def upload(server: S3Server, models: dict[str, Archive]) -> int:
    """Store every model; return how many bytes that were."""
    client = server.client()
    client.create_bucket(Bucket=BUCKET)
    packed = {archive: pack(archive) for archive in set(models.values())}
    for key, archive in models.items():
        client.put_object(Bucket=BUCKET, Key=key, Body=packed[archive])
    return sum(len(packed[archive]) for archive in models.values())


def batch_event(key: str) -> dict[str, Any]:
    """Return S3 Batch Operations' event for one object.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html
    """
    return {
        "invocationSchemaVersion": "2.0",
        "invocationId": "YXNkbGZqYWRmaiBhc2RmdW9hZHNmZGpmaGFzbGtkaGZza2RmaAo",
        "job": {"id": "f3cc4f60-61f6-4a2b-8a21-d07600c373ce", "userArguments": {}},
        "tasks": [
            {
                "taskId": "dGFza2lkZ29lc2hlcmUK",
                "s3Key": quote_plus(key, safe="/"),
                "s3VersionId": None,
                "s3Bucket": BUCKET,
            }
        ],
    }


def start_sandbox(environment: dict[str, str]) -> None:
    """Make this process one sandbox of the function, with its log in a temporary file."""
    os.environ.update(environment)
    log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
    os.dup2(log.fileno(), sys.stdout.fileno())
    import app  # noqa: F401 - as in Lambda, imported once, before the first event
    from mims.aws import s3

    s3.client().meta.events.register("before-send.s3", _count)


def invoke(key: str) -> Measured:
    """Call the handler for one model, and return what it took."""
    import app

    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000, aws_request_id="b")
    _sent.clear()
    log_start = os.lseek(1, 0, os.SEEK_END)
    started, processor = time.perf_counter(), time.process_time()
    answer = app.lambda_handler(batch_event(key), context)
    processor, seconds = time.process_time() - processor, time.perf_counter() - started
    sys.stdout.flush()
    log = os.pread(1, os.lseek(1, 0, os.SEEK_END) - log_start, log_start)
    lines = [json.loads(line) for line in log.splitlines()]
    (logged,) = (line for line in lines if line.get("model_s3_uri"))
    (result,) = answer["results"]
    if result["resultCode"] != "Succeeded":
        raise RuntimeError(f"{key}: {result['resultString']}")
    return Measured(
        key=key,
        status=json.loads(result["resultString"])["status"],
        seconds=seconds,
        processor=processor,
        reads=_sent["GET"] + _sent["HEAD"],
        writes=_sent["PUT"],
        bytes_read=logged["bytes_read"],
        log_bytes=len(log),
        peak_mib=_peak_mib(),
    )


_sent: Counter[str] = Counter()


def _count(request: Any, **_: Any) -> None:
    _sent[request.method] += 1


def _peak_mib() -> float:
    # Not by getrusage, whose peak is inherited from the parent process.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def in_aws(measured: Sequence[Measured]) -> tuple[float, Estimate]:
    """Return the seconds that Lambda would bill for one of these, and the cost of a million.

    Each takes its processor time, divided by the share of a processor that comes with the memory,
    and waits for S3 at each request. Reading and inflating overlap; with that share, inflating is
    slower.
    """
    processor = mean(each.processor for each in measured) * MB_OF_ONE_PROCESSOR / MEMORY_MB
    requests = mean(each.reads + each.writes for each in measured)
    seconds = processor + requests * S3_ANSWER_SECONDS
    million = estimate(
        models=MILLION, objects=MILLION, seconds=seconds, memory_mb=MEMORY_MB, concurrency=1_000
    )
    # Use what was measured instead of what the estimate assumes for every model.
    million.costs["S3, reads"] *= mean(each.reads for each in measured) / GETS_PER_MODEL
    million.costs["S3, writes"] *= mean(each.writes for each in measured) / PUTS_PER_MODEL
    log_bytes = mean(each.log_bytes for each in measured)
    million.costs["CloudWatch Logs"] *= log_bytes / LOG_BYTES_PER_MODEL
    return seconds, million


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the smallest value that so many percent of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def report(name: str, measured: Sequence[Measured], elapsed: float) -> Iterator[str]:
    """Yield the lines of the report on one pass."""
    count = len(measured)
    times = [1e3 * each.seconds for each in measured]
    seconds, million = in_aws(measured)
    yield f"\n{name}: {count:,} models in {elapsed:.1f} s, {count / elapsed:.1f} a second"
    percentiles = (f"p{percent} {percentile(times, percent):.1f} ms" for percent in (50, 95, 99))
    yield f"  latency       {', '.join(percentiles)}, most {max(times):.1f} ms"
    yield f"  a model       {mean(each.reads for each in measured):.2f} reads"
    yield f"                {mean(each.writes for each in measured):.2f} writes"
    yield f"                {mean(each.bytes_read for each in measured) / 1e6:.3f} MB read"
    yield f"                {1e3 * mean(each.processor for each in measured):.1f} ms of processor"
    yield f"                {mean(each.log_bytes for each in measured):,.0f} bytes of log"
    yield f"  peak memory   {max(each.peak_mib for each in measured):.0f} MiB"
    yield f"  1,000 models  {mean(times) * MEMORY_MB / 1024:.1f} GB-seconds by the clock here"
    yield f"                {1e3 * seconds * MEMORY_MB / 1024:.1f} in AWS, {seconds:.3f} s a model"
    yield f"                {million.total / 1e3:.5f} $ in AWS, as part of a million:"
    yield from (f"                {cost / 1e3:.5f} {name}" for name, cost in million.costs.items())


def table(models: dict[str, Archive], measured: Sequence[Measured]) -> Iterator[str]:
    """Yield a Markdown table of one pass, by the member's position and the size of the weights."""
    yield "\n| member | weights, MiB | models | MB read | requests | processor | in AWS |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for archive in (
        Archive(position, size) for position in POSITION_SHARES for size in SIZE_SHARES
    ):
        these = [each for each in measured if models[each.key] == archive]
        if these:
            yield (
                f"| {archive.position} | {archive.weights / MIB:g} | {len(these)} "
                f"| {mean(each.bytes_read for each in these) / 1e6:.2f} "
                f"| {mean(each.reads + each.writes for each in these):.1f} "
                f"| {1e3 * mean(each.processor for each in these):.0f} ms "
                f"| {in_aws(these)[0]:.2f} s |"
            )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run both passes and print what they took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backfill", description=main.__doc__)
    parser.add_argument("--models", type=int, default=400, help=f"up to {MAX_MODELS} (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the mix (%(default)s)")
    options = parser.parse_args(arguments)
    if not 1 <= options.models <= MAX_MODELS:
        parser.error(f"--models must be 1 to {MAX_MODELS}")
    models = draw(options.models, options.seed)
    sys.path.insert(0, str(TASK_ROOT))  # the processes inherit it
    spawn = multiprocessing.get_context("spawn")
    with running_s3_server() as server:
        stored = upload(server, models)
        print(
            f"{len(models):,} models, {stored / 1e6:,.0f} MB, seed {options.seed}, on "
            f"{server.name}; {os.cpu_count()} processors, {WORKERS} workers, Python "
            f"{platform.python_version()}, load before {os.getloadavg()[0]:.1f}"
        )
        with ProcessPoolExecutor(WORKERS, spawn, start_sandbox, (server.environment(),)) as pool:
            for name, status in (("First pass", "created"), ("Second pass", "unchanged")):
                started = time.perf_counter()
                measured = list(pool.map(invoke, models))
                elapsed = time.perf_counter() - started
                if others := Counter(each.status for each in measured if each.status != status):
                    raise RuntimeError(f"{name}: not all are {status}: {dict(others)}")
                print("\n".join(report(name, measured, elapsed)), flush=True)
                if status == "created":
                    print("\n".join(table(models, measured)), flush=True)


if __name__ == "__main__":
    main()
