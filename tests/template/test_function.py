"""The deployed function: its properties, its environment, and that a changed setting reaches it."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]
from mims.setting_table import SETTINGS
from mims.settings import read_settings

from tests.template.stack import (
    ACCOUNT,
    LARGEST,
    MODEL_KEY,
    PAYLOAD_KEY,
    REGION,
    ROOT,
    SMALLEST,
    STACKS,
    Template,
    of_type,
    references,
    resolved,
    source,
    translated,
)

# Where payloads go, and who owns the buckets: these are not settings of a payload.
LOCATIONS = ("PAYLOAD_BUCKET", "PAYLOAD_PREFIX", "PAYLOAD_KMS_KEY_ID", "MODEL_BUCKET_OWNER")
OWNERS = ["MODEL_BUCKET_OWNER", "PAYLOAD_BUCKET_OWNER"]


def function(template: Template) -> Dict[str, Any]:
    [properties] = of_type(template, "AWS::Lambda::Function").values()
    return properties


def environment(**parameters: str) -> Dict[str, Any]:
    variables: Dict[str, Any] = function(resolved(**SMALLEST, **parameters))["Environment"][
        "Variables"
    ]
    return variables


def test_the_function_is_what_the_code_is_made_for() -> None:
    properties = function(resolved(**SMALLEST))
    assert properties["Runtime"] == "python3.13"
    assert properties["Architectures"] == ["arm64"]
    assert properties["MemorySize"] == "512"
    assert properties["TracingConfig"] == {"Mode": "PassThrough"}
    assert properties["Timeout"] == 900
    assert properties["Handler"] == "app.lambda_handler"
    assert properties["Role"] == {"Fn::GetAtt": ["FunctionRole", "Arn"]}
    assert properties["LoggingConfig"] == {"LogGroup": {"Ref": "FunctionLogGroup"}}


def test_code_and_definition_are_where_the_template_says() -> None:
    resources = source()["Resources"]
    code = ROOT / resources["PayloadFunction"]["Properties"]["CodeUri"]
    assert (code / "mims").is_dir()
    assert (ROOT / resources["PayloadStateMachine"]["Properties"]["DefinitionUri"]).is_file()


def test_the_environment_of_the_smallest_stack_has_the_defaults() -> None:
    # Empty variables count as unset: the code has the contract's defaults.
    assert environment() == {
        "RECIPE": "",
        "CONTENT_TYPES": "",
        "CONTENT_TEMPLATE": "",
        "RECORD_TEMPLATE": "",
        "FIELDS": "",
        "FIELD_DEFAULTS": "{}",
        "DEFAULT_NUMERIC_VALUE": "",
        "DEFAULT_TEXT_VALUE": "",
        "DEFAULT_CATEGORICAL_VALUE": "",
        "PAYLOAD_LAYOUT": "contract",
        "SAMPLE_COUNT": "1",
        "REALISTIC_VALUES": "false",
        "PAYLOAD_BUCKET": "",
        "PAYLOAD_PREFIX": "",
        "PAYLOAD_KMS_KEY_ID": "",
        "MODEL_BUCKET_OWNER": ACCOUNT,
        "PAYLOAD_BUCKET_OWNER": ACCOUNT,
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "POWERTOOLS_SERVICE_NAME": "mims-payload",
        "POWERTOOLS_METRICS_NAMESPACE": "MimsPayload",
    }


def test_every_setting_has_a_parameter_but_limits_and_values_of_single_fields() -> None:
    settings = {setting.variable for setting in SETTINGS if setting.variable and not setting.limit}
    others = {name for name in environment() if name.startswith(("POWERTOOLS_", *LOCATIONS))}
    assert set(environment()) - others == settings


def test_the_smallest_stack_leaves_every_setting_at_its_default() -> None:
    given = read_settings(environment())
    assert given.warnings == ()
    defaults = read_settings({}).resolve({})
    assert given.environment == {name: getattr(defaults, name) for name in given.environment}


@pytest.mark.parametrize(
    ("parameter", "variable", "value"),
    [
        ("Recipe", "RECIPE", "auto"),
        ("ContentTypes", "CONTENT_TYPES", "text/csv; header=absent, application/json"),
        ("ContentTemplate", "CONTENT_TEMPLATE", '{"instances": $records}'),
        ("RecordTemplate", "RECORD_TEMPLATE", '{"a": ${a}}'),
        ("Fields", "FIELDS", '{"a": "int"}'),
        ("DefaultNumericValue", "DEFAULT_NUMERIC_VALUE", "-7.5e3"),
        ("DefaultTextValue", "DEFAULT_TEXT_VALUE", "some text"),
        ("DefaultCategoricalValue", "DEFAULT_CATEGORICAL_VALUE", "0"),
        ("FieldDefaults", "FIELD_DEFAULTS", '{"a.b": "x"}'),
        ("PayloadLayout", "PAYLOAD_LAYOUT", "flat"),
        ("SampleCount", "SAMPLE_COUNT", "5"),
        ("RealisticValues", "REALISTIC_VALUES", "true"),
        ("PayloadBucketName", "PAYLOAD_BUCKET", "payloads"),
        ("PayloadPrefix", "PAYLOAD_PREFIX", "samples/of models"),
        ("PayloadKmsKeyArn", "PAYLOAD_KMS_KEY_ID", LARGEST["PayloadKmsKeyArn"]),
        ("LogLevel", "POWERTOOLS_LOG_LEVEL", "DEBUG"),
        ("ServiceName", "POWERTOOLS_SERVICE_NAME", "churn-payload"),
    ],
)
def test_each_setting_reaches_the_environment(parameter: str, variable: str, value: str) -> None:
    assert environment(**{parameter: value})[variable] == value


@pytest.mark.parametrize(
    ("parameters", "model_owner", "payload_owner"),
    [
        ({}, ACCOUNT, ACCOUNT),
        ({"ModelBucketOwner": "444455556666"}, "444455556666", "444455556666"),
        (
            {"ModelBucketOwner": "444455556666", "PayloadBucketName": "payloads"},
            "444455556666",
            ACCOUNT,
        ),
        (
            {"PayloadBucketOwner": "777788889999", "PayloadBucketName": "payloads"},
            ACCOUNT,
            "777788889999",
        ),
        # The bucket of the models, named twice, has the models' owner.
        (
            {"ModelBucketOwner": "444455556666", "PayloadBucketName": "models"},
            "444455556666",
            "444455556666",
        ),
    ],
)
def test_an_owner_is_expected_of_every_bucket(
    parameters: Dict[str, str], model_owner: str, payload_owner: str
) -> None:
    variables = environment(**parameters)
    assert [variables[name] for name in OWNERS] == [model_owner, payload_owner]


def test_vpc_and_reserved_concurrency_are_set_only_if_given() -> None:
    smallest = function(resolved(**SMALLEST))
    assert "VpcConfig" not in smallest
    assert "ReservedConcurrentExecutions" not in smallest
    largest = function(resolved(**LARGEST))
    assert largest["VpcConfig"] == {
        "SubnetIds": LARGEST["SubnetIds"].split(","),
        "SecurityGroupIds": [LARGEST["SecurityGroupIds"]],
    }
    assert largest["ReservedConcurrentExecutions"] == "50"
    assert largest["MemorySize"] == "1024"
    assert largest["TracingConfig"] == {"Mode": "Active"}


def test_the_alias_follows_the_published_version() -> None:
    template = resolved(**SMALLEST)
    [(version, properties)] = of_type(template, "AWS::Lambda::Version").items()
    assert properties["FunctionName"] == {"Ref": "PayloadFunction"}
    [alias] = of_type(template, "AWS::Lambda::Alias").values()
    assert alias["Name"] == "live"
    assert alias["FunctionVersion"] == {"Fn::GetAtt": [version, "Version"]}


def test_earlier_versions_are_kept_for_rolling_back() -> None:
    template = translated(**SMALLEST)
    [version] = [
        resource
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Version"
    ]
    assert version["DeletionPolicy"] == version["UpdateReplacePolicy"] == "Retain"


def test_sam_alone_would_publish_no_version_for_a_changed_setting() -> None:
    # The reason for SettingsRecord. Once this fails, that can be removed.
    changed = translated(**SMALLEST, ContentTypes="text/csv")
    assert set(of_type(changed, "AWS::Lambda::Version")) == set(
        of_type(translated(**SMALLEST), "AWS::Lambda::Version")
    )


def test_a_changed_setting_publishes_a_version() -> None:
    template = resolved(**SMALLEST)
    [version] = of_type(template, "AWS::Lambda::Version").values()
    assert version["Description"] == {"Fn::Sub": "settings ${SettingsRecord.VersionNumber}"}
    # CloudFormation replaces both when these properties change.
    for resource_type, changed in [
        ("AWS::AppConfig::HostedConfigurationVersion", "/properties/Content"),
        ("AWS::Lambda::Version", "/properties/Description"),
    ]:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource_type).schema
        assert changed in schema["createOnlyProperties"]


# Another value for every parameter, with others that a rule requires. A change that does not affect
# the function, such as the account's own id for an owner, must not change the record either.
CHANGES: List[Dict[str, str]] = [
    {"Recipe": "auto"},
    {"ContentTypes": "text/csv"},
    {"ContentTemplate": '{"instances": $records}'},
    {"RecordTemplate": "$features"},
    {"Fields": "3"},
    {"FieldDefaults": '{"a": 1}'},
    {"DefaultNumericValue": "1"},
    {"DefaultTextValue": "x"},
    {"DefaultCategoricalValue": "x"},
    {"PayloadLayout": "flat"},
    {"SampleCount": "2"},
    {"RealisticValues": "true"},
    {"ModelBucketName": "others"},
    {"CreateModelBucket": "true"},
    {"NoncurrentVersionDays": "7"},
    {"ModelPrefix": "training/"},
    {"ModelBucketOwner": "444455556666"},
    {"ModelBucketOwner": ACCOUNT},
    {"ModelKmsKeyArn": MODEL_KEY, "PayloadBucketName": "payloads"},
    {"ModelUploadRule": "DISABLED"},
    {"TrainingJobRule": "ENABLED"},
    {"CreateQueue": "true"},
    {"CreateQueue": "true", "UploadsThroughQueue": "true"},
    {"QueueConcurrency": "2"},
    {"PayloadBucketName": "payloads"},
    {"PayloadBucketName": "models"},
    {"PayloadPrefix": "samples"},
    {"PayloadBucketOwner": ACCOUNT},
    {"PayloadBucketName": "payloads", "PayloadBucketOwner": ACCOUNT},
    {"PayloadBucketName": "payloads", "PayloadBucketOwner": "444455556666"},
    {"PayloadKmsKeyArn": PAYLOAD_KEY},
    {"ServiceName": "churn"},
    {"MemorySize": "1024"},
    {"ReservedConcurrency": "5"},
    {"LogLevel": "DEBUG"},
    {"LogRetentionDays": "7"},
    {"Tracing": "Active"},
    {"AlarmTopicArn": LARGEST["AlarmTopicArn"]},
    {"ResultDestinationArn": LARGEST["ResultDestinationArn"]},
    {"GradualDeployment": "true"},
    {"CreateStateMachine": "false"},
    {"ModelPackageGroupName": "churn"},
    {"SubnetIds": "subnet-0a", "SecurityGroupIds": "sg-0a"},
    {"PermissionsBoundaryArn": LARGEST["PermissionsBoundaryArn"]},
]
# The stacks to which each change is made.
BASES = [SMALLEST, {**SMALLEST, "PayloadBucketName": "payloads"}]


def published(template: Template) -> Dict[str, Any]:
    """Return the properties that are part of a published version of the function."""
    properties = function(template)
    # The limit of its runs is not part of a version, and no parameter changes its code.
    return {
        key: value for key, value in properties.items() if key != "ReservedConcurrentExecutions"
    }


def record(template: Template) -> str:
    content: str = template["Resources"]["SettingsRecord"]["Properties"]["Content"]
    return content


def test_every_parameter_is_changed_below() -> None:
    changed = {name for change in CHANGES for name in change}
    assert changed == set(source()["Parameters"])


@pytest.mark.parametrize("base", BASES, ids=["one bucket", "two buckets"])
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_the_record_changes_when_the_function_does_and_only_then(
    base: Dict[str, str], change: Dict[str, str]
) -> None:
    before, after = resolved(**base), resolved(**{**base, **change})
    assert (record(before) != record(after)) is (published(before) != published(after))


def test_the_record_has_the_values_of_the_environment() -> None:
    for parameters in STACKS.values():
        template = resolved(**parameters)
        lines = record(template).splitlines()
        variables = function(template)["Environment"]["Variables"]
        for name in set(variables) - {"POWERTOOLS_METRICS_NAMESPACE"}:
            assert f"{name}={variables[name]}" in lines


def test_no_value_can_be_mistaken_for_two_lines_of_the_record() -> None:
    for name in ("FieldDefaults", "DefaultTextValue", "DefaultCategoricalValue", "ContentTypes"):
        with pytest.raises(ValueError, match=name):
            resolved(**SMALLEST, **{name: "a\nb"})


def test_the_settings_have_the_stacks_name() -> None:
    resources = resolved(**SMALLEST)["Resources"]
    assert resources["SettingsApplication"]["Properties"]["Name"] == "mims"
    assert "mims" in resources["SettingsRecord"]["Properties"]["Description"]


# Characters whose JSON is longest, in the order in which patterns may allow them.
COSTLY = ['"', "\\", "\U0001f600", "z", "9", "e"]


def longest(name: str) -> str:
    """Return the value of a parameter that has the most bytes as JSON in UTF-8."""
    declaration = source()["Parameters"][name]
    if "AllowedValues" in declaration:
        return max(map(str, declaration["AllowedValues"]), key=len)
    if declaration["Type"] == "Number":
        return str(declaration["MaxValue"])
    pattern, length = str(declaration["AllowedPattern"]), int(declaration["MaxLength"])
    values = [character * length for character in COSTLY]
    return max((value for value in values if re.fullmatch(pattern, value)), key=json_bytes)


def json_bytes(value: str) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def test_lambda_accepts_the_longest_environment() -> None:
    # Lambda measures the JSON of all variables, as its error says, and accepts 4 KB.
    template = translated(**SMALLEST)
    variables = function(template)["Environment"]["Variables"]
    values = {}
    for name, value in variables.items():
        if isinstance(value, str):
            values[name] = value
        elif set(references(value)) <= {"ModelBucketOwner", "PayloadBucketOwner", "AWS::AccountId"}:
            values[name] = ACCOUNT
        elif value == {"Ref": "PayloadKmsKeyArn"}:
            values[name] = "k" * source()["Parameters"]["PayloadKmsKeyArn"]["MaxLength"]
        elif value == {"Ref": "PayloadBucketName"}:
            values[name] = "b" * 63
        else:
            values[name] = longest(value["Ref"])
    size = len(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode())
    assert 3_500 < size <= 4_096


@pytest.mark.parametrize(
    "name",
    [
        "ContentTypes",
        "ContentTemplate",
        "RecordTemplate",
        "Fields",
        "FieldDefaults",
        "PayloadPrefix",
    ],
)
def test_a_string_longer_than_its_maximum_is_refused(name: str) -> None:
    longest_allowed = "a" * source()["Parameters"][name]["MaxLength"]
    assert resolved(**SMALLEST, **{name: longest_allowed})
    with pytest.raises(ValueError, match=name):
        resolved(**SMALLEST, **{name: longest_allowed + "a"})


@pytest.mark.parametrize(
    "prefix", ["a", "payloads/samples", "of models/2026", "a=b&c", "~x|y", "[a]"]
)
def test_prefixes_that_payloads_may_have(prefix: str) -> None:
    assert environment(PayloadPrefix=prefix)["PAYLOAD_PREFIX"] == prefix


@pytest.mark.parametrize(
    "prefix", ["/a", "a/", " a", "a ", "a*b", "a?", "${a}", "a\\b", 'a"', "ü", "a\n"]
)
def test_prefixes_that_payloads_may_not_have(prefix: str) -> None:
    with pytest.raises(ValueError, match="PayloadPrefix"):
        resolved(**SMALLEST, PayloadPrefix=prefix)


# --- a deployment that shifts the alias gradually


def test_the_alias_is_shifted_at_once_by_default() -> None:
    template = translated(**SMALLEST)
    assert of_type(template, "AWS::CodeDeploy::DeploymentGroup") == {}
    assert of_type(template, "AWS::CodeDeploy::Application") == {}
    assert "UpdatePolicy" not in template["Resources"]["PayloadFunctionAliaslive"]


def test_a_gradual_deployment_is_guarded_by_the_error_alarm() -> None:
    template = resolved(**SMALLEST, GradualDeployment="true")
    [group] = of_type(template, "AWS::CodeDeploy::DeploymentGroup").values()
    assert group["AlarmConfiguration"] == {
        "Enabled": True,
        "Alarms": [{"Name": {"Ref": "ErrorsAlarm"}}],
    }
    assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaLinear10PercentEvery3Minutes"
    assert group["ServiceRoleArn"] == {"Fn::GetAtt": ["DeploymentRole", "Arn"]}
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]


def test_a_setting_that_looks_like_a_variable_is_recorded_unchanged() -> None:
    template = resolved(**SMALLEST, DefaultTextValue="a=b\\n")
    content = template["Resources"]["SettingsRecord"]["Properties"]["Content"]
    assert "DEFAULT_TEXT_VALUE=a=b\\n\n" in content
