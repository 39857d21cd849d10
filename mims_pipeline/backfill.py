"""Payloads for existing models, by one job of S3 Batch Operations.

S3 lists the bucket, keeps the keys that can be models, and calls the payload function for each; the
job's report has a line with the result, or the reason, for every object. If a model's payload is up
to date, the model is not read, so running the job again does no harm.

    scripts/backfill BUCKET [PREFIX]         shows what would be done, and its cost
    scripts/backfill BUCKET [PREFIX] --yes   creates the job
    scripts/backfill --summary REPORT        counts the results and reasons in a job's report
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional

from mims_pipeline.backfill_cost import estimate
from mims_pipeline.backfill_report import ReportError, Summary, read_local, read_s3, summarize

MODEL_NAME = "model.tar.gz"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_ROLE = re.compile(r"arn:(?P<partition>[^:]+):iam::(?P<account>\d{12}):role/.+\Z")
_FUNCTION = re.compile(r"arn:[^:]+:lambda:(?P<region>[a-z0-9-]+):\d{12}:function:[^:]+(:[^:]+)?\Z")


class BackfillError(Exception):
    """The job cannot be made; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Deployment:
    """What a backfill uses: function, role, the report's location, reserved runs, and memory."""

    function_arn: str
    role_arn: str
    report_bucket: str
    report_prefix: str
    concurrency: Optional[int] = None
    memory_mb: int = 512


def key_filter(prefix: str) -> Dict[str, List[str]]:
    """Return the `KeyNameConstraint` that keeps every model under `prefix`.

    Each list may have only one string, so one suffix must do. It begins with a slash, which
    excludes `old-model.tar.gz`, unless a model could be at the bucket's root: then the function is
    called for a few more objects, and skips those that are not models.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_KeyNameConstraint.html
    """
    at_root = MODEL_NAME.startswith(prefix)
    constraint = {"MatchAnySuffix": [MODEL_NAME if at_root else f"/{MODEL_NAME}"]}
    if prefix:
        constraint["MatchAnyPrefix"] = [prefix]
    return constraint


def job_request(bucket: str, prefix: str, deployment: Deployment, token: str) -> Dict[str, Any]:
    """Return the arguments of boto3's `s3control.create_job`.

    Raises
    ------
    BackfillError
        The bucket's name, the prefix or an ARN has the wrong form.
    """
    role = _ROLE.match(deployment.role_arn)
    if not _BUCKET.match(bucket):
        raise BackfillError(f"{bucket!r} is not the name of a bucket. Give it without s3://.")
    if len(prefix) > 1024 or prefix.startswith("/"):
        raise BackfillError(
            f"The prefix {prefix[:100]!r} begins with a slash, or has more than 1,024 characters; "
            "keys do not begin with a slash."
        )
    if role is None:
        raise BackfillError(f"{deployment.role_arn!r} is not the ARN of a role.")
    if not _FUNCTION.match(deployment.function_arn):
        raise BackfillError(f"{deployment.function_arn!r} is not the ARN of a function.")
    partition = role["partition"]
    return {
        "AccountId": role["account"],
        "ConfirmationRequired": False,
        "Operation": {
            "LambdaInvoke": {
                "FunctionArn": deployment.function_arn,
                "InvocationSchemaVersion": "2.0",
            }
        },
        "ManifestGenerator": {
            "S3JobManifestGenerator": {
                "SourceBucket": f"arn:{partition}:s3:::{bucket}",
                "Filter": {"KeyNameConstraint": key_filter(prefix)},
                "EnableManifestOutput": False,  # the report names every object anyway
            }
        },
        "Report": {
            "Enabled": True,
            "Bucket": f"arn:{partition}:s3:::{deployment.report_bucket}",
            "Prefix": deployment.report_prefix,
            "Format": "Report_CSV_20180820",
            "ReportScope": "AllTasks",
        },
        "RoleArn": deployment.role_arn,
        "Priority": 10,
        "Description": f"Sample payloads of the models in s3://{bucket}/{prefix}"[:256],
        "ClientRequestToken": token,
    }


