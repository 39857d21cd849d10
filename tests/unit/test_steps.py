"""The payload step: its checks, its request by the service model, and the SDK's own step."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Mapping

import botocore.session
import pytest
from botocore.validate import ParamValidator

from mims_pipeline.contracts import ScriptContract
from mims_pipeline.steps import MIMSPayloadStepBuilder, Network, PayloadConfig, StepBuilderBase

SCRIPT = 'PATHS = ["/opt/ml/processing/input/model", "/opt/ml/processing/output"]\n'


@pytest.fixture(name="config")
def _config(tmp_path: Path) -> PayloadConfig:
    (tmp_path / "mims_payload.py").write_text(SCRIPT)
    return PayloadConfig(
        role="arn:aws:iam::123456789012:role/SageMakerExecution",
        image_uri="123456789012.dkr.ecr.eu-west-1.amazonaws.com/python:3.12",
        model_location="s3://models/churn/output/model.tar.gz",
        code_location="s3://models/code/lambda_fn",
        output_prefix="s3://models/churn/payload/",
        source_folder=tmp_path,
    )


@pytest.fixture(name="full")
def _full(config: PayloadConfig) -> PayloadConfig:
    """A configuration with every part set."""
    return replace(
        config,
        instance_type="ml.m5.large",
        volume_size_in_gb=100,
        settings={"CONTENT_TYPES": "application/json, text/csv", "SPECIAL_FIELD_note": ""},
        kms_key_id="alias/payloads",
        volume_kms_key_id="arn:aws:kms:eu-west-1:123456789012:key/1234",
        network=Network(
            isolated=True,
            subnets=["subnet-0a", "subnet-0b"],
            security_group_ids=["sg-1"],
            encrypted_traffic=True,
        ),
        tags={"team": "risk", "stage": ""},
        max_runtime_in_seconds=600,
    )


def botocore_refuses(request: Any) -> str:
    """What botocore's own validator finds wrong: names, types and minima."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model("CreateProcessingJob").input_shape
    assert shape is not None
    return str(ParamValidator().validate(request, shape).generate_report())


def fault(config: PayloadConfig) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        MIMSPayloadStepBuilder(config).validate_configuration()
    return str(caught.value)


def test_botocore_accepts_the_request(config: PayloadConfig, full: PayloadConfig) -> None:
    for one in (config, full):
        request = MIMSPayloadStepBuilder(one).processing_job_request("payload-churn-1")
        assert botocore_refuses(request) == ""


def test_the_request_runs_the_contracts_script_between_the_contracts_folders(
    full: PayloadConfig,
) -> None:
    request = MIMSPayloadStepBuilder(full).processing_job_request("payload-churn-1")
    assert request["ProcessingJobName"] == "payload-churn-1"
    assert request["AppSpecification"]["ContainerEntrypoint"] == [
        "python3",
        "/opt/ml/processing/input/code/mims_payload.py",
    ]
    inputs = {part["InputName"]: part["S3Input"] for part in request["ProcessingInputs"]}
    assert inputs["model_input"]["S3Uri"] == "s3://models/churn/output/model.tar.gz"
    assert inputs["model_input"]["LocalPath"] == "/opt/ml/processing/input/model"
    # Without its slash the prefix would include code/lambda_fn-old/.
    assert inputs["code"]["S3Uri"] == "s3://models/code/lambda_fn/"
    (output,) = request["ProcessingOutputConfig"]["Outputs"]
    assert output["OutputName"] == "payload_sample"
    assert output["S3Output"]["LocalPath"] == "/opt/ml/processing/output"
    assert output["S3Output"]["S3Uri"] == "s3://models/churn/payload/"
    assert request["ProcessingOutputConfig"]["KmsKeyId"] == "alias/payloads"
    assert request["Environment"] == dict(full.settings)
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 600}
    assert request["NetworkConfig"]["EnableNetworkIsolation"] is True
    assert {"Key": "team", "Value": "risk"} in request["Tags"]


def test_the_real_script_passes_the_steps_check(config: PayloadConfig) -> None:
    source = Path(__file__).resolve().parents[2] / "lambda_fn"
    MIMSPayloadStepBuilder(replace(config, source_folder=source)).validate_configuration()
    assert PayloadConfig("r", "i", "m", "c", "o").source_folder == source


