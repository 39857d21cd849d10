"""A Processing job's arguments → a step of the SageMaker Python SDK, version 2 or 3.

The SDK is optional: it is imported only when a step is asked for.
"""

from __future__ import annotations

import re
from importlib import import_module
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
        inputs=[_input(part, sdk) for part in arguments["ProcessingInputs"]],
        outputs=[_output(part, sdk) for part in arguments["ProcessingOutputConfig"]["Outputs"]],
    )
    return sdk.ProcessingStep(name=name, step_args=step_arguments)


def _sdk() -> SimpleNamespace:
    """Return the classes of the SDK that a step needs; version 2 has no `S3Output`."""
    try:
        try:
            core, steps = "sagemaker.core", "sagemaker.mlops.workflow.steps"
            shapes = import_module("sagemaker.core.shapes")
            s3_input, s3_output = shapes.ProcessingS3Input, shapes.ProcessingS3Output
        except ImportError:
            core, steps = "sagemaker", "sagemaker.workflow.steps"
            s3_input, s3_output = import_module("sagemaker.dataset_definition.inputs").S3Input, None
        processing = import_module(f"{core}.processing")
        return SimpleNamespace(
            NetworkConfig=import_module(f"{core}.network").NetworkConfig,
            PipelineSession=import_module(f"{core}.workflow.pipeline_context").PipelineSession,
            PipelineVariable=import_module(f"{core}.workflow.entities").PipelineVariable,
            ProcessingInput=processing.ProcessingInput,
            ProcessingOutput=processing.ProcessingOutput,
            ProcessingStep=import_module(steps).ProcessingStep,
            Processor=processing.Processor,
            S3Input=s3_input,
            S3Output=s3_output,
        )
    except ImportError as error:
        raise ImportError(
            "create_step needs the SageMaker Python SDK (pip install sagemaker); without it, "
            f"step_definition gives the same step as data. ({error})"
        ) from error


def _input(part: Mapping[str, Any], sdk: SimpleNamespace) -> Any:
    return sdk.ProcessingInput(
        input_name=part["InputName"],
        app_managed=part["AppManaged"],
        s3_input=sdk.S3Input(**_in_snake_case(part["S3Input"])),
    )


def _output(part: Mapping[str, Any], sdk: SimpleNamespace) -> Any:
    s3 = _in_snake_case(part["S3Output"])
    location = (
        {"s3_output": sdk.S3Output(**s3)}
        if sdk.S3Output
        else {
            "source": s3["local_path"],
            "destination": s3["s3_uri"],
            "s3_upload_mode": s3["s3_upload_mode"],
        }
    )
    return sdk.ProcessingOutput(
        output_name=part["OutputName"], app_managed=part["AppManaged"], **location
    )


def _in_snake_case(part: Mapping[str, Any]) -> Dict[str, Any]:
    return {re.sub(r"(?<!^)(?=[A-Z][a-z])", "_", key).lower(): part[key] for key in part}


def _variables(part: Any, sdk: SimpleNamespace) -> Any:
    """Return `part` with references that are data replaced by variables of the SDK."""
    if isinstance(part, Mapping):
        if is_reference(part):
            return _variable(dict(part), sdk)
        return {key: _variables(value, sdk) for key, value in part.items()}
    if isinstance(part, list):
        return [_variables(value, sdk) for value in part]
    return part


def _variable(reference: Dict[str, Any], sdk: SimpleNamespace) -> Any:
    steps = _steps(reference)
    members = {
        "expr": property(lambda _: reference),
        "_referenced_steps": property(lambda _: steps),
    }
    return type("PipelineReference", (sdk.PipelineVariable,), members)()


def _steps(reference: Any) -> List[str]:
    """Return the names of the steps whose results a reference uses."""
    if isinstance(reference, str) and reference.startswith("Steps."):
        return [reference.split(".")[1]]
    if isinstance(reference, Mapping):
        return [step for value in reference.values() for step in _steps(value)]
    if isinstance(reference, list):
        return [step for value in reference for step in _steps(value)]
    return []
