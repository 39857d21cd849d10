"""The rows of the table: what is measured, the goal, and the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any, NamedTuple

from benchmarks import model_files
from benchmarks.archives import (
    FILES,
    FIRST,
    FLOAT,
    JSON,
    JSON_FILES,
    KINDS,
    LAST,
    NONE,
    ZEROS,
    archive_name,
)
from benchmarks.chart import draw, panel
from benchmarks.measure import WITHOUT_ISAL, Bench
from benchmarks.server import PACED

FIRST_PART = 256 * 1024
_WORDS = {
    FLOAT: "float weights",
    JSON: "XGBoost JSON",
    FILES: "many files",
    JSON_FILES: "many JSON files",
    ZEROS: "zeros",
    model_files.XGBOOST: "XGBoost JSON",
    model_files.XGBOOST_UNNAMED: "XGBoost JSON without names",
    model_files.JOBLIB: "scikit-learn joblib",
    model_files.SAVED_MODEL: "SavedModel",
    model_files.ONNX: "ONNX",
}
# Kind → times as fast as `tarfile`'s stream, and as download and unpack, with isal; without.
_FASTER = {FLOAT: (1.8, 2.0, 1.15), JSON: (2.8, 3.5, 1.15), FILES: (2.3, 8.0, 1.5)}
# The names of the ways to read an archive to its end, in the table of seconds.
_WAYS = {
    "isal": "inflate alone",
    "ours": "the function",
    WITHOUT_ISAL: "… without isal",
    "tarfile": "`tarfile` as a stream",
    "powertools": "Powertools",
    "smart_open": "smart_open",
    "curl_tar": "`curl` and `tar`",
    "download_unpack": "download and unpack",
    "download": "bare download",
}


class Row(NamedTuple):
    """A line of the table; `reached` is `None` if there is no goal."""

    what: str
    reach: str
    measured: str
    reached: bool | None = None


def measure_rows(bench: Bench) -> Iterator[Row]:
    """Measure everything, and yield the table row by row."""
    yield from _member_first(bench)
    for kind in _FASTER:
        yield from _member_last(bench, kind)
    yield from _many_json_files(bench)
    yield from _without_hyperparameters(bench)
    yield from _paced(bench)
    yield _zeros(bench)
    yield _memory(bench)
    yield _cold_start(bench)
    yield from _encoding(bench)


def seconds_table(bench: Bench) -> str:
    """Return a Markdown table of how long each way took to read an archive to its end."""
    head = " | ".join(("member last, wall seconds", *(_WORDS[kind] for kind in _FASTER)))
    lines = [f"| {head} |", "|---" * (1 + len(_FASTER)) + "|"]
    for way, words in _WAYS.items():
        taken = (bench.taken(way, archive_name(kind, LAST)) for kind in _FASTER)
        seconds = (f"{measured.wall:.2f} (CPU {measured.cpu:.2f})" for measured in taken)
        lines.append(f"| {' | '.join((words, *seconds))} |")
    return "\n".join(lines)


def seconds_chart(trials: Sequence[Mapping[str, Any]]) -> str:
    """Return the same as a chart, from the trials that a run has stored."""
    ways = {way: words.replace("`", "").replace("… ", "") for way, words in _WAYS.items()}
    ways[WITHOUT_ISAL] = "the function without isal"
    panels = [
        panel(f"{_WORDS[kind]}, hyperparameters.json last", archive_name(kind, LAST), ways, trials)
        for kind in _FASTER
    ]
    return draw(panels, ways["isal"])


def _member_first(bench: Bench) -> Iterator[Row]:
    for kind in _FASTER:
        ours = bench.take(["ours"], archive_name(kind, FIRST))["ours"]
        yield Row(
            f"member first, {_WORDS[kind]}",
            "256 KiB, 4 requests",
            f"{ours.bytes_read / 1024:.0f} KiB, {ours.requests:.0f} requests, "
            f"{ours.wall * 1000:.0f} ms",
            ours.bytes_read <= FIRST_PART and ours.requests <= 4,
        )


def _member_last(bench: Bench, kind: str) -> Iterator[Row]:
    label, key = f"member last, {_WORDS[kind]}", archive_name(kind, LAST)
    bench.take(tuple(_WAYS), key)
    stream, unpack, without = _FASTER[kind]
    yield _to_limit(bench, f"{label}: wall", key, 1.2 if kind == FILES else 1.15)
    yield _faster(bench, f"{label}: than `tarfile` as a stream", key, "tarfile", stream)
    yield _faster(bench, f"{label}: than download and unpack", key, "download_unpack", unpack)
    label += ": without isal, than `tarfile` as a stream"
    yield _faster(bench, label, key, "tarfile", without, WITHOUT_ISAL)


def _many_json_files(bench: Bench) -> Iterator[Row]:
    label, key = f"member last, {_WORDS[JSON_FILES]}", archive_name(JSON_FILES, LAST)
    bench.take(("isal", "ours", "tarfile"), key)
    yield _to_limit(bench, f"{label}: wall", key, None)
    yield _faster(bench, f"{label}: than `tarfile` as a stream", key, "tarfile", None)


def _without_hyperparameters(bench: Bench) -> Iterator[Row]:
    for kind in (*model_files.KINDS, FILES):
        key = archive_name(kind, NONE)
        taken = bench.take(("walk", "search"), key)
        ratio = bench.ratio("search", "walk", key)
        yield Row(
            f"no hyperparameters.json, {_WORDS[kind]}: search for the fields, to the walk alone",
            "1.03 ×",
            f"{ratio:.3f} × ({taken['search'].wall:.2f} s)",
            ratio <= 1.03,
        )


def _paced(bench: Bench) -> Iterator[Row]:
    for kind in (FLOAT, JSON):
        key = f"{PACED}/{archive_name(kind, LAST)}"
        taken = bench.take(("download", "ours", "isal", "isal_at_pace"), key)
        ours, ratio = taken["ours"], bench.ratio("ours", "download", key)
        label = f"member last at 75 MB/s, {_WORDS[kind]}"
        yield Row(
            f"{label}: wall over the bare download's",
            "3 %",
            f"{100 * (ratio - 1):.1f} % ({ours.wall:.2f} s)",
            ratio <= 1.03,
        )
        yield Row(
            f"{label}: CPU seconds a wall second",
            "0.27" if kind == FLOAT else "",
            f"{ours.cpu / ours.wall:.3f} (the bare download {taken['download'].cpu / ours.wall:.3f}"
            f"; inflate alone {taken['isal'].cpu / ours.wall:.3f}, and "
            f"{taken['isal_at_pace'].cpu / ours.wall:.3f} where it waits for each 256 KiB)",
            ours.cpu <= 0.27 * ours.wall if kind == FLOAT else None,
        )


def _zeros(bench: Bench) -> Row:
    key = archive_name(ZEROS, LAST)
    bench.take(("isal", "ours"), key)
    return _to_limit(bench, "zeros before the member: wall", key, 1.1)


def _memory(bench: Bench) -> Row:
    once = replace(bench, repeats=1)  # the maximum of five archives hardly varies by chance
    most = {
        kind: once.take(["ours"], archive_name(kind, LAST, "1mib"))["ours"].memory for kind in KINDS
    }
    kind = max(most, key=lambda kind: most[kind])
    return Row(
        "memory over the process with a client made, member of 1 MiB",
        "8 MiB",
        f"{most[kind]:.1f} MiB ({_WORDS[kind]})",
        most[kind] <= 8,
    )


def _cold_start(bench: Bench) -> Row:
    commands = [["benchmarks.cold_start", imported] for imported in ("app", "boto3")]
    # Half a second in which a thousand files are read varies: it needs more turns than the others.
    app, boto3 = replace(bench, repeats=3 * bench.repeats).take_modules(commands)
    ratio = median(ours / bare for ours, bare in zip(app, boto3))
    return Row(
        'cold start: `app` and first client, to `boto3.client("s3")`',
        "1.1 ×",
        f"{ratio:.2f} × ({median(app) * 1000:.0f} ms)",
        ratio <= 1.1,
    )


def _encoding(bench: Bench) -> Iterator[Row]:
    (printed,) = bench.take_modules([["benchmarks.encoding"]])
    taken = {name: median(trial[name] for trial in printed) for name in printed[0]}
    label = "10,000 fields × 10 samples, JSON and CSV"
    for part, words, reach in (
        ("encoding", "encoding and parsing back", 3.0),
        ("payload", "the whole payload", 4.5),
    ):
        ratio = taken[part] / taken["yardstick"]
        yield Row(
            f"{label}: {words}, to `json.dumps` and `csv.writer`",
            f"{reach:g} ×",
            f"{ratio:.2f} × ({taken[part] * 1000:.0f} ms)",
            ratio <= reach,
        )


def _to_limit(bench: Bench, label: str, key: str, reach: float | None) -> Row:
    ratio = bench.ratio("ours", "isal", key)
    return Row(
        f"{label}, to inflate alone",
        f"{reach:g} ×" if reach else "",
        f"{ratio:.2f} × ({bench.taken('ours', key).wall:.2f} s)",
        ratio <= reach if reach else None,
    )


def _faster(
    bench: Bench, label: str, key: str, other: str, reach: float | None, ours: str = "ours"
) -> Row:
    ratio = bench.ratio(other, ours, key)
    seconds = (bench.taken(way, key).wall for way in (other, ours))
    return Row(
        f"{label}: faster by",
        f"{reach:g} ×" if reach else "",
        f"{ratio:.2f} × ({' s to '.join(f'{wall:.2f}' for wall in seconds)} s)",
        ratio >= reach if reach else None,
    )