@pytest.mark.parametrize(
    ("part", "value", "says"),
    [
        ("role", "SageMakerExecution", "Give the role's ARN"),
        ("image_uri", "", "image_uri is empty"),
        ("image_uri", "i" * 256, "image_uri: AppSpecification.ImageUri has 256 char"),
        ("instance_type", "m5.large", "instance_type: "),
        ("model_location", "/data/model.tar.gz", "model_location: "),
        ("model_location", "s3://bucket/" + "k" * 1013, "S3Uri has 1,025 characters"),
        ("code_location", "s3://bucket/code/mims_payload.py", "code_location is"),
        ("code_location", None, "code_location: "),
        ("output_prefix", "bucket/", "output_prefix: "),
        (
            "volume_size_in_gb",
            0,
            "volume_size_in_gb: ProcessingResources.ClusterConfig.VolumeSizeInGB is 0",
        ),
        ("volume_size_in_gb", 16_385, "volume_size_in_gb"),
        ("volume_size_in_gb", True, "volume_size_in_gb"),
        ("max_runtime_in_seconds", 777_601, "max_runtime_in_seconds"),
        ("max_runtime_in_seconds", "3600", "max_runtime_in_seconds"),
        ("kms_key_id", "a key", "kms_key_id: "),
        ("volume_kms_key_id", "", "volume_kms_key_id is empty"),
        ("network", Network(subnets=["subnet-1"]), "needs both subnets and security groups"),
        ("network", Network(security_group_ids=["sg-1"]), "needs both subnets and security groups"),
        ("network", Network(subnets=["subnet 1"], security_group_ids=["sg-1"]), "Subnets[0] is"),
        (
            "network",
            Network(subnets=["subnet-1"], security_group_ids=[f"sg-{i}" for i in range(6)]),
            "SecurityGroupIds has 6 items",
        ),
        ("tags", {"a*": "b"}, "Tags[a*].Key is 'a*'"),
        ("tags", {"aws:x": "b"}, "AWS's own"),
        ("tags", {"a": "b" * 257}, "Tags[a].Value has 257 characters"),
        ("tags", {f"k{i}": "v" for i in range(51)}, "Tags has 51 items"),
        ("settings", {f"SPECIAL_FIELD_f{i}": "v" for i in range(101)}, "FIELD_DEFAULTS"),
        ("settings", {"SPECIAL_FIELD_user.age": "v"}, "Write '_' for each character"),
        ("settings", {"1ST": "v"}, "settings: Environment key is '1ST'"),
        ("settings", {"S" * 257: "v"}, "FIELD_DEFAULTS"),
        ("settings", {"FIELD_DEFAULTS": "{" + " " * 256 + "}"}, "SPECIAL_FIELD_<name>"),
        ("settings", {"DEFAULT_TEXT_VALUE": "t" * 257}, "Lambda function"),
        ("settings", {"SAMPLE_COUNT": 3}, "Environment.SAMPLE_COUNT is 3; it must be a string"),
        ("source_folder", Path("/nowhere"), "/nowhere/mims_payload.py"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    config: PayloadConfig, part: str, value: Any, says: str
) -> None:
    wrong = replace(config, **{part: value})
    assert says in fault(wrong)
    builder = MIMSPayloadStepBuilder(wrong)
    for make in (builder.processing_job_request, builder.step_definition, builder.create_step):
        with pytest.raises(ValueError, match=r"."):
            make("payload")


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("settings", {f"SPECIAL_FIELD_f{i}": "v" * 256 for i in range(100)}),
        ("settings", {"S" * 256: ""}),
        ("volume_size_in_gb", 16_384),
        ("max_runtime_in_seconds", 777_600),
        ("model_location", "s3://bucket/" + "k" * 1012),
        ("tags", {"Ä" * 128: "é" * 256}),
        ("image_uri", "i" * 255),
        (
            "network",
            Network(
                subnets=[f"subnet-{i}" for i in range(16)],
                security_group_ids=[f"sg-{i}" for i in range(5)],
            ),
        ),
    ],
)
def test_the_platforms_limits_themselves_fit(config: PayloadConfig, part: str, value: Any) -> None:
    request = MIMSPayloadStepBuilder(replace(config, **{part: value})).processing_job_request("p")
    assert botocore_refuses(request) == ""


