"""What it takes to make a large payload: 10,000 fields, 10 samples, JSON and CSV.

Prints, as JSON, the seconds of the yardstick (one `json.dumps` and one `csv.writer` over the same
samples), of encoding and parsing back, and of the whole payload, starting with hyperparameters.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable
from statistics import median

from mims import find_inputs_in_files, generate_from
from mims.inputs.hyperparameters import FILE_NAME
from mims.inputs.model_files import ModelFile
from mims.payload.files import generate_sample_payload
from mims.sampling import make_samples
from mims.settings import read_settings

from benchmarks.archives import hyperparameters

_FIELDS, _SAMPLES, _REPEATS = 10_000, 10, 5


def main() -> None:
    """Measure all three in turn, after one round to warm up."""
    content = hyperparameters(_FIELDS)
    given = read_settings(
        {"CONTENT_TYPES": "application/json,text/csv", "SAMPLE_COUNT": str(_SAMPLES)}
    )
    file = ModelFile(
        FILE_NAME, True, len(content), 0, lambda _size: content, lambda: iter([content])
    )
    inputs = find_inputs_in_files([file], given)
    settings = given.resolve({})
    samples = make_samples(inputs.fields, inputs.hyperparameters, {}, settings, 0)
    names, rows = samples.names, list(samples.rows())

    def yardstick() -> None:
        json.dumps({"instances": [dict(zip(names, row)) for row in rows]})
        writer = csv.writer(io.StringIO())
        writer.writerow(names)
        writer.writerows(rows)

    def encoding() -> None:
        list(generate_sample_payload(samples, settings))

    def payload() -> None:
        generate_from(find_inputs_in_files([file], given), given)

    measured: dict[str, list[float]] = {}
    for _ in range(1 + _REPEATS):
        for measure in (yardstick, encoding, payload):
            measured.setdefault(measure.__name__, []).append(_seconds(measure))
    print(json.dumps({name: median(seconds[1:]) for name, seconds in measured.items()}))


def _seconds(measure: Callable[[], None]) -> float:
    start = time.perf_counter()
    measure()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
