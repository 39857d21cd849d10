"""The payload generator as a step: a Processing job's request, and a pipeline's step.

>>> from mims_pipeline.steps import MIMSPayloadStepBuilder, PayloadConfig
>>> builder = MIMSPayloadStepBuilder(
...     PayloadConfig(
...         role="arn:aws:iam::123456789012:role/SageMakerExecution",
...         image_uri="123456789012.dkr.ecr.eu-west-1.amazonaws.com/python:3.12",
...         model_location={"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"},
...         code_location="s3://my-bucket/code/lambda_fn/",
...         output_prefix="s3://my-bucket/payloads/",
...     )
... )
>>> builder.step_definition("Payload")["Type"]
'Processing'
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Dict, Iterator, Mapping, Sequence, Tuple

from mims_pipeline import platform_limits as limits
from mims_pipeline.contracts import MIMS_PAYLOAD_CONTRACT, ScriptContract

CODE_FOLDER = "/opt/ml/processing/input/code"
# In a checkout, the script is in lambda_fn/; installed, it is next to this package.
_ROOT = Path(__file__).resolve().parent.parent
_SOURCE = _ROOT / "lambda_fn" if (_ROOT / "lambda_fn").is_dir() else _ROOT

# The beginning of a path in the request → the part of the configuration that gives its value.
_PARTS = {
    "RoleArn": "role",
    "AppSpecification.ImageUri": "image_uri",
    "ProcessingInputs[model_input]": "model_location",
    "ProcessingInputs[code]": "code_location",
    "ProcessingOutputConfig.Outputs[payload_sample]": "output_prefix",
    "ProcessingOutputConfig.KmsKeyId": "kms_key_id",
    "ProcessingResources.ClusterConfig.InstanceType": "instance_type",
    "ProcessingResources.ClusterConfig.VolumeSizeInGB": "volume_size_in_gb",
    "ProcessingResources.ClusterConfig.VolumeKmsKeyId": "volume_kms_key_id",
    "Environment": "settings",
    "NetworkConfig": "network",
    "Tags": "tags",
    "StoppingCondition": "max_runtime_in_seconds",
}


@dataclass(frozen=True)
class Network:
    """A job's network; by default, the container has no access to one, since it needs none."""

    isolated: bool = True
    subnets: Sequence[Any] = ()
    security_group_ids: Sequence[Any] = ()
    encrypted_traffic: bool = False


@dataclass(frozen=True)
class PayloadConfig:
    """What a payload step needs to know.

    Each string may be a pipeline's reference instead: `{"Get": "Parameters.ModelUri"}`, or an
    object of the SageMaker SDK (a parameter, a property of another step, a Join).

    Parameters
    ----------
    role
        ARN of the job's IAM role.
    image_uri
        Any image with Python 3.8 or newer as `python3`; the script needs no packages.
    model_location
        S3 URI of the `model.tar.gz`, or of a folder with it or its files.
    code_location
        S3 URI of the folder to which `lambda_fn/` was copied.
    output_prefix
        S3 URI of the folder for `payload.tar.gz`; each model needs its own.
    instance_type, volume_size_in_gb
        The volume, in GB, must have room for the model archive: SageMaker copies it there.
    settings
        Environment variables of the script, `{"CONTENT_TYPES": "text/csv"}`.
    kms_key_id, volume_kms_key_id
        Keys for the payload in S3 and for the instance's volume.
    network, tags, max_runtime_in_seconds
        As in the API.
    source_folder
        The local copy of the code, in which the script is checked against the contract.
    """

    role: Any
    image_uri: Any
    model_location: Any
    code_location: Any
    output_prefix: Any
    instance_type: Any = "ml.t3.medium"
    volume_size_in_gb: Any = 30
    settings: Mapping[str, Any] = field(default_factory=dict)
    kms_key_id: Any = None
    volume_kms_key_id: Any = None
    network: Network = Network()
    tags: Mapping[str, Any] = field(default_factory=dict)
    max_runtime_in_seconds: Any = 3600
    source_folder: Path = _SOURCE


