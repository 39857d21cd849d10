"""A SageMaker training job that has ended: EventBridge's event, and a task's output.

https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html
https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html
"""

from __future__ import annotations

from typing import Any

from mims.aws.events.family import family_of_requests, string_at
from mims.aws.request import MODEL_NAME, Request, nothing_to_do, notified_request, split_s3_uri
from mims.errors import shown

_STATE_CHANGE = "SageMaker Training Job State Change"


def recognises(event: Any) -> bool:
    return isinstance(event, dict) and event.get("source") == "aws.sagemaker"


def is_output(event: Any) -> bool:
    return isinstance(event, dict) and "TrainingJobName" in event and "ModelArtifacts" in event


def _read(event: Any) -> Request:
    detail_type = event.get("detail-type", _STATE_CHANGE)
    if detail_type != _STATE_CHANGE:
        reason = f"the event '{shown(detail_type)}' of aws.sagemaker calls for no payload"
        return nothing_to_do(reason)
    string_at(event, "detail", "TrainingJobStatus")
    return _of_job(event["detail"])


def _of_job(job: Any) -> Request:
    status = job.get("TrainingJobStatus", "Completed")
    if status != "Completed":
        return nothing_to_do(f"the training job's status is {shown(status)}")
    if isinstance(job.get("ModelArtifacts"), dict):
        uri = string_at(job, "ModelArtifacts", "S3ModelArtifacts")
    else:
        folder = string_at(job, "OutputDataConfig", "S3OutputPath").rstrip("/")
        uncompressed = job["OutputDataConfig"].get("CompressionType") == "NONE"
        name = "model/" if uncompressed else MODEL_NAME
        uri = f"{folder}/{string_at(job, 'TrainingJobName')}/output/{name}"
    bucket, key = split_s3_uri(uri, "S3ModelArtifacts")
    if key.endswith("/"):
        return Request(bucket, key, notified=True)
    return notified_request(bucket, key)


FAMILY = family_of_requests(
    "an EventBridge event of aws.sagemaker",
    ("training_job", "training_job_without_artifacts", "sagemaker_model_package"),
    recognises,
    _read,
)
OUTPUT = family_of_requests(
    "the output of createTrainingJob.sync in Step Functions",
    ("training_job_output",),
    is_output,
    _of_job,
)