def read_stack(cloudformation: Any, name: str, bucket: str, prefix: str) -> Deployment:
    """Return the deployment in the stack `name`, for a backfill of that bucket and prefix.

    Raises
    ------
    BackfillError
        The stack cannot be read, lacks an output, or may not read these models.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        raise BackfillError(
            f"The stack {name!r} cannot be read: {error}. Name it by --stack, and its region by "
            "--region, or give --function-arn, --role-arn and --report."
        ) from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}
    parameters = {
        parameter["ParameterKey"]: parameter.get("ParameterValue", "")
        for parameter in stack.get("Parameters", ())
    }
    try:
        deployment = Deployment(
            function_arn=outputs["FunctionAliasArn"],
            role_arn=outputs["BackfillRoleArn"],
            report_bucket=outputs["BackfillReportBucketName"],
            report_prefix=outputs["BackfillReportPrefix"],
            concurrency=int(parameters.get("ReservedConcurrency") or 0) or None,
            memory_mb=int(parameters.get("MemorySize") or 512),
        )
        models, under = outputs["ModelBucketName"], outputs.get("ModelPrefix", "")
    except KeyError as error:
        raise BackfillError(
            f"The stack {name!r} has no output {error}: it is not one of this project, or it is an "
            "old one. Deploy it again, or name another by --stack."
        ) from error
    if bucket != models or not prefix.startswith(under):
        raise BackfillError(
            f"The stack {name!r} reads the models under s3://{models}/{under}, not those under "
            f"s3://{bucket}/{prefix}. Name another by --stack, or deploy one for that bucket."
        )
    return deployment


def main(arguments: Optional[List[str]] = None) -> int:
    """Show the job that the command line asks for, and create it with `--yes`."""
    options = _options(arguments)
    try:
        if options.summary:
            print("\n".join(_summary(options).lines()))
            return 0
        deployment = _deployment(options)
        request = job_request(options.bucket, options.prefix, deployment, str(uuid.uuid4()))
        models = _count(options, deployment) if options.count else options.models
        _show(options, deployment, request, models)
        if options.yes:
            _create(deployment, request)
        else:
            print("\nNothing was created. Add --yes to create the job.")
    except (BackfillError, ReportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _options(arguments: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/backfill",
        description="Makes payloads for the models that are already in a bucket, by a job of S3 "
        "Batch Operations. Without --yes, only shows the job, its cost and its time.",
    )
    parser.add_argument("bucket", nargs="?", help="bucket of the models, without s3://")
    parser.add_argument("prefix", nargs="?", default="", help="only the models under this prefix")
    parser.add_argument("--yes", action="store_true", help="create the job")
    parser.add_argument(
        "--summary",
        metavar="REPORT",
        help="count the results in a job's report: s3://BUCKET/PREFIX/job-ID, a folder or a file",
    )
    parser.add_argument("--stack", default="mims-payload", help="deployed stack (%(default)s)")
    parser.add_argument("--region", help="region of the stack, if not the default one")
    named = parser.add_argument_group("instead of a stack, all three")
    named.add_argument("--function-arn", help="function, preferably with its alias")
    named.add_argument("--role-arn", help="role of the job")
    named.add_argument("--report", metavar="BUCKET/PREFIX", help="where the report goes")
    sized = parser.add_argument_group("for the estimate")
    models = sized.add_mutually_exclusive_group()
    models.add_argument("--models", type=_positive(int), help="number of models")
    models.add_argument("--count", action="store_true", help="list the bucket and count them")
    sized.add_argument(
        "--objects", type=_positive(int), help="objects in the whole bucket, if more than models"
    )
    sized.add_argument(
        "--seconds",
        type=_positive(float),
        default=0.5,
        help="what the function needs for a model, on average: see its Duration metric "
        "(%(default)s, assumed)",
    )
    sized.add_argument("--memory", type=_positive(int), help="MB (the stack's MemorySize)")
    sized.add_argument(
        "--concurrency",
        type=_positive(int),
        help="models at a time (the stack's ReservedConcurrency, else 1000, an account's quota)",
    )
    options = parser.parse_args(arguments)
    given = [options.function_arn, options.role_arn, options.report]
    if any(given) and not all(given):
        parser.error("--function-arn, --role-arn and --report go together")
    if (options.bucket is None) != (options.summary is not None):
        parser.error("name the bucket of the models, or a report by --summary")
    return options


def _summary(options: argparse.Namespace) -> Summary:
    if options.summary.startswith("s3://"):
        return summarize(read_s3(_client("s3", options.region), options.summary))
    return summarize(read_local(Path(options.summary)))


def _positive(kind: Any) -> Any:
    def convert(text: str) -> Any:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError(text)
        return value

    convert.__name__ = f"positive {kind.__name__}"
    return convert


def _deployment(options: argparse.Namespace) -> Deployment:
    if options.function_arn:
        bucket, _, prefix = options.report.partition("/")
        if not _BUCKET.match(bucket) or not prefix.strip("/"):
            raise BackfillError(f"--report is {options.report!r}; it must be BUCKET/PREFIX.")
        return Deployment(options.function_arn, options.role_arn, bucket, prefix.rstrip("/"))
    client = _client("cloudformation", options.region)
    return read_stack(client, options.stack, options.bucket, options.prefix)


def _client(service: str, region: Optional[str]) -> Any:
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return boto3.client(service, region_name=region)
    except BotoCoreError as error:
        raise BackfillError(f"{error} Name a region by --region, or in AWS_REGION.") from error


def _region(deployment: Deployment) -> str:
    # The job, its bucket and its function are in one region.
    match = _FUNCTION.match(deployment.function_arn)
    return match["region"] if match else ""


def _count(options: argparse.Namespace, deployment: Deployment) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    paginator = _client("s3", _region(deployment)).get_paginator("list_objects_v2")
    count = 0
    try:
        for page in paginator.paginate(Bucket=options.bucket, Prefix=options.prefix):
            keys = (listed["Key"] for listed in page.get("Contents", ()))
            count += sum(key.rpartition("/")[2] == MODEL_NAME for key in keys)
    except (BotoCoreError, ClientError) as error:
        raise BackfillError(
            f"s3://{options.bucket}/{options.prefix} cannot be listed: {error}. Allow "
            "s3:ListBucket, or give the number by --models."
        ) from error
    if not count:
        raise BackfillError(
            f"There is no {MODEL_NAME} under s3://{options.bucket}/{options.prefix}: there is "
            "nothing to do."
        )
    return count


def _show(
    options: argparse.Namespace,
    deployment: Deployment,
    request: Dict[str, Any],
    models: Optional[int],
) -> None:
    (suffix,) = key_filter(options.prefix)["MatchAnySuffix"]
    print(f"Models     s3://{options.bucket}/{options.prefix}*{suffix}")
    print(f"Function   {deployment.function_arn}")
    print(f"Role       {deployment.role_arn}")
    print(f"Report     s3://{deployment.report_bucket}/{deployment.report_prefix}/job-<id>/")
    print("\nRequest (s3control.create_job)")
    print(json.dumps(request, indent=2))
    concurrency = options.concurrency or deployment.concurrency or 1000
    memory = options.memory or deployment.memory_mb
    per = models if models is not None else 1000
    made = estimate(
        models=per,
        objects=max(options.objects or per, per),
        seconds=options.seconds,
        memory_mb=memory,
        concurrency=concurrency,
    )
    if models is None:
        print("\nEstimate for each 1,000 models (--models N or --count for all)")
    else:
        print(f"\nEstimate for {models:,} models")
    print("\n".join(made.lines()))
    print(
        f"  with {options.seconds:g} s and {memory} MB a model, {concurrency:,} at a time;\n"
        "  the time without S3's listing, retries and models that change; without tax, discounts,\n"
        "  KMS and free tiers."
    )


def _create(deployment: Deployment, request: Dict[str, Any]) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    region = _region(deployment)
    try:
        job = _client("s3control", region).create_job(**request)["JobId"]
    except (BotoCoreError, ClientError) as error:
        raise BackfillError(
            f"The job was not created: {error}. It needs s3:CreateJob, and iam:PassRole on "
            f"{deployment.role_arn}."
        ) from error
    print(f"\nCreated the job {job}. Its progress:")
    print(
        f"  aws s3control describe-job --region {region} --account-id {request['AccountId']} "
        f"--job-id {job} --query 'Job.[Status,ProgressSummary]'"
    )
    print(f"Its report: s3://{deployment.report_bucket}/{deployment.report_prefix}/job-{job}/")


if __name__ == "__main__":
    sys.exit(main())