class StepBuilderBase(abc.ABC):
    """A Processing step that runs a contract's script.

    A subclass gives the contract, and the location of each of its inputs and outputs.
    """

    contract: ClassVar[ScriptContract]

    def __init__(self, config: PayloadConfig) -> None:
        if not isinstance(config, PayloadConfig):
            raise ValueError(f"config is {config!r}; it must be a PayloadConfig.")
        self.config = config

    @abc.abstractmethod
    def input_locations(self) -> Mapping[str, Any]:
        """Return the contract's inputs: logical name → S3 URI or reference."""

    @abc.abstractmethod
    def output_locations(self) -> Mapping[str, Any]:
        """Return the contract's outputs: logical name → S3 URI or reference."""

    def validate_configuration(self) -> None:
        """Check the script against its contract, and the configuration against the service model.

        Raises
        ------
        ValueError
            Something is wrong; the message has one line for each fault, with its remedy.
        ImportError
            botocore, which has the service model, is not installed.
        """
        self._checked_request("payload")

    def processing_job_request(self, name: str) -> Dict[str, Any]:
        """Return the arguments of boto3's `create_processing_job` for a job called `name`.

        Raises
        ------
        ValueError
            As `validate_configuration`; the job cannot have that name; or a part is a pipeline's
            reference, which only a pipeline can resolve.
        """
        request = self._checked_request(name)
        for path, value in _leaves(request):
            if limits.is_reference(value):
                raise ValueError(
                    f"{path} is a pipeline's reference; a job on its own needs the value itself. "
                    "Give the value, or use step_definition or create_step."
                )
        return request

    def step_definition(self, name: str) -> Dict[str, Any]:
        """Return the step `name` of a SageMaker Pipelines definition (its JSON, as a dict).

        Schema: https://aws-sagemaker-mlops.github.io/sagemaker-model-building-pipeline-definition-JSON-schema/

        Raises
        ------
        ValueError
            As `validate_configuration`, or the step cannot have that name.
        """
        arguments = _resolved(self._step_arguments(name))
        return {"Name": name, "Type": "Processing", "Arguments": arguments}

    def create_step(self, name: str, sagemaker_session: Any = None) -> Any:
        """Return the step `name` as the SageMaker Python SDK's `ProcessingStep`.

        Works with version 2 or 3 of the SDK (tested with 2.257.7 and 3.27.0). `sagemaker_session`
        is a `PipelineSession`; by default, one is made from the usual AWS configuration.

        Raises
        ------
        ImportError
            The SDK is not installed.
        ValueError
            As `step_definition`.
        """
        from mims_pipeline.sdk import processing_step  # the SDK is optional, and slow to import

        return processing_step(name, self._step_arguments(name), sagemaker_session)

    def _step_arguments(self, name: str) -> Dict[str, Any]:
        if not isinstance(name, str) or not limits.STEP_NAME.match(name):
            raise ValueError(f"The step's name {name!r} must be 1 to 64 letters, digits, '-', '_'.")
        self.validate_configuration()
        return self._arguments()

    def _checked_request(self, name: str) -> Dict[str, Any]:
        """Return the job's request; raise `ValueError` with all of its faults, one a line."""
        script = Path(self.config.source_folder) / self.contract.entry_point
        request = {"ProcessingJobName": name, **self._arguments()}
        faults = [
            *self.contract.validate_implementation(script).errors,
            *self._configuration_faults(),
            *map(_described, limits.faults("sagemaker", "CreateProcessingJob", request)),
        ]
        if faults:
            raise ValueError("\n".join(faults))
        return request

    def _configuration_faults(self) -> Iterator[str]:
        """Yield the faults of the configuration that the service model does not know."""
        config = self.config
        for name in ("image_uri", "kms_key_id", "volume_kms_key_id"):
            if getattr(config, name) == "":
                yield f"{name} is empty; it must have a value."
        if str(config.code_location).endswith((".py", ".gz", ".zip")):
            yield (
                f"code_location is {config.code_location!r}, a file; it must be the folder to "
                "which lambda_fn/ was copied, since the script imports the package next to it."
            )
        for variable in self.contract.required_env_vars:
            if not config.settings.get(variable):
                yield f"settings lacks {variable}, which the script requires: give it a value."
        for key in config.tags:
            if str(key).lower().startswith("aws:"):
                yield f"tags: the key {key!r} begins with 'aws:', which is AWS's own."
        yield from limits.folder_faults("input", self.contract.expected_input_paths)
        yield from limits.folder_faults("output", self.contract.expected_output_paths)

    def _arguments(self) -> Dict[str, Any]:
        config, contract = self.config, self.contract
        inputs = [
            _input(name, location, contract.expected_input_paths[name])
            for name, location in self.input_locations().items()
        ]
        inputs.append(_input("code", _folder(config.code_location), CODE_FOLDER))
        outputs: Dict[str, Any] = {
            "Outputs": [
                _output(name, location, contract.expected_output_paths[name])
                for name, location in self.output_locations().items()
            ]
        }
        if config.kms_key_id is not None:
            outputs["KmsKeyId"] = config.kms_key_id
        cluster = {
            "InstanceType": config.instance_type,
            "InstanceCount": 1,
            "VolumeSizeInGB": config.volume_size_in_gb,
        }
        if config.volume_kms_key_id is not None:
            cluster["VolumeKmsKeyId"] = config.volume_kms_key_id
        arguments: Dict[str, Any] = {
            "ProcessingResources": {"ClusterConfig": cluster},
            "AppSpecification": {
                "ImageUri": config.image_uri,
                "ContainerEntrypoint": ["python3", f"{CODE_FOLDER}/{contract.entry_point}"],
            },
            "RoleArn": config.role,
            "ProcessingInputs": inputs,
            "ProcessingOutputConfig": outputs,
            "NetworkConfig": _network(config.network),
            "StoppingCondition": {"MaxRuntimeInSeconds": config.max_runtime_in_seconds},
        }
        if config.settings:
            arguments["Environment"] = dict(config.settings)
        if config.tags:
            arguments["Tags"] = [{"Key": key, "Value": value} for key, value in config.tags.items()]
        return arguments


