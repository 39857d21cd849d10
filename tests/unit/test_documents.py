"""The pages are true: links lead somewhere, snippets run, threats are tested."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any, Dict, List
from unittest import mock

import boto3
import botocore.session
import pytest
from botocore.validate import ParamValidator
from mims.version import VERSION

from tests.pages import PAGES, ROOT, Block, anchors, blocks, links, text_of

SNIPPETS = [
    (page, block) for page in PAGES for block in blocks(page.read_text("utf-8")) if block.language
]


def snippets(language: str) -> List[Any]:
    """Return the pages' blocks of a language as parameters of a test."""
    return [
        pytest.param(block, id=f"{page.name}:{block.line}")
        for page, block in SNIPPETS
        if block.language == language
    ]


def test_each_threat_names_the_tests_that_prove_its_guard() -> None:
    threats = text_of("docs/security.md").split("## Threats")[1]
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    rows = [line for line in threats.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 20
    for row in rows:
        proof = row.split("|")[-2]
        names = re.findall(r"`(test_\w+)`", proof)
        assert names or proof.strip().startswith("none: "), row
        for name in names:
            assert f"def {name}(" in tests, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_leads_to_an_existing_file_and_heading(page: Any) -> None:
    text = page.read_text("utf-8")
    for target in links(text):
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text("utf-8")), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_page_can_be_reached_from_the_readme(page: Any) -> None:
    if page.name != "README.md":
        assert str(page.relative_to(ROOT)) in links(text_of("README.md"))


@pytest.mark.parametrize("block", snippets("json"))
def test_each_json_block_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", snippets("bash"))
def test_each_bash_block_is_valid_bash(block: Block) -> None:
    subprocess.run(["bash", "-n"], input=block.text.encode(), check=True)


def test_no_bash_block_has_a_prompt() -> None:
    for page, block in SNIPPETS:
        if block.language == "bash":
            assert not re.search(r"^[$>] ", block.text, re.MULTILINE), (page.name, block.line)


# An answer of the function, for the blocks that use it.
RESULT = {
    "payload_s3_uri": "s3://models/churn/payload/payload.tar.gz",
    "payload_s3_bucket": "models",
    "payload_s3_key": "churn/payload/payload.tar.gz",
    "model_s3_uri": "s3://models/churn/model.tar.gz",
    "content_types": ["text/csv"],
    "status": "created",
}


def python_blocks() -> List[Any]:
    """Return each Python block, with the block of its output if it prints."""
    parameters = []
    for (page, block), (_, after) in zip(SNIPPETS, [*SNIPPETS[1:], SNIPPETS[0]]):
        if block.language == "python":
            has_output = after.language == "text" and not after.before.strip()
            output = after.text if has_output else ""
            parameters.append(pytest.param(block, output, id=f"{page.name}:{block.line}"))
    return parameters


@pytest.mark.parametrize(("block", "output"), python_blocks())
def test_each_python_block_runs_and_makes_requests_that_the_sdk_accepts(
    block: Block,
    output: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
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

    for name in ("tests", "lambda_fn"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with mock.patch.object(boto3, "client", return_value=Client()):
        exec(compile(block.text, "page", "exec"), {"result": dict(RESULT)})
    assert set(reports.values()) <= {""}
    if "boto3" in block.text:
        assert reports
    printed = capsys.readouterr().out
    if "print(" in block.text:
        # The last line may be the only one of a script that shows how far it has got.
        assert printed.endswith(output)
        assert output


def test_the_files_that_contributing_names_exist() -> None:
    named = re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.\w+)`", text_of("CONTRIBUTING.md"))
    assert len(named) > 30
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_newest_version_is_in_the_changelog() -> None:
    versions = re.findall(r"^## (\S+)", text_of("CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == VERSION
