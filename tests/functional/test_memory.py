"""Archives and settings designed to use much memory: the process stays under 384 MiB."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Tuple

import pytest

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the peak of memory is read from /proc"
)

LAMBDA_FN = Path(__file__).parents[2] / "lambda_fn"
MAX_MIB = 384
# Runs the core as the function does, or the job script; prints the outcome and the peak of memory.
MEASURED = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
path, given = sys.argv[2], json.loads(sys.argv[3])
def chunks():
    with open(path, "rb") as file:
        yield from iter(lambda: file.read(256 * 1024), b"")
def peak_mib():
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024
if len(sys.argv) > 4:
    import mims_payload
    mims_payload.main({"model_input": path}, {"payload_sample": sys.argv[4]}, given)
    print("made", peak_mib())
    sys.exit()
import app
from mims.aws import s3
s3.client()
from mims import generate
from mims.errors import PayloadError
from mims.payload.check import check_payload_archive
from mims.settings import read_settings
try:
    if path.endswith("payload.tar.gz"):
        check_payload_archive(open(path, "rb").read())
    else:
        check_payload_archive(generate(chunks(), read_settings(given)).archive)
    outcome = "made"
except PayloadError as error:
    outcome = type(error).__name__
print(outcome, peak_mib())
"""

Members = Iterable[Tuple[str, bytes]]


class Case(NamedTuple):
    """Members of a model archive, the environment, and the expected outcome."""

    members: Callable[[], Members]
    outcome: str
    environment: Mapping[str, str] = {}


def repeated(piece: str, before: str, after: str, size: int = 4 * 1024**2) -> bytes:
    count = (size - len(before) - len(after)) // len(piece)
    return (before + (piece * count).rstrip(",") + after).encode()


def hyperparameters(content: bytes) -> Members:
    return [("hyperparameters.json", content)]


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def unused(piece: str, size: int = 4 * 1024**2) -> Members:
    return hyperparameters(repeated(piece, '{"tab_field_list":["a"],"x":[', "]}", size))


def long_lists(count: int) -> Iterator[Tuple[str, bytes]]:
    """Feature lists of one name of 4 MB each."""
    for index in range(count):
        yield f"{index}/feature_names.json", as_json([f"{index}" + "n" * 4_000_000])


def long_paths(count: int) -> Iterator[Tuple[str, bytes]]:
    for index in range(count):
        yield "n" * 900_000 + f"{index}/feature_names.json", as_json([f"a{index}"])


def examples(count: int) -> Iterator[Tuple[str, bytes]]:
    """MLflow's examples, each with a string of 4 MB."""
    for index in range(count):
        yield f"{index}/input_example.json", as_json([{"a": f"{index}" + "x" * 4_000_000}])


