"""A result of the payload function → the requests that register and load-test its model.

>>> from mims_pipeline.registration import Registration, model_package_request
>>> result = {
...     "status": "created",
...     "model_s3_uri": "s3://models/churn/output/model.tar.gz",
...     "payload_s3_uri": "s3://models/churn/output/payload/payload.tar.gz",
...     "content_types": ["text/csv"],
... }
>>> registration = Registration("churn", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgb:1.7")
>>> model_package_request(result, registration)["SamplePayloadUrl"]
's3://models/churn/output/payload/payload.tar.gz'
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, NoReturn, Optional, Sequence

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_RecommendationJobContainerConfig.html
DOMAINS = ("COMPUTER_VISION", "NATURAL_LANGUAGE_PROCESSING", "MACHINE_LEARNING")
TASKS = (
    "IMAGE_CLASSIFICATION",
    "OBJECT_DETECTION",
    "TEXT_GENERATION",
    "IMAGE_SEGMENTATION",
    "FILL_MASK",
    "CLASSIFICATION",
    "REGRESSION",
    "OTHER",
)
# The recommender's; a registration on its own may name any other.
FRAMEWORKS = ("TENSORFLOW", "PYTORCH", "XGBOOST", "SAGEMAKER-SCIKIT-LEARN")
_FRAMEWORK_VERSION = re.compile(r"[0-9]\.[A-Za-z0-9.-]{1,8}\Z")
APPROVALS = ("Approved", "Rejected", "PendingManualApproval")


@dataclass(frozen=True)
class Registration:
    """What a registration says of a model, beside what the payload's result says.

    Parameters
    ----------
    model_package_group_name
        Name or ARN of the model package group; it exists already.
    image_uri
        Image of the endpoint's container.
    framework, framework_version
        One of `FRAMEWORKS`, and its version ("1.7-1"); both or none. The recommender needs both,
        a registration on its own takes any framework.
    domain, task
        One of `DOMAINS` and of `TASKS`.
    response_types
        Media types of the endpoint's answers.
    instance_types, transform_instance_types
        Where the model may be served, and transformed in batches.
    nearest_model_name
        The name of a known model that is most like this one, for the recommender.
    approval_status
        One of `APPROVALS`.
    environment
        Environment of the container, `{"SAGEMAKER_PROGRAM": "inference.py"}`.
    """

    model_package_group_name: str
    image_uri: str
    framework: Optional[str] = None
    framework_version: Optional[str] = None
    domain: str = "MACHINE_LEARNING"
    task: str = "OTHER"
    response_types: Sequence[str] = ("application/json",)
    instance_types: Sequence[str] = ("ml.m5.xlarge",)
    transform_instance_types: Sequence[str] = ("ml.m5.xlarge",)
    nearest_model_name: Optional[str] = None
    approval_status: str = "PendingManualApproval"
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("model_package_group_name", "image_uri"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                _bad(name, getattr(self, name), "a text")
        for name, choices in (
            ("domain", DOMAINS),
            ("task", TASKS),
            ("approval_status", APPROVALS),
        ):
            if getattr(self, name) not in choices:
                _bad(name, getattr(self, name), f"one of {', '.join(choices)}")
        if (self.framework is None) != (self.framework_version is None):
            _bad("framework_version", self.framework_version, "given together with framework")
        if self.framework_version is not None and not _FRAMEWORK_VERSION.match(
            self.framework_version
        ):
            _bad("framework_version", self.framework_version, "such as 1.7-1, with one digit first")
        for name in ("response_types", "instance_types", "transform_instance_types"):
            _check_texts(name, getattr(self, name))


@dataclass(frozen=True)
class LoadTest:
    """What a load test asks of an endpoint.

    Parameters
    ----------
    expected_tps
        Transactions a second.
    max_latency_in_millisecond
        Milliseconds that an answer may take.
    max_acceptable_error_rate
        Share of the requests that may fail, 0 to 1.
    instance_type_list
        Instance types to test.
    """

    expected_tps: float = 2
    max_latency_in_millisecond: int = 800
    max_acceptable_error_rate: float = 0.2
    instance_type_list: Sequence[str] = ("ml.m5.4xlarge",)

    def __post_init__(self) -> None:
        if not _is_number(self.expected_tps) or self.expected_tps <= 0:
            _bad("expected_tps", self.expected_tps, "a number over 0")
        if not _is_number(self.max_latency_in_millisecond) or self.max_latency_in_millisecond <= 0:
            _bad("max_latency_in_millisecond", self.max_latency_in_millisecond, "a number over 0")
        rate = self.max_acceptable_error_rate
        if not _is_number(rate) or not 0 <= rate <= 1:
            _bad("max_acceptable_error_rate", rate, "a number from 0 to 1")
        _check_texts("instance_type_list", self.instance_type_list)


def model_package_request(
    result: Mapping[str, Any], registration: Registration, **more: Any
) -> Dict[str, Any]:
    """Return the arguments of boto3's `create_model_package` that register the result's model.

    `more` is laid over them: `ClientToken`, `ModelMetrics`, `CustomerMetadataProperties`, ….

    Raises
    ------
    ValueError
        The result is none of a payload that was made.
    """
    container: Dict[str, Any] = {"Image": registration.image_uri, **_model_source(result)}
    if registration.framework is not None:
        container["Framework"] = registration.framework
        container["FrameworkVersion"] = registration.framework_version
    if registration.nearest_model_name is not None:
        container["NearestModelName"] = registration.nearest_model_name
    if registration.environment:
        container["Environment"] = dict(registration.environment)
    return {
        "ModelPackageGroupName": registration.model_package_group_name,
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": wire_types(result),
            "SupportedResponseMIMETypes": list(registration.response_types),
            "SupportedRealtimeInferenceInstanceTypes": list(registration.instance_types),
            "SupportedTransformInstanceTypes": list(registration.transform_instance_types),
        },
        "ModelApprovalStatus": registration.approval_status,
        "Domain": registration.domain,
        "Task": registration.task,
        "SamplePayloadUrl": _payload_uri(result),
        **more,
    }


def inference_recommendations_job_request(
    result: Mapping[str, Any],
    registration: Registration,
    *,
    name: str,
    role: str,
    layout: str = "contract",
    model_name: Optional[str] = None,
    model_package_arn: Optional[str] = None,
) -> Dict[str, Any]:
    """Return the arguments of boto3's `create_inference_recommendations_job` (a default job).

    Parameters
    ----------
    result
        A result of the payload function, for a payload of the layout `flat`.
    registration
        As for `model_package_request`; framework and version must be known.
    name, role
        Name of the job, and ARN of its role.
    layout
        The setting that the payload was made with (`PAYLOAD_LAYOUT`, `layout` in a request); the
        result does not tell it.
    model_name, model_package_arn
        The model to test, one of the two: a SageMaker model by name, or a version of a package.

    Raises
    ------
    ValueError
        The layout is not `flat`: the recommender sends every file of the archive as a request,
        `metadata.json` too. Or something is missing.
    """
    if layout != "flat":
        raise ValueError(
            f"PAYLOAD_LAYOUT is {layout!r}; Inference Recommender sends every file of the archive "
            "to the endpoint as a request, so the payload must be made with PAYLOAD_LAYOUT=flat "
            "(layout: flat in a request's settings, with a payload_s3_uri of its own)."
        )
    if (model_name is None) == (model_package_arn is None):
        raise ValueError("Name the model to test: either model_name or model_package_arn.")
    if registration.framework not in FRAMEWORKS:
        _bad("framework", registration.framework, f"one of {', '.join(FRAMEWORKS)} for this job")
    container: Dict[str, Any] = {
        "Domain": registration.domain,
        "Task": registration.task,
        "Framework": registration.framework,
        "FrameworkVersion": registration.framework_version,
        "PayloadConfig": {
            "SamplePayloadUrl": _payload_uri(result),
            "SupportedContentTypes": wire_types(result),
        },
        "SupportedInstanceTypes": list(registration.instance_types),
        "SupportedResponseMIMETypes": list(registration.response_types),
    }
    if registration.nearest_model_name is not None:
        container["NearestModelName"] = registration.nearest_model_name
    model = (
        {"ModelName": model_name}
        if model_name is not None
        else {"ModelPackageVersionArn": model_package_arn}
    )
    return {
        "JobName": name,
        "JobType": "Default",
        "RoleArn": role,
        "InputConfig": {**model, "ContainerConfig": container},
    }


def load_test_description(result: Mapping[str, Any], load_test: LoadTest) -> Dict[str, Any]:
    """Return the description of a load test with the result's payload (`load_testing_info_map`).

    Raises
    ------
    ValueError
        The result is none of a payload that was made.
    """
    bucket, _, key = _payload_uri(result)[len("s3://") :].partition("/")
    return {
        "sample_payload_s3_bucket": bucket,
        "sample_payload_s3_key": key,
        "expected_tps": load_test.expected_tps,
        "max_latency_in_millisecond": load_test.max_latency_in_millisecond,
        "max_acceptable_error_rate": load_test.max_acceptable_error_rate,
        "instance_type_list": list(load_test.instance_type_list),
    }


def input_variable_list(metadata: Mapping[str, Any]) -> List[List[str]]:
    """Return the model's input variables, `[name, "NUMERIC" or "TEXT"]` each, in their order.

    `metadata` is the content of the payload's `metadata.json`; `mims_pipeline.archives.read_metadata`
    reads it from an archive.

    Raises
    ------
    ValueError
        There is no such list in it.
    """
    variables = metadata.get("input_variables")
    if not isinstance(variables, list) or not variables:
        raise ValueError("metadata has no input_variables: it is no metadata.json of a payload.")
    for pair in variables:
        if (
            not isinstance(pair, (list, tuple))
            or len(pair) != 2
            or not isinstance(pair[0], str)
            or pair[1] not in ("NUMERIC", "TEXT")
        ):
            raise ValueError(f'input_variables holds {pair!r}; it must be [name, "NUMERIC"|"TEXT"]')
    return [list(pair) for pair in variables]


def wire_types(result: Mapping[str, Any]) -> List[str]:
    """Return the result's content types as they go over the wire: the media type alone, once.

    A registration and a server's decoder compare them literally, so no parameter may stand in one.
    """
    types = result.get("content_types")
    if isinstance(types, str) or not isinstance(types, Sequence) or not types:
        raise ValueError("The result has no content_types: it is none of a payload that was made.")
    return list(dict.fromkeys(str(one).split(";")[0].strip().lower() for one in types))


def _payload_uri(result: Mapping[str, Any]) -> str:
    if result.get("status") == "skipped":
        raise ValueError(
            f"The result is of a run that was skipped ({result.get('reason')}): there is no "
            "payload to register."
        )
    uri = result.get("payload_s3_uri")
    if not isinstance(uri, str) or not uri.startswith("s3://") or not uri.endswith(".tar.gz"):
        raise ValueError(
            f"payload_s3_uri is {uri!r}; a result of the payload function has the S3 URI of a "
            ".tar.gz there. An S3 event's answer holds its results under 'results': pass one."
        )
    return uri


def _model_source(result: Mapping[str, Any]) -> Dict[str, Any]:
    uri = result.get("model_s3_uri")
    if not isinstance(uri, str) or not uri.startswith("s3://"):
        raise ValueError(f"model_s3_uri is {uri!r}; a result of the payload function has one.")
    if not uri.endswith("/"):
        return {"ModelDataUrl": uri}
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
    return {"ModelDataSource": {"S3DataSource": source}}


def _check_texts(name: str, values: Any) -> None:
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        _bad(name, values, "a list of texts, with one at least")
    for value in values:
        if not isinstance(value, str) or not value:
            _bad(name, value, "a list of texts")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _bad(name: str, value: Any, wanted: str) -> NoReturn:
    raise ValueError(f"{name} is {value!r}; it must be {wanted}.")
