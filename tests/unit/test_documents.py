"""The pages say what is: each test that they name exists, each file that they link to as well."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, List
from unittest import mock

import boto3
import botocore.session
import pytest
from botocore.validate import ParamValidator

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
THREATS = (ROOT / "docs/security.md").read_text().split("## Threats")[1]


def test_each_threat_names_the_tests_that_prove_its_guard() -> None:
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    rows = [line for line in THREATS.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 20
    for row in rows:
        proof = row.split("|")[-2]
        names = re.findall(r"`(test_\w+)`", proof)
        assert names or proof.strip().startswith("none: "), row
        for name in names:
            assert f"def {name}(" in tests, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_file_that_a_page_links_to_is_there(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def blocks(language: str) -> List[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("block", blocks("json"))
def test_each_json_block_is_json(block: str) -> None:
    json.loads(block)


@pytest.mark.parametrize("block", blocks("python"))
def test_each_python_block_makes_requests_that_the_sdk_takes(block: str) -> None:
    result = {
        "payload_s3_uri": "s3://models/churn/payload/payload.tar.gz",
        "payload_s3_bucket": "models",
        "payload_s3_key": "churn/payload/payload.tar.gz",
        "model_s3_uri": "s3://models/churn/model.tar.gz",
        "content_types": ["text/csv"],
        "status": "created",
    }
    model = botocore.session.get_session().get_service_model("sagemaker")
    reports: Dict[str, str] = {}

    class Client:
        def __getattr__(self, name: str) -> Any:
            operation = "".join(word.capitalize() for word in name.split("_"))

            def call(**parameters: Any) -> None:
                shape = model.operation_model(operation).input_shape
                assert shape is not None
                report = ParamValidator().validate(parameters, shape)
                reports[operation] = report.generate_report()

            return call

    with mock.patch.object(boto3, "client", return_value=Client()):
        exec(compile(block, "README.md", "exec"), {"result": result})
    assert set(reports.values()) <= {""}
    if "boto3" in block:
        assert reports
