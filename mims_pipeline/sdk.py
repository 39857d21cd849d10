"""A Processing job's arguments → a step of the SageMaker Python SDK, version 2 or 3.

The SDK is optional: nothing here is imported before a step is asked for.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Dict, List, Mapping

from mims_pipeline.platform_limits import is_reference


def processing_step(name: str, arguments: Mapping[str, Any], session: Any = None) -> Any:
    """Return the step `name` that runs the job of `arguments` (those of `create_processing_job`).

    Raises
    ------
    ImportError
        The SDK is not installed.
    """
    sdk = _sdk()
    arguments = _variables(arguments, sdk)
    cluster = arguments["ProcessingResources"]["ClusterConfig"]
    network = arguments["NetworkConfig"]
    vpc = network.get("VpcConfig", {})
    processor = sdk.Processor(
        role=arguments["RoleArn"],
        image_uri=arguments["AppSpecification"]["ImageUri"],
        entrypoint=arguments["AppSpecification"]["ContainerEntrypoint"],
        instance_count=cluster["InstanceCount"],
        instance_type=cluster["InstanceType"],
        volume_size_in_gb=cluster["VolumeSizeInGB"],
        volume_kms_key=cluster.get("VolumeKmsKeyId"),
        output_kms_key=arguments["ProcessingOutputConfig"].get("KmsKeyId"),
        max_runtime_in_seconds=arguments["StoppingCondition"]["MaxRuntimeInSeconds"],
        env=arguments.get("Environment"),
        tags=arguments.get("Tags"),
        network_config=sdk.NetworkConfig(
            enable_network_isolation=network["EnableNetworkIsolation"],
            encrypt_inter_container_traffic=network["EnableInterContainerTrafficEncryption"],
            subnets=vpc.get("Subnets"),
            security_group_ids=vpc.get("SecurityGroupIds"),
        ),
        sagemaker_session=session or sdk.PipelineSession(),
    )
    step_arguments = processor.run(
        inputs=[sdk.input(part) for part in arguments["ProcessingInputs"]],
        outputs=[sdk.output(part) for part in arguments["ProcessingOutputConfig"]["Outputs"]],
    )
    return sdk.ProcessingStep(name=name, step_args=step_arguments)


def _sdk() -> Any:
    try:
        return _version_3()
    except ImportError:
        pass
    try:
        return _version_2()
    except ImportError as error:
        raise ImportError(
            "create_step needs the SageMaker Python SDK (pip install sagemaker); without it, "
            f"step_definition gives the same step as data. ({error})"
        ) from error


def _version_3() -> Any:
    from sagemaker.core.network import NetworkConfig
    from sagemaker.core.processing import Processor
    from sagemaker.core.shapes import (
        ProcessingInput,
        ProcessingOutput,
        ProcessingS3Input,
        ProcessingS3Output,
    )
    from sagemaker.core.workflow.entities import PipelineVariable
    from sagemaker.core.workflow.pipeline_context import PipelineSession
    from sagemaker.mlops.workflow.steps import ProcessingStep

    def s3_input(part: Mapping[str, Any]) -> Any:
        s3 = part["S3Input"]
        return ProcessingInput(
            input_name=part["InputName"],
            app_managed=part["AppManaged"],
            s3_input=ProcessingS3Input(
                s3_uri=s3["S3Uri"],
                local_path=s3["LocalPath"],
                s3_data_type=s3["S3DataType"],
                s3_input_mode=s3["S3InputMode"],
                s3_data_distribution_type=s3["S3DataDistributionType"],
                s3_compression_type=s3["S3CompressionType"],
            ),
        )

    def s3_output(part: Mapping[str, Any]) -> Any:
        s3 = part["S3Output"]
        return ProcessingOutput(
            output_name=part["OutputName"],
            app_managed=part["AppManaged"],
            s3_output=ProcessingS3Output(
                s3_uri=s3["S3Uri"], local_path=s3["LocalPath"], s3_upload_mode=s3["S3UploadMode"]
            ),
        )

    return SimpleNamespace(
        NetworkConfig=NetworkConfig,
        PipelineSession=PipelineSession,
        PipelineVariable=PipelineVariable,
        ProcessingStep=ProcessingStep,
        Processor=Processor,
        input=s3_input,
        output=s3_output,
    )


def _version_2() -> Any:
    from sagemaker.network import NetworkConfig
    from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor
    from sagemaker.workflow.entities import PipelineVariable
    from sagemaker.workflow.pipeline_context import PipelineSession
    from sagemaker.workflow.steps import ProcessingStep

    def s3_input(part: Mapping[str, Any]) -> Any:
        s3 = part["S3Input"]
        return ProcessingInput(
            input_name=part["InputName"],
            app_managed=part["AppManaged"],
            source=s3["S3Uri"],
            destination=s3["LocalPath"],
            s3_data_type=s3["S3DataType"],
            s3_input_mode=s3["S3InputMode"],
            s3_data_distribution_type=s3["S3DataDistributionType"],
            s3_compression_type=s3["S3CompressionType"],
        )

    def s3_output(part: Mapping[str, Any]) -> Any:
        s3 = part["S3Output"]
        return ProcessingOutput(
            output_name=part["OutputName"],
            app_managed=part["AppManaged"],
            source=s3["LocalPath"],
            destination=s3["S3Uri"],
            s3_upload_mode=s3["S3UploadMode"],
        )

    return SimpleNamespace(
        NetworkConfig=NetworkConfig,
        PipelineSession=PipelineSession,
        PipelineVariable=PipelineVariable,
        ProcessingStep=ProcessingStep,
        Processor=Processor,
        input=s3_input,
        output=s3_output,
    )


def _variables(part: Any, sdk: Any) -> Any:
    """Return `part` with references that are data made into variables that the SDK knows."""
    if isinstance(part, Mapping):
        if is_reference(part):
            return _variable(dict(part), sdk)
        return {key: _variables(value, sdk) for key, value in part.items()}
    if isinstance(part, list):
        return [_variables(value, sdk) for value in part]
    return part


def _variable(reference: Dict[str, Any], sdk: Any) -> Any:
    steps = _steps(reference)
    members = {
        "expr": property(lambda _: reference),
        "_referenced_steps": property(lambda _: steps),
    }
    return type("PipelineReference", (sdk.PipelineVariable,), members)()


def _steps(reference: Any) -> List[str]:
    """Return the names of the steps whose results a reference takes."""
    if isinstance(reference, str) and reference.startswith("Steps."):
        return [reference.split(".")[1]]
    if isinstance(reference, Mapping):
        return [step for value in reference.values() for step in _steps(value)]
    if isinstance(reference, list):
        return [step for value in reference for step in _steps(value)]
    return []
