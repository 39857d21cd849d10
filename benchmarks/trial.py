"""One measurement in its own process: `python -m benchmarks.trial METHOD KEY`.

Everything is imported and the client is made before the clock starts; the last line printed is the
result, as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers import (
    PEERS,
    Source,
    inflate_with_isal,
    inflate_with_isal_at_pace,
    inflate_with_zlib,
    pieces_of,
)
from benchmarks.search import search, walk
from benchmarks.server import BUCKET

# Methods that read an archive in memory.
_LIMITS = {
    "isal": inflate_with_isal,
    "isal_at_pace": inflate_with_isal_at_pace,
    "zlib": inflate_with_zlib,
    "walk": walk,
    "search": search,
}
_PIECE = 256 * 1024
# zlib copies the rest of its input after each call: it is fastest with pieces of this size.
_PIECE_TO_ZLIB = 64 * 1024


class Measured(NamedTuple):
    """Wall and processor seconds, MiB of memory above the start, and a run's own figures."""

    wall: float
    cpu: float
    memory: float
    requests: int = 0
    bytes_read: int = 0


def main() -> None:
    """Measure one way to read one archive, once."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("method", choices=("ours", *PEERS, *_LIMITS))
    parser.add_argument("key")
    parser.add_argument("--folder", type=Path, required=True, help="where the archives are")
    parser.add_argument("--without-isal", action="store_true")
    options = parser.parse_args()
    if options.without_isal:
        sys.modules["isal"] = None  # type: ignore[assignment]
    file = options.folder / options.key.rsplit("/", 1)[-1]
    if options.method == "ours":
        measured = _measure_ours(options.key)
    elif options.method in _LIMITS:
        measured = _measure_limit(options.method, file)
    else:
        measured = _measure_peer(options.method, options.key)
    print(json.dumps(measured._asdict()))


def _measure_ours(key: str) -> Measured:
    """Measure a whole run of the function: find the payload, read the model, write the payload."""
    import app
    from mims.aws import s3

    event = {
        "model_s3_uri": f"s3://{BUCKET}/{key}",
        "payload_s3_uri": f"s3://{BUCKET}/payloads/{os.getpid()}-{time.time_ns()}.tar.gz",
    }
    s3.client()
    clock = _Clock()
    result = app.lambda_handler(event, None)
    return clock.stop()._replace(requests=result["requests"], bytes_read=result["bytes_read"])


def _measure_peer(method: str, key: str) -> Measured:
    import boto3

    source = Source(boto3.client("s3"), key)
    clock = _Clock()
    content = PEERS[method](source)
    measured = clock.stop()
    if content is not None:
        json.loads(content)
    return measured


def _measure_limit(method: str, file: Path) -> Measured:
    pieces = pieces_of(file, _PIECE_TO_ZLIB if method == "zlib" else _PIECE)
    clock = _Clock()
    _LIMITS[method](pieces)
    return clock.stop()


class _Clock:
    """Runs from when it is made until `stop`."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak of memory
        self._memory = _memory("VmRSS")
        self._cpu = _cpu()
        self._wall = time.perf_counter()

    def stop(self) -> Measured:
        wall = time.perf_counter() - self._wall
        return Measured(wall, _cpu() - self._cpu, _memory("VmHWM") - self._memory)


def _cpu() -> float:
    """Return the user and system seconds of this process and its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _memory(key: str) -> float:
    status = Path("/proc/self/status").read_text()
    match = re.search(rf"^{key}:\s+(\d+) kB", status, re.MULTILINE)
    assert match
    return int(match.group(1)) / 1024


if __name__ == "__main__":
    main()
