"""What a registration and a load test say about a model, besides its payload."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Mapping, NoReturn, Optional, Sequence

# The service's model accepts any string for these three.
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


@dataclass(frozen=True)
class Registration:
    """What a registration says about a model, besides what the payload's result says.

    Parameters
    ----------
    model_package_group_name
        Name or ARN of the model package group; it exists already.
    image_uri
        Image of the endpoint's container.
    framework, framework_version
        One of `FRAMEWORKS`, and its version ("1.7-1"); both or neither. The recommender needs both;
        a registration on its own accepts any framework.
    domain, task
        One of `DOMAINS` and one of `TASKS`.
    content_types
        Media types that the endpoint accepts besides the payload's own.
    response_types
        Media types of the endpoint's answers.
    instance_types, transform_instance_types
        Instance types for endpoints, and for batch transforms.
    nearest_model_name
        The name of the known model that is most like this one, for the recommender.
    approval_status
        `Approved`, `Rejected` or `PendingManualApproval`.
    environment
        Environment of the container, `{"SAGEMAKER_PROGRAM": "inference.py"}`.
    """

    model_package_group_name: str
    image_uri: str
    framework: Optional[str] = None
    framework_version: Optional[str] = None
    domain: str = "MACHINE_LEARNING"
    task: str = "OTHER"
    content_types: Sequence[str] = ()
    response_types: Sequence[str] = ("application/json",)
    instance_types: Sequence[str] = ("ml.m5.xlarge",)
    transform_instance_types: Sequence[str] = ("ml.m5.xlarge",)
    nearest_model_name: Optional[str] = None
    approval_status: str = "PendingManualApproval"
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, choices in (("domain", DOMAINS), ("task", TASKS)):
            if getattr(self, name) not in choices:
                bad(name, getattr(self, name), f"one of {', '.join(choices)}")
        if (self.framework is None) != (self.framework_version is None):
            bad("framework_version", self.framework_version, "given together with framework")


@dataclass(frozen=True)
class LoadTest:
    """What a load test expects of an endpoint.

    Parameters
    ----------
    expected_tps
        Transactions per second.
    max_latency_in_millisecond
        How many milliseconds an answer may take.
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
        for name in ("expected_tps", "max_latency_in_millisecond"):
            if not _is_number(getattr(self, name)) or getattr(self, name) <= 0:
                bad(name, getattr(self, name), "a number over 0")
        rate, types = self.max_acceptable_error_rate, self.instance_type_list
        if not _is_number(rate) or not 0 <= rate <= 1:
            bad("max_acceptable_error_rate", rate, "a number from 0 to 1")
        if isinstance(types, str) or not types:
            bad("instance_type_list", types, "a list of at least one instance type")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def bad(name: str, value: Any, wanted: str) -> NoReturn:
    """Raise a `ValueError` that says what the value under that name must be."""
    raise ValueError(f"{name} is {value!r}; it must be {wanted}.")
