"""The check of checkov's findings; checkov itself is run by scripts/check-security."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.template.checkov_findings import complaints, findings, render, suppressions
from tests.template.stack import STACKS

REASON = "for a reason that is given"


def report(*failed: tuple[str, str], stacks: tuple[str, ...] = tuple(STACKS)) -> dict[str, object]:
    passed = [{"file_path": f"/{stack}.json", "resource": "x", "check_id": "y"} for stack in stacks]
    return {
        "summary": {"parsing_errors": 0},
        "results": {
            "passed_checks": passed,
            "failed_checks": [
                {"file_path": f"/{stacks[0]}.json", "resource": resource, "check_id": check}
                for resource, check in failed
            ],
        },
    }


def test_a_finding_is_fixed_or_justified() -> None:
    found = findings(
        report(("AWS::S3::Bucket.Bucket", "CKV_1"), ("AWS::SQS::Queue.Queue", "CKV_2"))
    )
    assert complaints(found, {("Bucket", "CKV_1"): REASON, ("Queue", "CKV_2"): REASON}) == []
    assert complaints(found, {("Bucket", "CKV_1"): REASON}) == [
        "CKV_2 on Queue is neither fixed nor justified"
    ]


def test_a_justification_that_is_not_needed_is_an_error() -> None:
    assert complaints(set(), {("Bucket", "CKV_1"): REASON}) == [
        "CKV_1 on Bucket is justified, but not found"
    ]


def test_a_justification_has_a_reason() -> None:
    assert complaints({("Bucket", "CKV_1")}, {("Bucket", "CKV_1"): "not needed"}) == [
        "CKV_1 on Bucket has no reason"
    ]


def test_a_report_without_one_of_the_stacks_is_refused() -> None:
    with pytest.raises(ValueError, match="every stack"):
        findings(report(stacks=("smallest",)))


def test_stacks_are_written_without_suppressions(tmp_path: Path) -> None:
    render(tmp_path)
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(STACKS)
    for path in tmp_path.iterdir():
        assert "checkov" not in path.read_text()
        assert json.loads(path.read_text())["Resources"]


def test_the_template_has_justifications() -> None:
    assert ("ModelBucket", "CKV_AWS_18") in suppressions()
