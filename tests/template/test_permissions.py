"""What the stack's roles may do, held word for word, and how it guards what it makes."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, Tuple

import pytest

from tests.template.stack import (
    ACCOUNT,
    LARGEST,
    MODEL_KEY,
    PAYLOAD_KEY,
    REGION,
    SMALLEST,
    of_type,
    resolved,
    statements,
)

ALIAS = {"Ref": "PayloadFunctionAliaslive"}
PACKAGES = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"


def allow(action: Any, resource: Any) -> Dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def payload_place(**parameters: str) -> Any:
    return statements(resolved(**SMALLEST, **parameters), "FunctionRole")["WritePayloads"][
        "Resource"
    ]


def all_statements(parameters: Dict[str, str]) -> Iterator[Tuple[str, str, Dict[str, Any]]]:
    template = resolved(**parameters)
    for role in of_type(template, "AWS::IAM::Role"):
        for sid, statement in statements(template, role).items():
            yield role, sid, statement


def test_function_of_the_smallest_stack() -> None:
    assert statements(resolved(**SMALLEST), "FunctionRole") == {
        "ReadModels": allow(["s3:GetObject", "s3:GetObjectVersion"], "arn:aws:s3:::models/*"),
        "TellMissingModels": allow("s3:ListBucket", "arn:aws:s3:::models"),
        "WritePayloads": allow(
            ["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::models/*/payload.tar.gz"
        ),
        "SendFailures": allow("sqs:SendMessage", {"Fn::GetAtt": ["FailureQueue", "Arn"]}),
        "WriteLogs": allow(
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            {"Fn::GetAtt": ["FunctionLogGroup", "Arn"]},
        ),
    }


def test_function_of_the_largest_stack() -> None:
    assert statements(resolved(**LARGEST), "FunctionRole") == {
        "ReadModels": allow(
            ["s3:GetObject", "s3:GetObjectVersion"], "arn:aws:s3:::models/training/*"
        ),
        "TellMissingModels": allow("s3:ListBucket", "arn:aws:s3:::models"),
        "WritePayloads": allow(
            ["s3:GetObject", "s3:PutObject"],
            "arn:aws:s3:::payloads/samples/models/training/*/payload.tar.gz",
        ),
        "TellMissingPayloads": allow("s3:ListBucket", "arn:aws:s3:::payloads"),
        "DecryptModels": allow("kms:Decrypt", MODEL_KEY),
        "EncryptPayloads": allow("kms:GenerateDataKey", PAYLOAD_KEY),
        "SendFailures": allow("sqs:SendMessage", {"Fn::GetAtt": ["FailureQueue", "Arn"]}),
        "WriteLogs": allow(
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            {"Fn::GetAtt": ["FunctionLogGroup", "Arn"]},
        ),
        "JoinVpc": allow(
            [
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:UnassignPrivateIpAddresses",
            ],
            "*",
        ),
    }


def test_state_machine() -> None:
    expected = {
        "GeneratePayload": allow("lambda:InvokeFunction", ALIAS),
        "RegisterModel": allow(
            "sagemaker:CreateModelPackage",
            [f"{PACKAGES}:model-package-group/*", f"{PACKAGES}:model-package/*/*"],
        ),
        "DeliverLogs": allow(
            [
                "logs:CreateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
                "logs:GetLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:UpdateLogDelivery",
            ],
            "*",
        ),
    }
    assert statements(resolved(**SMALLEST), "StateMachineRole") == expected
    one_group = resolved(**SMALLEST, ModelPackageGroupName="churn")
    expected["RegisterModel"]["Resource"] = [
        f"{PACKAGES}:model-package-group/churn",
        f"{PACKAGES}:model-package/churn/*",
    ]
    assert statements(one_group, "StateMachineRole") == expected


def test_backfill() -> None:
    smallest = {
        "InvokePayloadFunction": allow("lambda:InvokeFunction", ALIAS),
        "ListModels": allow("s3:PutInventoryConfiguration", "arn:aws:s3:::models"),
        "FindReportBucket": allow("s3:GetBucketLocation", "arn:aws:s3:::models"),
        "WriteReport": allow("s3:PutObject", "arn:aws:s3:::models/mims-payload-backfill/*"),
    }
    assert statements(resolved(**SMALLEST), "BackfillRole") == smallest
    assert statements(resolved(**LARGEST), "BackfillRole") == {
        **smallest,
        "FindReportBucket": allow("s3:GetBucketLocation", "arn:aws:s3:::payloads"),
        "WriteReport": allow("s3:PutObject", "arn:aws:s3:::payloads/mims-payload-backfill/*"),
        "EncryptReport": allow(["kms:Decrypt", "kms:GenerateDataKey"], PAYLOAD_KEY),
    }


@pytest.mark.parametrize(
    ("parameters", "place"),
    [
        ({}, "models/*/payload.tar.gz"),
        ({"ModelPrefix": "t/"}, "models/t/*/payload.tar.gz"),
        ({"PayloadPrefix": "p"}, "models/p/models/*/payload.tar.gz"),
        ({"PayloadBucketName": "payloads"}, "payloads/models/*/payload.tar.gz"),
        (
            {"PayloadBucketName": "payloads", "PayloadPrefix": "p/q", "ModelPrefix": "t/"},
            "payloads/p/q/models/t/*/payload.tar.gz",
        ),
    ],
)
def test_payloads_are_written_where_they_belong_and_nowhere_else(
    parameters: Dict[str, str], place: str
) -> None:
    assert payload_place(**parameters) == f"arn:aws:s3:::{place}"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, set()),
        ({"ModelKmsKeyArn": MODEL_KEY}, {("kms:Decrypt", MODEL_KEY)}),
        ({"PayloadKmsKeyArn": PAYLOAD_KEY}, {("kms:GenerateDataKey", PAYLOAD_KEY)}),
        (
            {"ModelKmsKeyArn": MODEL_KEY, "PayloadKmsKeyArn": PAYLOAD_KEY},
            {("kms:Decrypt", MODEL_KEY), ("kms:GenerateDataKey", PAYLOAD_KEY)},
        ),
    ],
)
def test_the_function_may_use_the_keys_that_are_given_each_for_its_own_purpose(
    parameters: Dict[str, str], expected: set[Tuple[str, str]]
) -> None:
    granted = statements(resolved(**SMALLEST, **parameters), "FunctionRole").values()
    assert {
        (statement["Action"], statement["Resource"])
        for statement in granted
        if str(statement["Action"]).startswith("kms:")
    } == expected


@pytest.mark.parametrize("parameters", [SMALLEST, LARGEST], ids=["smallest", "largest"])
def test_only_two_statements_reach_every_resource(parameters: Dict[str, str]) -> None:
    # Neither EC2's network interface actions nor CloudWatch Logs' delivery actions take another.
    everywhere = {
        sid for _, sid, statement in all_statements(parameters) if statement["Resource"] == "*"
    }
    assert everywhere == ({"DeliverLogs", "JoinVpc"} if parameters is LARGEST else {"DeliverLogs"})


@pytest.mark.parametrize("parameters", [SMALLEST, LARGEST], ids=["smallest", "largest"])
def test_no_action_has_a_wildcard_and_nothing_can_be_deleted(parameters: Dict[str, str]) -> None:
    for _, sid, statement in all_statements(parameters):
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            assert "*" not in action
            if sid not in ("DeliverLogs", "JoinVpc"):
                assert "Delete" not in action


def test_each_role_is_for_one_service() -> None:
    template = resolved(**SMALLEST)
    trust = {
        name: role["AssumeRolePolicyDocument"]["Statement"]
        for name, role in of_type(template, "AWS::IAM::Role").items()
    }
    assert {
        name: (statement["Principal"]["Service"], statement.get("Condition"))
        for name, [statement] in trust.items()
    } == {
        "FunctionRole": ("lambda.amazonaws.com", None),
        "StateMachineRole": (
            "states.amazonaws.com",
            {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        ),
        "BackfillRole": ("batchoperations.s3.amazonaws.com", None),
    }


def test_the_permissions_boundary_bounds_every_role() -> None:
    for role in of_type(resolved(**LARGEST), "AWS::IAM::Role").values():
        assert role["PermissionsBoundary"] == LARGEST["PermissionsBoundaryArn"]
    for role in of_type(resolved(**SMALLEST), "AWS::IAM::Role").values():
        assert "PermissionsBoundary" not in role


def test_an_existing_bucket_is_left_alone() -> None:
    template = resolved(**SMALLEST)
    assert of_type(template, "AWS::S3::Bucket") == {}
    assert of_type(template, "AWS::S3::BucketPolicy") == {}


def test_the_bucket_that_the_stack_makes_is_guarded_and_stays() -> None:
    template = resolved(**SMALLEST, CreateModelBucket="true")
    bucket = template["Resources"]["ModelBucket"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    properties = bucket["Properties"]
    assert properties["BucketName"] == "models"
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["OwnershipControls"] == {
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
    }
    assert properties["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, {"SSEAlgorithm": "AES256"}),
        (
            {"ModelKmsKeyArn": MODEL_KEY, "PayloadKmsKeyArn": MODEL_KEY},
            {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": MODEL_KEY},
        ),
    ],
)
def test_the_bucket_that_the_stack_makes_is_encrypted(
    parameters: Dict[str, str], expected: Dict[str, str]
) -> None:
    template = resolved(**SMALLEST, CreateModelBucket="true", **parameters)
    encryption = template["Resources"]["ModelBucket"]["Properties"]["BucketEncryption"]
    [rule] = encryption["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == expected


def test_the_bucket_that_the_stack_makes_demands_tls() -> None:
    template = resolved(**SMALLEST, CreateModelBucket="true")
    policy = template["Resources"]["ModelBucketPolicy"]["Properties"]
    assert policy["Bucket"] == {"Ref": "ModelBucket"}
    assert policy["PolicyDocument"]["Statement"] == [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::models", "arn:aws:s3:::models/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]


def test_a_stack_whose_payloads_could_not_be_encrypted_is_refused() -> None:
    made = {**SMALLEST, "CreateModelBucket": "true", "ModelKmsKeyArn": MODEL_KEY}
    with pytest.raises(ValueError, match="PayloadKmsKeyArn"):
        resolved(**made)
    for remedy in ({"PayloadKmsKeyArn": MODEL_KEY}, {"PayloadBucketName": "payloads"}):
        assert resolved(**made, **remedy)


@pytest.mark.parametrize("name", ["ModelKmsKeyArn", "PayloadKmsKeyArn"])
def test_keys_are_given_by_arn_since_a_policy_knows_no_alias(name: str) -> None:
    for value in ("alias/models", "0000-model", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/models"):
        with pytest.raises(ValueError, match=name):
            resolved(**SMALLEST, **{name: value})


def test_no_statement_names_what_the_translation_adds() -> None:
    # SAM adds no role of its own beside those of the template.
    assert set(of_type(resolved(**LARGEST), "AWS::IAM::Role")) == {
        "FunctionRole",
        "StateMachineRole",
        "BackfillRole",
    }
    assert "arn:aws:iam::aws:policy" not in json.dumps(resolved(**LARGEST)["Resources"])
