"""What the fuzz targets share: running one, and values made from fuzzed bytes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Callable, Sequence

import atheris  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "tests" / "models" / "sources"
SEEDS = Path(__file__).resolve().parent / "seeds"
_TELL_EVERY = 100_000
_TEXTS = (
    "",
    "null",
    "None",
    "text",
    "7",
    "nan",
    "1e999",
    "{timestamp}",
    "a,b",
    'q"',
    "\n",
    "\ud800",
)


def run(target: Callable[[bytes], None], *seeds: Path) -> None:
    """Fuzz `target` from the folders of seeds, with libFuzzer's own arguments; print its memory."""
    runs = 0

    def told(fuzzed: bytes) -> None:
        nonlocal runs
        target(fuzzed)
        runs += 1
        if runs % _TELL_EVERY == 0 or runs == 1000:
            print(f"{runs:,} runs, {_resident_mib():.1f} MiB resident", flush=True)

    arguments = [sys.argv[0], "-timeout=20", "-rss_limit_mb=1024", *sys.argv[1:]]
    atheris.Setup([*arguments, *map(str, seeds)], told)
    atheris.Fuzz()


def value(fuzzed: atheris.FuzzedDataProvider, keys: Sequence[str], depth: int = 3) -> Any:
    """Return a JSON value with those keys in its objects and texts."""
    kind = fuzzed.ConsumeIntInRange(0, 9 if depth else 6)
    if kind == 0:
        return fuzzed.PickValueInList([None, True, False])
    if kind == 1:
        return fuzzed.ConsumeInt(fuzzed.ConsumeIntInRange(1, 9))
    if kind == 2:
        return fuzzed.ConsumeFloat()
    if kind == 3:
        return fuzzed.ConsumeUnicode(fuzzed.ConsumeIntInRange(0, 12))
    if kind <= 6:
        return fuzzed.PickValueInList([*keys, *_TEXTS])
    if kind == 7:
        return mapping(fuzzed, keys, depth - 1)
    return [value(fuzzed, keys, depth - 1) for _ in range(fuzzed.ConsumeIntInRange(0, 4))]


def mapping(fuzzed: atheris.FuzzedDataProvider, keys: Sequence[str], depth: int = 3) -> Any:
    """Return a JSON object with some of those keys."""
    count = fuzzed.ConsumeIntInRange(0, 5)
    return {fuzzed.PickValueInList(list(keys)): value(fuzzed, keys, depth) for _ in range(count)}


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1024**2