def test_all_faults_are_reported_at_once(config: PayloadConfig) -> None:
    message = fault(replace(config, role="r", settings={"A.B": "v"}, volume_size_in_gb=0))
    assert len(message.splitlines()) == 3


def test_a_script_that_breaks_the_contract_is_a_fault(config: PayloadConfig) -> None:
    (config.source_folder / "mims_payload.py").write_text('X = "/opt/ml/processing/output"\n')
    assert "/opt/ml/processing/input/model" in fault(config)


def test_a_contract_whose_paths_no_job_can_mount_is_a_fault(config: PayloadConfig) -> None:
    class Builder(StepBuilderBase):
        contract = ScriptContract(
            "mims_payload.py",
            {"model_input": "/opt/ml/input/model"},
            {"payload_sample": "/opt/ml/processing/output/payload.tar.gz"},
            required_env_vars=["REGION"],
        )

        def input_locations(self) -> Mapping[str, Any]:
            return {"model_input": self.config.model_location}

        def output_locations(self) -> Mapping[str, Any]:
            return {"payload_sample": self.config.output_prefix}

    with pytest.raises(ValueError, match="SageMaker makes a folder") as caught:
        Builder(config).validate_configuration()
    assert "name the folder /opt/ml/processing/output instead" in str(caught.value)
    assert "The input model_input is /opt/ml/input/model; a Processing job" in str(caught.value)
    assert "settings lacks REGION" in str(caught.value)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a_b", "a" * 64, "a\n", None])
def test_a_name_that_no_job_can_have_is_refused(config: PayloadConfig, name: Any) -> None:
    with pytest.raises(ValueError, match="ProcessingJobName"):
        MIMSPayloadStepBuilder(config).processing_job_request(name)


@pytest.mark.parametrize("name", ["", "a b", "a" * 65, "a\n", None])
def test_a_name_that_no_step_can_have_is_refused(config: PayloadConfig, name: Any) -> None:
    with pytest.raises(ValueError, match="step's name"):
        MIMSPayloadStepBuilder(config).step_definition(name)


def test_only_a_payload_config_is_accepted() -> None:
    with pytest.raises(ValueError, match="PayloadConfig"):
        MIMSPayloadStepBuilder({"role": "r"})  # type: ignore[arg-type]


