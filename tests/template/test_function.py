"""The deployed function: its shape, its environment, and that a changed setting reaches it."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from tests.template.stack import (
    ACCOUNT,
    LARGEST,
    REGION,
    ROOT,
    SMALLEST,
    Template,
    of_type,
    references,
    resolved,
    source,
    translated,
)

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
    assert properties["MemorySize"] == 512
    assert properties["Timeout"] == 900
    assert properties["Handler"] == "app.lambda_handler"
    assert properties["Role"] == {"Fn::GetAtt": ["FunctionRole", "Arn"]}
    assert properties["LoggingConfig"] == {"LogGroup": {"Ref": "FunctionLogGroup"}}


def test_code_and_definition_lie_where_the_template_says() -> None:
    resources = source()["Resources"]
    code = ROOT / resources["PayloadFunction"]["Properties"]["CodeUri"]
    assert (code / "mims").is_dir()
    assert (ROOT / resources["PayloadStateMachine"]["Properties"]["DefinitionUri"]).is_file()


def test_the_environment_of_the_smallest_stack_holds_the_defaults() -> None:
    assert environment() == {
        "CONTENT_TYPES": "application/json",
        "DEFAULT_NUMERIC_VALUE": "0.0",
        "DEFAULT_TEXT_VALUE": "DEFAULT_TEXT",
        "DEFAULT_CATEGORICAL_VALUE": "",
        "FIELD_DEFAULTS": "{}",
        "PAYLOAD_LAYOUT": "contract",
        "SAMPLE_COUNT": "1",
        "REALISTIC_VALUES": "false",
        "PAYLOAD_BUCKET": "",
        "PAYLOAD_PREFIX": "",
        "PAYLOAD_KMS_KEY_ID": "",
        "MODEL_BUCKET_OWNER": ACCOUNT,
        "PAYLOAD_BUCKET_OWNER": ACCOUNT,
        "POWERTOOLS_SERVICE_NAME": "mims-payload",
        "POWERTOOLS_METRICS_NAMESPACE": "MimsPayload",
    }


@pytest.mark.parametrize(
    ("parameter", "variable", "value"),
    [
        ("ContentTypes", "CONTENT_TYPES", "text/csv; header=absent, application/json"),
        ("DefaultNumericValue", "DEFAULT_NUMERIC_VALUE", "7"),
        ("DefaultTextValue", "DEFAULT_TEXT_VALUE", "some text"),
        ("DefaultCategoricalValue", "DEFAULT_CATEGORICAL_VALUE", "0"),
        ("FieldDefaults", "FIELD_DEFAULTS", '{"a.b": "x"}'),
        ("PayloadLayout", "PAYLOAD_LAYOUT", "flat"),
        ("SampleCount", "SAMPLE_COUNT", "5"),
        ("RealisticValues", "REALISTIC_VALUES", "true"),
        ("PayloadBucketName", "PAYLOAD_BUCKET", "payloads"),
        ("PayloadPrefix", "PAYLOAD_PREFIX", "samples/of models"),
        ("PayloadKmsKeyArn", "PAYLOAD_KMS_KEY_ID", LARGEST["PayloadKmsKeyArn"]),
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
        ({"PayloadBucketOwner": "777788889999"}, ACCOUNT, "777788889999"),
    ],
)
def test_an_owner_is_expected_of_every_bucket(
    parameters: Dict[str, str], model_owner: str, payload_owner: str
) -> None:
    variables = environment(**parameters)
    assert [variables[name] for name in OWNERS] == [model_owner, payload_owner]


def test_vpc_and_reserved_concurrency_are_there_only_if_given() -> None:
    smallest = function(resolved(**SMALLEST))
    assert "VpcConfig" not in smallest
    assert "ReservedConcurrentExecutions" not in smallest
    largest = function(resolved(**LARGEST))
    assert largest["VpcConfig"] == {
        "SubnetIds": LARGEST["SubnetIds"].split(","),
        "SecurityGroupIds": [LARGEST["SecurityGroupIds"]],
    }
    assert largest["ReservedConcurrentExecutions"] == "50"


def test_the_alias_follows_the_published_version() -> None:
    template = resolved(**SMALLEST)
    [(version, properties)] = of_type(template, "AWS::Lambda::Version").items()
    assert properties["FunctionName"] == {"Ref": "PayloadFunction"}
    [alias] = of_type(template, "AWS::Lambda::Alias").values()
    assert alias["Name"] == "live"
    assert alias["FunctionVersion"] == {"Fn::GetAtt": [version, "Version"]}


def test_earlier_versions_stay_to_roll_back_to() -> None:
    template = translated(**SMALLEST)
    [version] = [
        resource
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Version"
    ]
    assert version["DeletionPolicy"] == version["UpdateReplacePolicy"] == "Retain"


def test_sam_alone_would_publish_no_version_for_a_changed_setting() -> None:
    # The reason for SettingsRecord. Once this fails, it can go.
    changed = translated(**SMALLEST, ContentTypes="text/csv")
    assert set(of_type(changed, "AWS::Lambda::Version")) == set(
        of_type(translated(**SMALLEST), "AWS::Lambda::Version")
    )


def test_a_changed_setting_publishes_a_version() -> None:
    template = resolved(**SMALLEST)
    [version] = of_type(template, "AWS::Lambda::Version").values()
    assert version["Description"] == {"Fn::Sub": "settings ${SettingsRecord.VersionNumber}"}
    # CloudFormation makes both anew when these properties change.
    for resource_type, changed in [
        ("AWS::AppConfig::HostedConfigurationVersion", "/properties/Content"),
        ("AWS::Lambda::Version", "/properties/Description"),
    ]:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource_type).schema
        assert changed in schema["createOnlyProperties"]


def test_the_record_of_settings_holds_every_parameter_of_the_function_and_no_other() -> None:
    template = translated(**SMALLEST)
    # A limit is no part of a version: with it in the record, Lambda would have nothing to publish.
    configuration = {
        key: value
        for key, value in function(template).items()
        if key != "ReservedConcurrentExecutions"
    }
    parameters = set(template["Parameters"])
    record = template["Resources"]["SettingsRecord"]["Properties"]["Content"]
    assert set(references(record)) & parameters == set(references(configuration)) & parameters


def test_a_setting_that_looks_like_a_variable_is_recorded_as_it_is() -> None:
    template = resolved(**SMALLEST, DefaultTextValue="a=b\\n")
    content = template["Resources"]["SettingsRecord"]["Properties"]["Content"]
    assert "DEFAULT_TEXT_VALUE=a=b\\n\n" in content
