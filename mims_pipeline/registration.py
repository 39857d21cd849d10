"""A result of the payload function → the requests that register and load-test its model.

A load test sends every file of the payload archive to the endpoint, so the archive registered for
it must have the layout `flat`, with only payload files. `flat_payload_request` has the function
make it at a location of its own: the function's usual payload stays where it is.

>>> usual = {
...     "status": "created",
...     "model_s3_uri": "s3://models/churn/output/model.tar.gz",
...     "payload_s3_uri": "s3://models/churn/output/payload/payload.tar.gz",
...     "content_types": ["application/json", "text/csv"],
... }
>>> request = flat_payload_request(usual, "text/csv; header=absent")
>>> request["payload_s3_uri"]
's3://models/churn/output/mims-load-test/payload/payload.tar.gz'
>>> result = {**usual, **request, "content_types": ["text/csv"]}  # what the function answers to it
>>> registration = Registration("churn", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgb:1.7")
>>> model_package_request(result, registration, layout="flat")["SamplePayloadUrl"]
's3://models/churn/output/mims-load-test/payload/payload.tar.gz'
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

from mims_pipeline.platform_limits import faults
from mims_pipeline.registered import DOMAINS, FRAMEWORKS, TASKS, LoadTest, Registration, bad
from mims_pipeline.results import flat_payload, model_uri, payload_location

__all__ = [
    "DOMAINS",
    "FRAMEWORKS",
    "TASKS",
    "LoadTest",
    "Registration",
    "flat_payload_request",
    "inference_recommendations_job_request",
    "input_variable_list",
    "load_test_description",
    "model_package_request",
]

_FLAT_FOLDER = "mims-load-test"


def flat_payload_request(
    result: Mapping[str, Any], content_type: Optional[str] = None, **settings: Any
) -> Dict[str, Any]:
    """Return the payload function's request for the archive that a load test of a model sends.

    Parameters
    ----------
    result
        A result of the function for the model: it says where the model and its usual payload are.
        The flat archive goes into the folder `mims-load-test/` next to the usual payload's, so that
        neither replaces the other.
    content_type
        What the endpoint reads, with its parameters: `text/csv; header=absent`. By default, it is
        what the function's settings give, as `RECIPE=auto` does; the function refuses several.
    settings
        More settings of the request: `sample_count=10` for ten files, `recipe="auto"`.

    Raises
    ------
    ValueError
        The result is not that of a payload that was made.
    """
    bucket, key = payload_location(result)
    folders = key.split("/")
    folders.insert(-2, _FLAT_FOLDER)
    named = _given(content_types=content_type)
    return {
        "model_s3_uri": model_uri(result),
        "payload_s3_uri": f"s3://{bucket}/{'/'.join(folders)}",
        "settings": {**settings, **named, "layout": "flat"},
    }


def model_package_request(
    result: Mapping[str, Any], registration: Registration, *, layout: str = "contract", **more: Any
) -> Dict[str, Any]:
    """Return the arguments of boto3's `create_model_package` that register the result's model.

    Parameters
    ----------
    result
        A result of the payload function, for the request of `flat_payload_request`.
    registration
        What else the registration says about the model.
    layout
        The layout that the payload was made with (`layout` in a request's settings,
        `PAYLOAD_LAYOUT`). It is not in a result; unless set, it is `contract`.
        `mims_pipeline.archives.validate_payload_archive` finds it in an archive.
    more
        More arguments, or other values: `ClientToken`, `ModelMetrics`,
        `CustomerMetadataProperties`, ….

    Raises
    ------
    ValueError
        The layout is not `flat`; the result is not that of a payload that was made; or the service
        would refuse the request (one line for each fault).
    ImportError
        botocore, which has the service model, is not installed.
    """
    payload_uri, media_type = flat_payload(result, layout)
    container = {
        "Image": registration.image_uri,
        **_model_source(result),
        **_given(
            Framework=registration.framework,
            FrameworkVersion=registration.framework_version,
            NearestModelName=registration.nearest_model_name,
            Environment=dict(registration.environment) or None,
        ),
    }
    request = {
        "ModelPackageGroupName": registration.model_package_group_name,
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": list(
                dict.fromkeys([media_type, *_listed(registration.content_types)])
            ),
            "SupportedResponseMIMETypes": _listed(registration.response_types),
            "SupportedRealtimeInferenceInstanceTypes": _listed(registration.instance_types),
            "SupportedTransformInstanceTypes": _listed(registration.transform_instance_types),
        },
        "ModelApprovalStatus": registration.approval_status,
        "Domain": registration.domain,
        "Task": registration.task,
        "SamplePayloadUrl": payload_uri,
        **more,
    }
    return _checked("CreateModelPackage", request)


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
    result, layout
        As for `model_package_request`.
    registration
        As for `model_package_request`; the framework and its version are required.
    name, role
        Name of the job, and ARN of its role.
    model_name, model_package_arn
        The model to test: either the name of a SageMaker model, or the ARN of a package's version.

    Raises
    ------
    ValueError, ImportError
        As `model_package_request`; or the model to test, or its framework, is missing.
    """
    payload_uri, media_type = flat_payload(result, layout)
    if (model_name is None) == (model_package_arn is None):
        raise ValueError("Name the model to test: either model_name or model_package_arn.")
    if registration.framework not in FRAMEWORKS:
        bad("framework", registration.framework, f"one of {', '.join(FRAMEWORKS)} for this job")
    container = {
        "Domain": registration.domain,
        "Task": registration.task,
        "Framework": registration.framework,
        "FrameworkVersion": registration.framework_version,
        "PayloadConfig": {"SamplePayloadUrl": payload_uri, "SupportedContentTypes": [media_type]},
        "SupportedInstanceTypes": _listed(registration.instance_types),
        "SupportedResponseMIMETypes": _listed(registration.response_types),
        **_given(NearestModelName=registration.nearest_model_name),
    }
    model = _given(ModelName=model_name, ModelPackageVersionArn=model_package_arn)
    request = {
        "JobName": name,
        "JobType": "Default",
        "RoleArn": role,
        "InputConfig": {**model, "ContainerConfig": container},
    }
    return _checked("CreateInferenceRecommendationsJob", request)


