"""What SageMaker accepts in a Processing job, checked before anything is sent.

Each function returns the faults that it finds, one sentence each, with the remedy; a pipeline's
reference (`{"Get": "Parameters.ModelUri"}`, or an object of the SageMaker SDK) is known only when
the pipeline runs, so it passes. Limits and patterns are those of the API's reference:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html
"""

from __future__ import annotations

import re
from typing import Any, Iterator, List, Mapping, Sequence

MAX_VARIABLES = 100
MAX_VARIABLE_CHARACTERS = 256
MAX_URI_CHARACTERS = 1024
MAX_TAGS = 50
MAX_VOLUME_GIB = 16_384
MAX_RUNTIME_SECONDS = 777_600
MAX_SECURITY_GROUPS = 5
MAX_SUBNETS = 16

JOB_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}\Z")
# https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps.html
STEP_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_VARIABLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@_/-]+\Z")
_IMAGE = re.compile(r"\S{1,255}\Z")
_INSTANCE = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9-]+\Z")
_KMS_KEY = re.compile(r"[a-zA-Z0-9:/_-]{1,2048}\Z")
_NETWORK_ID = re.compile(r"[-0-9a-zA-Z]{1,32}\Z")
_URI = re.compile(r"s3://[^/\s]+/.*\Z")
_TAG = re.compile(r"[\w .:/=+@-]*\Z")
_REFERENCES = {"Get", "Std:Join", "Std:JsonGet"}


def is_reference(value: Any) -> bool:
    """Whether `value` is one that only a running pipeline knows."""
    if isinstance(value, Mapping):
        return len(value) == 1 and next(iter(value)) in _REFERENCES
    return hasattr(value, "expr")


def text_faults(name: str, value: Any) -> Iterator[str]:
    """Yield what is wrong with the part `name` of a job that is one text of a fixed form."""
    pattern, wanted = {
        "role": (_ROLE, "the ARN of an IAM role (arn:aws:iam::123456789012:role/Name)"),
        "image_uri": (_IMAGE, "the URI of an image, up to 255 characters without white space"),
        "instance_type": (_INSTANCE, "an instance type such as ml.t3.medium"),
        "kms_key_id": (_KMS_KEY, "the id, alias or ARN of a KMS key"),
        "volume_kms_key_id": (_KMS_KEY, "the id, alias or ARN of a KMS key"),
    }[name]
    if not is_reference(value) and not (isinstance(value, str) and pattern.match(value)):
        yield f"{name} is {value!r}; it must be {wanted}."


def uri_faults(name: str, value: Any) -> Iterator[str]:
    """Yield what is wrong with an S3 location."""
    if is_reference(value):
        return
    if not isinstance(value, str) or not _URI.match(value):
        yield f"{name} is {value!r}; it must be an S3 URI with a bucket and a '/' (s3://bucket/…)."
    elif len(value) > MAX_URI_CHARACTERS:
        yield f"{name} has {len(value):,} characters; SageMaker takes {MAX_URI_CHARACTERS:,}."


def number_faults(name: str, value: Any, most: int, unit: str) -> Iterator[str]:
    """Yield what is wrong with a whole number of 1 to `most`."""
    if is_reference(value):
        return
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        yield f"{name} is {value!r}; it must be a whole number of {unit} from 1 to {most:,}."


def environment_faults(variables: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the container's environment cannot hold, with what to do instead."""
    if len(variables) > MAX_VARIABLES:
        yield (
            f"settings holds {len(variables)} variables; a Processing job takes {MAX_VARIABLES}. "
            "Put the values of many fields into one FIELD_DEFAULTS, a JSON object."
        )
    for name, value in variables.items():
        if not isinstance(name, str) or not _VARIABLE.match(name):
            yield (
                f"settings holds the name {name!r}; a variable's name is letters, digits and '_', "
                f"with no digit first. Write {re.sub(r'[^a-zA-Z0-9_]', '_', str(name))!r}: "
                "SPECIAL_FIELD_<name> finds its field with '_' for every other character; or put "
                "the name into FIELD_DEFAULTS, where any name may stand."
            )
        elif len(name) > MAX_VARIABLE_CHARACTERS:
            yield (
                f"settings: the name {name[:40]}… has {len(name)} characters; a variable's name "
                f"has at most {MAX_VARIABLE_CHARACTERS}. Put such a field into FIELD_DEFAULTS."
            )
        if is_reference(value):
            continue
        if not isinstance(value, str):
            yield f"settings: {name} is {value!r}; a variable's value is a text: write it as one."
        elif len(value) > MAX_VARIABLE_CHARACTERS:
            remedy = (
                "Give its fields one by one as SPECIAL_FIELD_<name>"
                if name == "FIELD_DEFAULTS"
                else "Shorten it"
            )
            yield (
                f"settings: {name} has {len(value)} characters; a Processing job's variable holds "
                f"at most {MAX_VARIABLE_CHARACTERS}. {remedy}, or make this model's payload by the "
                "Lambda function, whose request has no such limit."
            )


def folder_faults(kind: str, paths: Mapping[str, str]) -> Iterator[str]:
    """Yield the contract paths that a Processing job cannot mount, files among them."""
    for name, path in paths.items():
        if not path.startswith("/opt/ml/processing/"):
            yield (
                f"The {kind} {name} is {path}; a Processing job mounts folders below "
                "/opt/ml/processing/ only."
            )
        elif re.search(r"\.[A-Za-z0-9]+/*\Z", path):
            yield (
                f"The {kind} {name} is {path}, a file. SageMaker makes a folder of whatever is "
                f"named: name the folder {path.rstrip('/').rpartition('/')[0]} instead."
            )
        elif len(path) > MAX_VARIABLE_CHARACTERS:
            yield f"The {kind} {name} has a path of over {MAX_VARIABLE_CHARACTERS} characters."


def network_faults(subnets: Sequence[Any], groups: Sequence[Any]) -> Iterator[str]:
    """Yield what is wrong with a job's VPC."""
    if bool(subnets) != bool(groups):
        yield "subnets and security_group_ids go together: a job in a VPC needs both."
    for name, ids, most in (
        ("subnets", subnets, MAX_SUBNETS),
        ("security_group_ids", groups, MAX_SECURITY_GROUPS),
    ):
        if len(ids) > most:
            yield f"{name} holds {len(ids)}; a Processing job takes {most}."
        for one in ids:
            if not is_reference(one) and not (isinstance(one, str) and _NETWORK_ID.match(one)):
                yield f"{name} holds {one!r}, which is no id of the kind."


def tag_faults(tags: Mapping[Any, Any]) -> List[str]:
    """Return what is wrong with a job's tags."""
    faults = []
    if len(tags) > MAX_TAGS:
        faults.append(f"tags holds {len(tags)}; a Processing job takes {MAX_TAGS}.")
    for key, value in tags.items():
        if not isinstance(key, str) or not 1 <= len(key) <= 128 or not _TAG.match(key):
            faults.append(f"tags: the key {key!r} must be 1 to 128 letters, digits or '_.:/=+-@'.")
        elif key.lower().startswith("aws:"):
            faults.append(f"tags: the key {key!r} begins with 'aws:', which is AWS's own.")
        if is_reference(value):
            continue
        if not isinstance(value, str) or len(value) > 256 or not _TAG.match(value):
            faults.append(f"tags: {key!r} must have up to 256 letters, digits or '_.:/=+-@'.")
    return faults
