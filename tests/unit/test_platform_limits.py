"""Requests checked by AWS's own service models."""

from __future__ import annotations

import sys
from typing import Any, Dict

import botocore.session
import pytest
import regex  # type: ignore[import-untyped]  # knows Java's \p{L}, which `re` does not
from hypothesis import given
from hypothesis import strategies as st

from mims_pipeline import platform_limits
from mims_pipeline.platform_limits import faults

JOB: Dict[str, Any] = {
    "ProcessingJobName": "payload-1",
    "RoleArn": "arn:aws:iam::123456789012:role/Name",
    "AppSpecification": {"ImageUri": "image:1"},
    "ProcessingResources": {
        "ClusterConfig": {
            "InstanceType": "ml.t3.medium",
            "InstanceCount": 1,
            "VolumeSizeInGB": 1,
        }
    },
}
MODEL: Any = botocore.session.Session().get_service_model("sagemaker")
PATTERNS = sorted(
    {
        pattern
        for name in MODEL.shape_names
        if r"\p{" in (pattern := MODEL.shape_for(name)._shape_model.get("pattern", ""))
    }
)


def found(**changes: Any) -> list[str]:
    return [*map(str, faults("sagemaker", "CreateProcessingJob", {**JOB, **changes}))]


def test_a_request_that_the_service_accepts_has_no_fault() -> None:
    assert found() == []
    assert found(Tags=[{"Key": "Ä ä", "Value": ""}], Environment={"A": "é\n"}) == []
    reference = {"Get": "Parameters.Role"}
    assert found(RoleArn=reference, Environment={"A": reference}) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"Name": "x"}, "Name is unknown"),
        ({"AppSpecification": {}}, "AppSpecification.ImageUri is missing"),
        ({"AppSpecification": "image"}, "AppSpecification is 'image'; it must be a structure"),
        ({"RoleArn": None}, "RoleArn is None; it must be a string"),
        ({"RoleArn": {"Get": "a", "More": "b"}}, "it must be a string"),
        ({"ProcessingJobName": "a_b"}, "ProcessingJobName is 'a_b', which does not match ["),
        ({"ProcessingJobName": "a\n"}, "ProcessingJobName is 'a\\n', which does not match"),
        ({"ProcessingJobName": ""}, "ProcessingJobName has 0 characters; the least is 1"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 777_601}}, "is 777,601; the most is"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": True}}, "is True; it must be an integer"),
        ({"NetworkConfig": {"EnableNetworkIsolation": 1}}, "is 1; it must be a boolean"),
        ({"Environment": {"A": "x" * 257}}, "Environment.A has 257 characters; the most is 256"),
        ({"Environment": {"A": {"Get": 1, "x": 2}}}, "Environment.A is"),
        ({"Environment": {"A.B": ""}}, "Environment key is 'A.B', which does not match"),
        ({"Environment": {f"A{i}": "" for i in range(101)}}, "Environment has 101 items"),
        ({"Tags": [{"Key": "a*", "Value": ""}]}, "Tags[a*].Key is 'a*', which does not match"),
        ({"Tags": {"Key": "a"}}, "Tags is {'Key': 'a'}; it must be a list"),
    ],
)
def test_a_fault_has_the_path_of_the_refused_part(changes: Any, says: str) -> None:
    (told,) = found(**changes)
    assert says in told


def test_a_value_that_botocore_does_not_know_is_named_with_a_known_one() -> None:
    cluster = {**JOB["ProcessingResources"]["ClusterConfig"], "InstanceType": "m5.large"}
    (told,) = found(ProcessingResources={"ClusterConfig": cluster})
    assert "InstanceType is 'm5.large', which botocore does not know" in told
    assert "ml." in told


def test_a_long_value_is_cut() -> None:
    (told,) = found(RoleArn="x" * 2000)
    assert len(told) < 400


def test_a_limit_of_one_is_in_the_singular() -> None:
    (told,) = found(RoleArn="x")
    assert told == "RoleArn has 1 character; the least is 20"


# Characters that Python's Unicode version does not know may be letters in a newer version.
@given(st.sampled_from(PATTERNS), st.text(st.characters(exclude_categories=["Cn", "Cs"])))
def test_a_pattern_says_the_same_as_javas(source: str, text: str) -> None:
    pattern = platform_limits._pattern(source)
    if pattern is not None:
        assert bool(pattern.fullmatch(text)) == bool(regex.fullmatch(source, text))


def test_the_patterns_of_tags_are_checked() -> None:
    assert any(platform_limits._pattern(source) for source in PATTERNS)


def test_without_botocore_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    platform_limits._service.cache_clear()
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(ImportError, match="pip install boto3"):
        found()