def test_a_step_accepts_references_and_a_separate_job_does_not(config: PayloadConfig) -> None:
    model = {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
    builder = MIMSPayloadStepBuilder(
        replace(config, model_location=model, settings={"CONTENT_TYPES": {"Get": "Parameters.T"}})
    )
    definition = json.loads(json.dumps(builder.step_definition("Payload")))
    assert definition["Name"] == "Payload"
    assert definition["Type"] == "Processing"
    arguments = definition["Arguments"]
    assert arguments["ProcessingInputs"][0]["S3Input"]["S3Uri"] == model
    assert arguments["Environment"] == {"CONTENT_TYPES": {"Get": "Parameters.T"}}
    assert "ProcessingJobName" not in arguments
    with pytest.raises(ValueError, match=r"S3Input\.S3Uri is a pipeline's reference"):
        builder.processing_job_request("payload")


def test_an_sdk_object_is_written_out_as_its_reference(config: PayloadConfig) -> None:
    class Parameter:
        expr = {"Get": "Parameters.ModelUri"}  # noqa: RUF012

    builder = MIMSPayloadStepBuilder(replace(config, model_location=Parameter()))
    source = builder.step_definition("Payload")["Arguments"]["ProcessingInputs"][0]["S3Input"]
    assert source["S3Uri"] == {"Get": "Parameters.ModelUri"}


def test_a_configuration_is_not_changed_by_its_use(full: PayloadConfig) -> None:
    before = copy.deepcopy(full)
    builder = MIMSPayloadStepBuilder(full)
    builder.processing_job_request("p")["Environment"]["MORE"] = "x"
    builder.step_definition("p")["Arguments"]["ProcessingInputs"].clear()
    assert full == before
    assert builder.processing_job_request("p")["ProcessingInputs"]


def test_without_the_sdk_create_step_says_what_to_do(
    config: PayloadConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    for module in ("sagemaker", "sagemaker.core", "sagemaker.network"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match="step_definition gives the same step"):
        MIMSPayloadStepBuilder(config).create_step("Payload")


class Sdk:
    """The parts of the SageMaker Python SDK, version 2 or 3, that the tests need."""

    def __init__(self) -> None:
        pytest.importorskip("sagemaker", reason="the SageMaker Python SDK is not installed")
        import boto3

        try:
            from sagemaker.core.workflow.functions import Join
            from sagemaker.core.workflow.parameters import ParameterInteger, ParameterString
            from sagemaker.core.workflow.pipeline_context import PipelineSession
            from sagemaker.mlops.workflow.pipeline import Pipeline
        except ImportError:
            from sagemaker.workflow.functions import Join
            from sagemaker.workflow.parameters import ParameterInteger, ParameterString
            from sagemaker.workflow.pipeline import Pipeline
            from sagemaker.workflow.pipeline_context import PipelineSession

        self.Join, self.Integer, self.String = Join, ParameterInteger, ParameterString
        self.Pipeline = Pipeline
        self.session = PipelineSession(
            boto_session=boto3.Session(region_name="eu-west-1"), default_bucket="unused"
        )

    def steps(self, *steps: Any, parameters: Any = ()) -> Any:
        """Return the steps of the definition that the SDK makes from a pipeline."""
        pipeline = self.Pipeline(
            name="p", parameters=list(parameters), steps=list(steps), sagemaker_session=self.session
        )
        return json.loads(pipeline.definition())["Steps"]


@pytest.fixture(name="sdk")
def _sdk(monkeypatch: pytest.MonkeyPatch) -> Sdk:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
    }.items():
        monkeypatch.setenv(name, value)
    return Sdk()


@pytest.mark.filterwarnings("ignore")  # the SDK's own
def test_the_definition_is_what_the_sdk_makes_from_the_same_configuration(
    sdk: Any, config: PayloadConfig, full: PayloadConfig
) -> None:
    for one in (config, full):
        builder = MIMSPayloadStepBuilder(one)
        (made,) = sdk.steps(builder.create_step("Payload", sdk.session))
        assert made == builder.step_definition("Payload")


@pytest.mark.filterwarnings("ignore")
def test_the_definition_is_the_sdks_for_its_own_parameters_and_joins(
    sdk: Any, full: PayloadConfig
) -> None:
    model, size, types = sdk.String("ModelUri"), sdk.Integer("GB", 50), sdk.String("Types", "a/b")
    builder = MIMSPayloadStepBuilder(
        replace(
            full,
            model_location=model,
            volume_size_in_gb=size,
            settings={"CONTENT_TYPES": types},
            output_prefix=sdk.Join(on="/", values=["s3://bucket", model, "payload"]),
        )
    )
    step = builder.create_step("Payload", sdk.session)
    (made,) = sdk.steps(step, parameters=[model, size, types])
    assert made == builder.step_definition("Payload")


@pytest.mark.filterwarnings("ignore")
def test_a_reference_that_is_data_orders_the_sdks_steps(sdk: Any, config: PayloadConfig) -> None:
    first = MIMSPayloadStepBuilder(config)
    output = "ProcessingOutputConfig.Outputs['payload_sample'].S3Output.S3Uri"
    second = MIMSPayloadStepBuilder(
        replace(config, model_location={"Get": f"Steps.First.{output}"})
    )
    steps = [second.create_step("Second", sdk.session), first.create_step("First", sdk.session)]
    by_name = {step["Name"]: step for step in sdk.steps(*steps)}
    assert by_name["Second"] == second.step_definition("Second")
    uri = by_name["Second"]["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"]
    outputs = steps[1].properties.ProcessingOutputConfig.Outputs
    assert uri == outputs["payload_sample"].S3Output.S3Uri.expr
