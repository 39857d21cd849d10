"""The template passes cfn-lint, as written and translated, and is consistent."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Set

import pytest
from cfnlint.api import lint, lint_file  # type: ignore[import-untyped]
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]
from statelint.linter import Linter  # type: ignore[import-untyped]

from tests.template.stack import (
    LARGEST,
    SMALLEST,
    STACKS,
    TEMPLATE,
    Template,
    definition,
    of_type,
    references,
    resolved,
    source,
    translated,
)

# SAM copies the function's UpdateReplacePolicy to all resources that it makes from the function,
# and makes its deployment group only if there is a role for it. The function's own cfn-lint
# metadata, which allows both, is copied to only some of them.
COPIED = {"W3011", "W1001"}


def circular(template: Template) -> List[str]:
    """Return the resources that depend on themselves, directly or through others."""
    resources = template["Resources"]
    edges: Dict[str, Set[str]] = {
        name: set(references(resource)) & set(resources) for name, resource in resources.items()
    }

    def reached_from(name: str) -> Set[str]:
        reached: Set[str] = set()
        waiting = list(edges[name])
        while waiting:
            step = waiting.pop()
            if step not in reached:
                reached.add(step)
                waiting.extend(edges[step])
        return reached

    return [name for name in edges if name in reached_from(name)]


def state_machine_findings(states: Dict[str, Any]) -> List[str]:
    """Return the rules that a state machine of these states breaks."""
    machine = dict(translated(**SMALLEST)["Resources"]["PayloadStateMachine"])
    role = "arn:aws:iam::111122223333:role/machine"
    machine["Properties"] = {"RoleArn": role, "Definition": states}
    machine.pop("Condition", None)
    return [match.rule.id for match in lint(json.dumps({"Resources": {"Machine": machine}}))]


def test_template_as_written_passes_cfn_lint() -> None:
    assert lint_file(TEMPLATE) == []


def test_translated_template_passes_cfn_lint() -> None:
    """Most stacks are the same once translated: cfn-lint itself tries parameters and conditions."""
    for template in {json.dumps(translated(**parameters)) for parameters in STACKS.values()}:
        findings = lint(template)
        assert [
            finding
            for finding in findings
            if finding.rule.id not in COPIED
            or not str(finding.path[1]).startswith("PayloadFunction")
        ] == []


def test_template_passes_cfn_lint_in_other_partitions() -> None:
    assert lint_file(TEMPLATE, config=ManualArgs(regions=["us-gov-west-1", "cn-north-1"])) == []


@pytest.mark.parametrize("stack", STACKS)
def test_no_resource_depends_on_itself(stack: str) -> None:
    # With all branches of every Fn::If, which is more than any stack has.
    assert circular(translated(**STACKS[stack])) == []


@pytest.mark.parametrize(
    "reference",
    [
        {"Ref": "FunctionRole"},
        {"Fn::GetAtt": ["FunctionRole", "Arn"]},
        {"Fn::Sub": "${FunctionRole.Arn}"},
        {"Fn::If": ["InVpc", {"Fn::GetAtt": ["FunctionRole", "Arn"]}, ""]},
    ],
)
def test_a_circle_would_be_noticed(reference: Any) -> None:
    template = translated(**SMALLEST)
    template["Resources"]["FailureQueue"]["Properties"]["QueueName"] = reference
    assert "FailureQueue" in circular(template)


def test_every_reference_has_a_target() -> None:
    template = translated(**SMALLEST)
    known = {*template["Parameters"], *template["Resources"]}
    named = set(references([template["Resources"], template["Outputs"]]))
    assert {name for name in named - known if not name.startswith("AWS::")} == set()


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_refers_only_to_resources_that_it_has(stack: str) -> None:
    template = resolved(**STACKS[stack])
    named = set(references([template["Resources"], template["Outputs"]]))
    assert {name for name in named - set(template["Resources"]) if "::" not in name} == set()


def test_a_stack_without_a_state_machine_has_none_of_its_resources() -> None:
    template = resolved(**SMALLEST, CreateStateMachine="false")
    assert "StateMachineArn" not in template["Outputs"]
    assert not {"StateMachine", "Execution", "Registration"} & {
        word for name in template["Resources"] for word in re.findall("[A-Z][a-z]+", name)
    }


def test_buckets_are_referred_to_only_by_name() -> None:
    template = translated(**SMALLEST)
    referring = {
        name
        for name, resource in template["Resources"].items()
        if "ModelBucket" in set(references(resource))
    }
    assert referring == {"ModelBucketPolicy"}


def test_every_arn_has_the_partition_of_the_stack() -> None:
    text = json.dumps(resolved(partition="aws-cn", **LARGEST)["Resources"])
    for given in [name for name in LARGEST if name.endswith("Arn")]:
        text = text.replace(LARGEST[given], "")
    assert "arn:aws:" not in text
    assert "arn:aws-cn:s3:::models" in text


def test_every_parameter_is_used_and_described() -> None:
    template = source()
    used = set(references([template["Resources"], template["Conditions"], template["Outputs"]]))
    assert set(template["Parameters"]) - used == set()
    assert all(parameter["Description"] for parameter in template["Parameters"].values())


def test_every_parameter_is_in_a_group_of_the_console() -> None:
    template = source()
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])


def test_resources_with_data_say_what_happens_to_them() -> None:
    template = translated(**SMALLEST)
    for resource in template["Resources"].values():
        if resource["Type"] in ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::Logs::LogGroup"):
            assert {"DeletionPolicy", "UpdateReplacePolicy"} <= set(resource)


def test_roles_need_no_named_capability() -> None:
    template = resolved(**LARGEST)
    roles = of_type(template, "AWS::IAM::Role")
    assert len(roles) == 4
    assert all("RoleName" not in role for role in roles.values())


def test_the_state_machines_definition_passes_statelint() -> None:
    assert Linter.validate(definition()) == []
    broken = definition()
    broken["States"]["Done"]["Type"] = "Stop"
    assert Linter.validate(broken) != []


def test_the_state_machines_definition_passes_cfn_lint() -> None:
    states = definition()
    assert state_machine_findings(states) == []
    states["States"]["Done"]["Type"] = "Stop"
    assert state_machine_findings(states) == ["E3601"]
