"""The sizes of results and metadata, and what is left out first if they are too large."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mims import Payload
from mims.aws import payloads
from mims.aws.payloads import Stamp
from mims.aws.results import ANSWER_BYTES, Description, Result, as_dicts
from mims.payload.description import FieldsFrom

STAMP = Stamp('"9b2cf535f27731c974343645a3985328-10000"', "0" * 64)


def result(key: str = "model.tar.gz", warnings: Tuple[str, ...] = ()) -> Result:
    return Result(
        "created",
        f"s3://bucket/{key}",
        model_etag='"1"',
        payload_bucket="bucket",
        payload_key=key,
        payload=Description(("text/csv",), 1, 1, warnings=warnings),
    )


@given(st.lists(st.text(max_size=2000), max_size=200), st.text(max_size=5000))
def test_a_result_always_fits(warnings: List[str], member: str) -> None:
    description = Description(
        ("text/csv",), 1, 1, {"source": "onnx", "member": member}, warnings=tuple(warnings)
    )
    answer = Result("created", "s3://b/" + "k" * 1000, payload=description).as_dict()
    assert len(json.dumps(answer)) <= ANSWER_BYTES
    assert len(answer["warnings"]) <= 20


def test_the_largest_result_fits() -> None:
    warnings = ("\U0001f600" * 600,) * 5000
    description = Description(
        ("a/b",) * 50, 1, 1, {"source": "onnx", "member": "\U0001f600" * 10**6}, warnings=warnings
    )
    answer = Result("created", "s3://b/" + "\U0001f600" * 256, payload=description).as_dict()
    assert len(json.dumps(answer)) <= ANSWER_BYTES


@pytest.mark.parametrize(
    ("count", "key", "warnings", "kept"),
    [
        (3, "k", ("w" * 500,) * 20, "all"),
        (150, "k", ("w" * 500,) * 20, "counted"),
        (1000, "k" * 60, ("w" * 500,) * 20, "status model_s3_uri model_etag payload_s3_uri"),
        (1000, "k" * 100, (), "status model_etag payload_s3_uri"),
        (1000, "k" * 1000, (), "status model_etag"),
        (10_000, "k" * 1000, (), "status"),
    ],
)
def test_an_answer_with_many_results_always_fits(
    count: int, key: str, warnings: Tuple[str, ...], kept: str
) -> None:
    listed = as_dicts([result(key, warnings)] * count)
    assert len(json.dumps({"results": listed})) <= ANSWER_BYTES
    assert len(listed) == count
    if kept == "all":
        assert listed[0] == result(key, warnings).as_dict()
    elif kept == "counted":
        counted = "… and 20 more warnings, in the log"
        assert listed[0] == {**result(key, warnings).as_dict(), "warnings": [counted]}
    else:
        assert list(listed[0]) == kept.split()


def test_only_the_statuses_are_counted_of_more_results_than_can_be_listed() -> None:
    skipped = Result("skipped", "s3://bucket/notes.txt", reason="it is not a model")
    listed = as_dicts([result()] * 12_000 + [skipped] * 3)
    assert listed == [{"status": "created", "count": 12_000}, {"status": "skipped", "count": 3}]


def test_an_answer_with_many_results_is_not_serialised_whole_to_measure_it() -> None:
    results = [result(f"{number}", (f"{number}" + "w" * 490,) * 20) for number in range(2000)]
    tracemalloc.start()
    try:
        as_dicts(results)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000  # the warnings alone are 20 MB of JSON


# --- the metadata of a payload ---


def written(**parts: Any) -> Tuple[Dict[str, str], Any]:
    description = Description(("text/csv",), 3, 1, **parts)
    metadata = payloads._metadata(STAMP, description)
    return metadata, payloads._read_description(metadata["result"])


ODD = st.text(alphabet=st.one_of(st.characters(), st.sampled_from(' \x7f\n"\\\U0001f600')))


@given(st.lists(ODD, max_size=25), st.one_of(st.none(), ODD, ODD.map(lambda text: text * 50)))
def test_metadata_are_short_ascii_without_two_spaces_and_read_back(
    warnings: List[str], member: Any
) -> None:
    fields_from = {"source": "sklearn", "member": member}
    metadata, read = written(fields_from=fields_from, family="sklearn", warnings=tuple(warnings))
    assert sum(len(name) + len(value) for name, value in metadata.items()) < 2000
    for value in metadata.values():
        assert value.isascii()
        assert value.isprintable()
        assert "  " not in value
    assert read is not None
    assert (read.field_count, read.sample_count, read.family) == (3, 1, "sklearn")


def test_warnings_are_cut_before_the_member() -> None:
    member = "folder/" * 100 + "model.pkl"
    fields_from = {"source": "sklearn", "member": member}
    _, read = written(fields_from=fields_from, warnings=("a" * 500, "b" * 500, "c" * 500))
    assert read.fields_from == fields_from
    assert read.warnings == ("a" * 500, "… and 2 more warnings")
    _, read = written(fields_from={"source": "sklearn", "member": member * 3}, warnings=("w",))
    assert read.warnings == ()
    assert read.fields_from["member"].startswith("folder/folder/")
    assert read.fields_from["source"] == "sklearn"


def test_a_description_is_taken_from_the_payload() -> None:
    made = Payload(
        b"", ("text/csv",), 2, 1, FieldsFrom("onnx", "m.onnx"), "onnx", None, ("w",) * 30, ("s",)
    )
    described = payloads.describe(made)
    assert described.content_types == ("text/csv",)
    assert (described.field_count, described.sample_count) == (2, 1)
    assert described.fields_from == {"source": "onnx", "member": "m.onnx"}
    assert (described.family, described.recipe) == ("onnx", None)
    assert len(described.warnings) == 20
    assert "s" not in described.warnings  # warnings about settings belong to each request
