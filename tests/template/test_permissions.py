"""The exact permissions of the stack's roles, and how it protects its bucket."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterator, List, Tuple

import pytest

from tests.pages import section, table, text_of
from tests.template.stack import (
    ACCOUNT,
    LARGEST,
    MODEL_KEY,
    PAYLOAD_KEY,
    REGION,
    SMALLEST,
    STACKS,
    of_type,
    resolved,
    source,
    statements,
)

ALIAS = {"Ref": "PayloadFunctionAliaslive"}
PACKAGES = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"


def allow(action: Any, resource: Any) -> Dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def payload_resource(**parameters: str) -> Any:
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
        "UsePayloadKey": allow(["kms:Decrypt", "kms:GenerateDataKey"], PAYLOAD_KEY),
        "SendFailures": allow("sqs:SendMessage", {"Fn::GetAtt": ["FailureQueue", "Arn"]}),
        "SendResults": allow("events:PutEvents", LARGEST["ResultDestinationArn"]),
        "TakeRequests": allow(
            ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            {"Fn::GetAtt": ["RequestQueue", "Arn"]},
        ),
        "WriteTraces": allow(["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*"),
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


def test_results_go_only_to_the_bus_or_topic_that_is_named() -> None:
    topic = STACKS["results to a topic"]
    assert statements(resolved(**topic), "FunctionRole")["SendResults"] == allow(
        "sns:Publish", topic["ResultDestinationArn"]
    )
    assert "SendResults" not in statements(resolved(**SMALLEST), "FunctionRole")


def test_deployment() -> None:
    assert statements(resolved(**LARGEST), "DeploymentRole") == {
        "ShiftAlias": allow(
            ["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"],
            [
                {"Fn::GetAtt": ["PayloadFunction", "Arn"]},
                {"Fn::Sub": "${PayloadFunction.Arn}:*"},
            ],
        ),
        "SeeAlarms": allow(
            "cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:*"
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
    assert statements(resolved(**LARGEST), "StateMachineRole")["WriteTraces"] == allow(
        [
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
            "xray:PutTelemetryRecords",
            "xray:PutTraceSegments",
        ],
        "*",
    )


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
    ("parameters", "resource"),
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
def test_payloads_can_be_written_only_where_they_belong(
    parameters: Dict[str, str], resource: str
) -> None:
    assert payload_resource(**parameters) == f"arn:aws:s3:::{resource}"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, {}),
        (
            {"ModelKmsKeyArn": MODEL_KEY, "PayloadBucketName": "payloads"},
            {"DecryptModels": allow("kms:Decrypt", MODEL_KEY)},
        ),
        (
            {"PayloadKmsKeyArn": PAYLOAD_KEY},
            {"UsePayloadKey": allow(["kms:Decrypt", "kms:GenerateDataKey"], PAYLOAD_KEY)},
        ),
        (
            {"ModelKmsKeyArn": MODEL_KEY, "PayloadKmsKeyArn": PAYLOAD_KEY},
            {
                "DecryptModels": allow("kms:Decrypt", MODEL_KEY),
                "UsePayloadKey": allow(["kms:Decrypt", "kms:GenerateDataKey"], PAYLOAD_KEY),
            },
        ),
    ],
)
def test_the_function_may_use_each_given_key_only_for_its_own_purpose(
    parameters: Dict[str, str], expected: Dict[str, Any]
) -> None:
    granted = statements(resolved(**SMALLEST, **parameters), "FunctionRole")
    assert {
        sid: statement for sid, statement in granted.items() if "kms:" in str(statement["Action"])
    } == expected


@pytest.mark.parametrize("stack", STACKS)
def test_only_three_statements_reach_every_resource(stack: str) -> None:
    # The actions of X-Ray and those on network interfaces and log deliveries support only "*".
    parameters = STACKS[stack]
    everywhere = {
        sid for _, sid, statement in all_statements(parameters) if statement["Resource"] == "*"
    }
    expected = {
        "DeliverLogs": parameters.get("CreateStateMachine") != "false",
        "JoinVpc": "SubnetIds" in parameters,
        "WriteTraces": parameters.get("Tracing") == "Active",
    }
    assert everywhere == {sid for sid, is_there in expected.items() if is_there}


@pytest.mark.parametrize("stack", STACKS)
def test_no_action_has_a_wildcard_and_nothing_in_s3_can_be_deleted(stack: str) -> None:
    for _, sid, statement in all_statements(STACKS[stack]):
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            assert "*" not in action
            # Messages are deleted once handled, and services delete what they made themselves.
            if sid not in ("DeliverLogs", "JoinVpc", "TakeRequests"):
                assert "Delete" not in action


def test_each_role_is_for_one_service() -> None:
    template = resolved(**SMALLEST, GradualDeployment="true")
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
        "DeploymentRole": ("codedeploy.amazonaws.com", None),
    }


def test_the_permissions_boundary_applies_to_every_role() -> None:
    for role in of_type(resolved(**LARGEST), "AWS::IAM::Role").values():
        assert role["PermissionsBoundary"] == LARGEST["PermissionsBoundaryArn"]
    for role in of_type(resolved(**SMALLEST), "AWS::IAM::Role").values():
        assert "PermissionsBoundary" not in role


def test_an_existing_bucket_is_left_alone() -> None:
    template = resolved(**SMALLEST)
    assert of_type(template, "AWS::S3::Bucket") == {}
    assert of_type(template, "AWS::S3::BucketPolicy") == {}


def test_the_bucket_that_the_stack_makes_is_protected_and_kept() -> None:
    template = resolved(**SMALLEST, CreateModelBucket="true")
    bucket = template["Resources"]["ModelBucket"]
    # Else the bucket of a first deployment that failed would make the second one fail.
    assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
    assert bucket["UpdateReplacePolicy"] == "Retain"
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


def test_the_bucket_that_the_stack_makes_expires_replaced_versions() -> None:
    template = resolved(**SMALLEST, CreateModelBucket="true", NoncurrentVersionDays="30")
    rules = template["Resources"]["ModelBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {rule["Id"]: rule.get("NoncurrentVersionExpiration") for rule in rules} == {
        "AbortUnfinishedUploads": None,
        "ExpireNoncurrentVersions": {"NoncurrentDays": "30"},
    }
    assert {rule["Status"] for rule in rules} == {"Enabled"}


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


def test_the_bucket_that_the_stack_makes_requires_tls() -> None:
    template = resolved(**SMALLEST, CreateModelBucket="true")
    resource = template["Resources"]["ModelBucketPolicy"]
    # The policy stays with its bucket.
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    policy = resource["Properties"]
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


OTHER_ACCOUNT = "444455556666"


@pytest.mark.parametrize(
    ("parameters", "remedies", "says"),
    [
        (
            {"ModelKmsKeyArn": MODEL_KEY},
            [{"PayloadKmsKeyArn": MODEL_KEY}, {"PayloadBucketName": "payloads"}],
            "PayloadKmsKeyArn",
        ),
        (
            {"ModelKmsKeyArn": MODEL_KEY, "CreateModelBucket": "true"},
            [{"PayloadKmsKeyArn": MODEL_KEY}, {"PayloadBucketName": "payloads"}],
            "PayloadKmsKeyArn",
        ),
        (
            {"ModelKmsKeyArn": MODEL_KEY, "PayloadBucketName": "models"},
            [{"PayloadKmsKeyArn": PAYLOAD_KEY}],
            "PayloadKmsKeyArn",
        ),
        (
            {"CreateModelBucket": "true", "ModelBucketOwner": OTHER_ACCOUNT},
            [{"ModelBucketOwner": ""}, {"ModelBucketOwner": ACCOUNT}],
            "leave ModelBucketOwner empty",
        ),
        (
            {"PayloadBucketOwner": OTHER_ACCOUNT},
            [{"PayloadBucketName": "payloads"}, {"ModelBucketOwner": OTHER_ACCOUNT}],
            "leave PayloadBucketOwner empty",
        ),
        (
            {"PayloadBucketOwner": ACCOUNT, "ModelBucketOwner": OTHER_ACCOUNT},
            [{"PayloadBucketName": "payloads"}, {"PayloadBucketOwner": ""}],
            "leave PayloadBucketOwner empty",
        ),
        (
            {"SubnetIds": "subnet-0a"},
            [{"SecurityGroupIds": "sg-0a"}],
            "SubnetIds and SecurityGroupIds go together",
        ),
        (
            {"SecurityGroupIds": "sg-0a"},
            [{"SubnetIds": "subnet-0a,subnet-0b"}],
            "SubnetIds and SecurityGroupIds go together",
        ),
        ({"UploadsThroughQueue": "true"}, [{"CreateQueue": "true"}], "CreateQueue=true"),
    ],
)
def test_parameters_that_cannot_work_are_refused_with_the_remedy(
    parameters: Dict[str, str], remedies: List[Dict[str, str]], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        resolved(**SMALLEST, **parameters)
    for remedy in remedies:
        assert resolved(**{**SMALLEST, **parameters, **remedy})


def test_rules_use_only_functions_that_rules_may_have() -> None:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html
    text = json.dumps(source()["Rules"])
    used = set(re.findall(r'"(Fn::\w+|Ref|Condition)":', text))
    assert used == {"Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or", "Ref"}


@pytest.mark.parametrize("name", ["ModelKmsKeyArn", "PayloadKmsKeyArn"])
def test_keys_must_be_given_by_arn_since_policies_do_not_support_aliases(name: str) -> None:
    for value in ("alias/models", "0000-model", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/models"):
        with pytest.raises(ValueError, match=name):
            resolved(**SMALLEST, **{name: value})


def test_the_translation_adds_no_roles() -> None:
    # SAM adds no roles to those of the template.
    assert set(of_type(resolved(**LARGEST), "AWS::IAM::Role")) == {
        "DeploymentRole",
        "FunctionRole",
        "StateMachineRole",
        "BackfillRole",
    }
    assert "arn:aws:iam::aws:policy" not in json.dumps(resolved(**LARGEST)["Resources"])


def test_the_page_of_the_function_lists_the_actions_of_its_role() -> None:
    allowed = set()
    for parameters in STACKS.values():
        for statement in statements(resolved(**parameters), "FunctionRole").values():
            actions = statement["Action"]
            allowed |= {actions} if isinstance(actions, str) else {*actions}
    rows = table(section(text_of("docs/function.md"), "Permissions"))
    assert {action for row in rows for action in re.findall("`([^`]+)`", row["action"])} == allowed