def load_test_description(result: Mapping[str, Any], load_test: LoadTest) -> Dict[str, Any]:
    """Return the description of a load test with the result's payload (`load_testing_info_map`).

    Raises
    ------
    ValueError
        The result is not that of a payload that was made.
    """
    bucket, key = payload_location(result)
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

    `metadata` is the content of a payload's `metadata.json`, which the layout `contract` has;
    `mims_pipeline.archives.read_metadata` reads it from an archive.

    Raises
    ------
    ValueError
        It has no such list.
    """
    variables = metadata.get("input_variables")
    if not isinstance(variables, list) or not variables or not all(map(_is_variable, variables)):
        bad("input_variables", variables, 'a list of [name, "NUMERIC" or "TEXT"], as in a payload')
    return [list(pair) for pair in variables]


def _checked(operation: str, request: Dict[str, Any]) -> Dict[str, Any]:
    found = faults("sagemaker", operation, request)
    if found:
        raise ValueError("\n".join(map(str, found)))
    return request


def _model_source(result: Mapping[str, Any]) -> Dict[str, Any]:
    uri = model_uri(result)
    if not uri.endswith("/"):
        return {"ModelDataUrl": uri}
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
    return {"ModelDataSource": {"S3DataSource": source}}


def _given(**parts: Any) -> Dict[str, Any]:
    return {name: part for name, part in parts.items() if part is not None}


def _listed(values: Sequence[str]) -> Any:
    # A single string is passed on for the service model to refuse: its letters are not the items.
    return values if isinstance(values, str) else list(values)


def _is_variable(pair: Any) -> bool:
    return (
        isinstance(pair, (list, tuple))
        and len(pair) == 2
        and isinstance(pair[0], str)
        and pair[1] in ("NUMERIC", "TEXT")
    )