CASES = {
    "containers under an unused key": Case(lambda: unused("[[{}]],"), "made"),
    "more of them, the limit raised": Case(
        lambda: unused("[{}],", 15 * 1024**2),
        "ArchiveLimitError",
        {"MAX_HYPERPARAMETERS_BYTES": str(10**9)},
    ),
    "a file larger than may be held, the limit raised": Case(
        lambda: unused("0" * 1000 + ",", 65 * 1024**2),
        "ArchiveLimitError",
        {"MAX_HYPERPARAMETERS_BYTES": str(10**9)},
    ),
    "one string, not all of it ASCII, the limit raised": Case(
        lambda: hyperparameters('{"x":"😀'.encode() + b"a" * (60 * 1024**2) + b'"}'),
        "ArchiveLimitError",
        {"MAX_HYPERPARAMETERS_BYTES": str(10**9)},
    ),
    "half a million names": Case(
        lambda: hyperparameters(
            as_json({"tab_field_list": [f"{index:x}" for index in range(400_000)]})
        ),
        "PayloadTooLargeError",
    ),
    "a template of two million signs": Case(
        lambda: hyperparameters(
            as_json(
                {
                    "tab_field_list": ["a"],
                    "payload_settings": {
                        "content_types": "application/json; format=template",
                        "content_template": "$records" + "$$" * 1_900_000,
                        "record_template": "$features",
                    },
                }
            )
        ),
        "InvalidHyperparametersError",
    ),
    "a record that has all fields five thousand times": Case(
        lambda: hyperparameters(
            as_json({"tab_field_list": [f"c{index}" for index in range(20_000)]})
        ),
        "PayloadTooLargeError",
        {
            "CONTENT_TYPES": "application/json; format=template",
            "CONTENT_TEMPLATE": "[$records]",
            "RECORD_TEMPLATE": f"[{', '.join(['$features'] * 5000)}]",
        },
    ),
    "a shape of 32 dimensions": Case(
        lambda: hyperparameters(
            as_json({"field_info": {"v": {"type": "tensor", "shape": [80_000] + [1] * 31}}})
        ),
        "PayloadTooLargeError",
        {"CONTENT_TYPES": "application/json; format=lists"},
    ),
    "a string of 100 KB in a column of 10,000 samples": Case(
        lambda: hyperparameters(
            as_json({"field_info": {"t": {"type": "text", "default": "x" * 100_000}}})
        ),
        "PayloadTooLargeError",
        {"CONTENT_TYPES": "application/json; format=inputs", "SAMPLE_COUNT": "10000"},
    ),
    "a cell of quotes": Case(
        lambda: hyperparameters(
            as_json({"field_info": {"t": {"type": "text", "default": '"' * 1_500_000}}})
        ),
        "made",
        {"CONTENT_TYPES": "text/csv"},
    ),
    "feature lists of long names": Case(lambda: long_lists(100), "made"),
    "feature lists at long paths": Case(lambda: long_paths(400), "made"),
    "examples of long values": Case(lambda: examples(100), "HyperparametersNotFoundError"),
}


def packed(path: Path, members: Members) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT, compresslevel=1) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, BytesIO(content))
    return path


def measured(path: Path, environment: Mapping[str, str], *output: str) -> Tuple[str, int]:
    """Return the outcome and the peak of memory in MiB; with `output`, those of the job script."""
    arguments = [str(LAMBDA_FN), str(path), json.dumps(dict(environment)), *output]
    script = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={"AWS_DEFAULT_REGION": "eu-west-1", "POWERTOOLS_METRICS_NAMESPACE": "tests"},
    )
    *_, outcome, peak = script.stdout.split()
    return outcome, int(peak)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_costly_model_stays_within_the_functions_memory(case: Case, tmp_path: Path) -> None:
    archive = packed(tmp_path / "model.tar.gz", case.members())
    outcome, peak = measured(archive, case.environment)
    assert (outcome, peak < MAX_MIB) == (case.outcome, True), peak


PAYLOADS: Dict[str, Callable[[], List[Tuple[str, bytes]]]] = {
    "a description of containers": lambda: [
        ("metadata.json", repeated("[{}],", '{"x":[', "]}", 23 * 1024**2))
    ],
    "a description of a million keys": lambda: [
        ("metadata.json", b"{%s}" % b",".join(b'"%x":1e1' % index for index in range(2_000_000)))
    ],
    "a description of one string": lambda: [
        ("metadata.json", '{"a":"😀'.encode() + b"a" * (23 * 1024**2) + b'"}')
    ],
    "a body of containers": lambda: [
        ("sample_payload_0001.json", repeated("[[{}]],", "[", "]", 6 * 1024**2))
    ],
    "rows of a quarter of a million columns": lambda: [
        ("sample_payload_0001.libsvm", b"\n".join([b"0 249999:1"] * 9_999))
    ],
}


@pytest.mark.parametrize("members", PAYLOADS.values(), ids=list(PAYLOADS))
def test_a_costly_payload_is_refused_within_the_same_memory(
    members: Callable[[], List[Tuple[str, bytes]]], tmp_path: Path
) -> None:
    outcome, peak = measured(packed(tmp_path / "payload.tar.gz", members()), {})
    assert outcome in ("ArchiveLimitError", "CorruptArchiveError")
    assert peak < MAX_MIB


def test_the_job_script_needs_no_more_memory(tmp_path: Path) -> None:
    archive = packed(tmp_path / "model.tar.gz", long_lists(100))
    outcome, peak = measured(archive, {}, str(tmp_path))
    assert (outcome, peak < MAX_MIB) == ("made", True), peak