class MIMSPayloadStepBuilder(StepBuilderBase):
    """The step that makes a model's sample payload, with `MIMS_PAYLOAD_CONTRACT`."""

    contract = MIMS_PAYLOAD_CONTRACT

    def input_locations(self) -> Mapping[str, Any]:
        """Return the model's location."""
        return {"model_input": self.config.model_location}

    def output_locations(self) -> Mapping[str, Any]:
        """Return the payload's folder."""
        return {"payload_sample": self.config.output_prefix}


def _described(fault: limits.Fault) -> str:
    part = next((part for path, part in _PARTS.items() if fault.path.startswith(path)), "job")
    return f"{part}: {fault}. {limits.remedy(fault)}".rstrip()


def _input(name: str, location: Any, folder: str) -> Dict[str, Any]:
    return {
        "InputName": name,
        "AppManaged": False,
        "S3Input": {
            "S3Uri": location,
            "LocalPath": folder,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        },
    }


def _output(name: str, location: Any, folder: str) -> Dict[str, Any]:
    return {
        "OutputName": name,
        "AppManaged": False,
        "S3Output": {"S3Uri": location, "LocalPath": folder, "S3UploadMode": "EndOfJob"},
    }


def _network(network: Network) -> Dict[str, Any]:
    request: Dict[str, Any] = {
        "EnableNetworkIsolation": network.isolated,
        "EnableInterContainerTrafficEncryption": network.encrypted_traffic,
    }
    if network.subnets or network.security_group_ids:
        request["VpcConfig"] = {
            "SecurityGroupIds": list(network.security_group_ids),
            "Subnets": list(network.subnets),
        }
    return request


def _folder(location: Any) -> Any:
    # Without its slash, a prefix would include others: s3://b/code is also s3://b/code-old/.
    if isinstance(location, str) and not location.endswith("/"):
        return location + "/"
    return location


def _resolved(part: Any) -> Any:
    """Return `part` with the SDK's objects replaced by references of the definition."""
    if not isinstance(part, Mapping) and limits.is_reference(part):
        return part.expr
    if isinstance(part, Mapping):
        return {key: _resolved(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_resolved(value) for value in part]
    return part


def _leaves(part: Any, path: str = "") -> Iterator[Tuple[str, Any]]:
    if isinstance(part, Mapping) and not limits.is_reference(part):
        for key, value in part.items():
            yield from _leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(part, list):
        for index, value in enumerate(part):
            yield from _leaves(value, f"{path}.{index}")
    else:
        yield path, part
