"""A backfill: the job's request, what the command shows, and the function with a job's many tasks.

The tests play the part of S3 Batch Operations: they list the bucket, apply the request's filter,
and send the function the events that its user guide describes.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple
from urllib.parse import quote_plus

import boto3
import pytest
from botocore.stub import ANY, Stubber
from moto import mock_aws

from mims_pipeline import backfill
from mims_pipeline.backfill import BackfillError, Deployment, job_request, key_filter, read_stack
from mims_pipeline.backfill_cost import estimate
from mims_pipeline.backfill_report import summarize
from mims_pipeline.platform_limits import faults
from tests.archives import packed, unpacked

DEPLOYMENT = Deployment(
    function_arn="arn:aws:lambda:eu-west-1:123456789012:function:payloads:live",
    role_arn="arn:aws:iam::123456789012:role/mims-payload-BackfillRole-1",
    report_bucket="models",
    report_prefix="mims-payload-backfill",
)
NAMED = [
    f"--function-arn={DEPLOYMENT.function_arn}",
    f"--role-arn={DEPLOYMENT.role_arn}",
    f"--report={DEPLOYMENT.report_bucket}/{DEPLOYMENT.report_prefix}",
]
OUTPUTS = {
    "FunctionAliasArn": DEPLOYMENT.function_arn,
    "BackfillRoleArn": DEPLOYMENT.role_arn,
    "BackfillReportBucketName": DEPLOYMENT.report_bucket,
    "BackfillReportPrefix": DEPLOYMENT.report_prefix,
    "ModelBucketName": "models",
    "ModelPrefix": "training/",
}


# --- the request ---


@pytest.mark.parametrize("prefix", ["", "training/", "t", "ünïcode ü/", "p" * 1024])
def test_the_service_accepts_the_job(prefix: str) -> None:
    request = job_request("models", prefix, DEPLOYMENT, "token-1")
    assert faults("s3control", "CreateJob", request) == []


def test_the_job_calls_the_function_and_reports_every_object() -> None:
    request = job_request("models", "training/", DEPLOYMENT, "token-1")
    assert request["AccountId"] == "123456789012"
    assert request["RoleArn"] == DEPLOYMENT.role_arn
    assert request["ClientRequestToken"] == "token-1"
    assert request["ConfirmationRequired"] is False
    assert request["Operation"]["LambdaInvoke"] == {
        "FunctionArn": DEPLOYMENT.function_arn,
        "InvocationSchemaVersion": "2.0",
    }
    generator = request["ManifestGenerator"]["S3JobManifestGenerator"]
    assert generator["SourceBucket"] == "arn:aws:s3:::models"
    assert generator["Filter"]["KeyNameConstraint"] == {
        "MatchAnyPrefix": ["training/"],
        "MatchAnySuffix": ["/model.tar.gz"],
    }
    report = request["Report"]
    assert report["ReportScope"] == "AllTasks"
    assert (report["Bucket"], report["Prefix"]) == ("arn:aws:s3:::models", DEPLOYMENT.report_prefix)


def test_buckets_of_another_partition_have_its_arns() -> None:
    deployment = Deployment(
        DEPLOYMENT.function_arn.replace("arn:aws:", "arn:aws-cn:"),
        DEPLOYMENT.role_arn.replace("arn:aws:", "arn:aws-cn:"),
        "models",
        "reports",
    )
    request = job_request("models", "", deployment, "t")
    source = request["ManifestGenerator"]["S3JobManifestGenerator"]["SourceBucket"]
    assert (source, request["Report"]["Bucket"]) == ("arn:aws-cn:s3:::models",) * 2
    assert faults("s3control", "CreateJob", request) == []


@pytest.mark.parametrize(
    ("bucket", "prefix", "deployment"),
    [
        ("s3://models", "", DEPLOYMENT),
        ("Models", "", DEPLOYMENT),
        ("models", "/training", DEPLOYMENT),
        ("models", "p" * 1025, DEPLOYMENT),
        ("models", "", Deployment("payloads", DEPLOYMENT.role_arn, "models", "r")),
        ("models", "", Deployment(DEPLOYMENT.function_arn, "role/r", "models", "r")),
    ],
)
def test_an_invalid_job_is_refused(bucket: str, prefix: str, deployment: Deployment) -> None:
    with pytest.raises(BackfillError):
        job_request(bucket, prefix, deployment, "t")


def kept(key: str, constraint: Dict[str, List[str]]) -> bool:
    """Say whether S3's manifest generator keeps a key."""
    starts, ends = constraint.get("MatchAnyPrefix", [""]), constraint.get("MatchAnySuffix", [""])
    return any(map(key.startswith, starts)) and any(map(key.endswith, ends))


@pytest.mark.parametrize(
    "key", ["model.tar.gz", "a/model.tar.gz", "a/b/model.tar.gz", "model/model.tar.gz"]
)
def test_no_model_is_filtered_out_whatever_the_prefix(key: str) -> None:
    for length in range(len(key) + 1):
        constraint = key_filter(key[:length])
        assert kept(key, constraint)
        # The service accepts only lists of one string.
        assert all(len(strings) == 1 for strings in constraint.values())


def test_under_a_prefix_only_models_are_kept() -> None:
    constraint = key_filter("training/")
    for key in (
        "training/old-model.tar.gz",
        "training/a/model.tar.gz.bak",
        "training/a/payload/payload.tar.gz",
        "other/model.tar.gz",
        "model.tar.gz",
    ):
        assert not kept(key, constraint)


# --- the stack ---


def stubbed(service: str, region: str = "eu-west-1") -> Tuple[Any, Stubber]:
    client = boto3.session.Session().client(service, region_name=region)
    stubber = Stubber(client)
    stubber.activate()
    return client, stubber


def stack(**changes: Any) -> Dict[str, Any]:
    outputs = {key: value for key, value in {**OUTPUTS, **changes}.items() if value is not None}
    reserved, memory = outputs.pop("reserved", ""), outputs.pop("memory", "512")
    return {
        "Stacks": [
            {
                "StackName": "mims-payload",
                "CreationTime": "2026-01-01T00:00:00Z",
                "StackStatus": "CREATE_COMPLETE",
                "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in outputs.items()],
                "Parameters": [
                    {"ParameterKey": "ReservedConcurrency", "ParameterValue": reserved},
                    {"ParameterKey": "MemorySize", "ParameterValue": memory},
                ],
            }
        ]
    }


def from_stack(answer: Dict[str, Any], bucket: str, prefix: str) -> Deployment:
    client, stubber = stubbed("cloudformation")
    stubber.add_response("describe_stacks", answer, {"StackName": "mims-payload"})
    return read_stack(client, "mims-payload", bucket, prefix)


def test_a_stack_gives_the_function_the_role_and_the_report() -> None:
    assert from_stack(stack(), "models", "training/2026/") == DEPLOYMENT
    assert from_stack(stack(reserved="50"), "models", "training/").concurrency == 50
    assert from_stack(stack(memory="1024"), "models", "training/").memory_mb == 1024


def test_the_template_has_the_outputs_that_a_backfill_reads() -> None:
    template = (Path(__file__).resolve().parents[2] / "template.yaml").read_text()
    outputs = template.partition("\nOutputs:\n")[2]
    names = set(re.findall(r"^  (\w+):$", outputs, re.MULTILINE))
    assert set(OUTPUTS) <= names
    assert "\n  ReservedConcurrency:\n" in template
    assert "\n  MemorySize:\n" in template


@pytest.mark.parametrize(
    ("answer", "bucket", "prefix", "says"),
    [
        (stack(BackfillRoleArn=None), "models", "training/", "BackfillRoleArn"),
        (stack(), "others", "training/", "s3://models/training/"),
        (stack(), "models", "", "s3://models/training/"),
        (stack(), "models", "train", "s3://models/training/"),
    ],
)
def test_a_stack_that_cannot_serve_the_models_is_an_error(
    answer: Any, bucket: str, prefix: str, says: str
) -> None:
    with pytest.raises(BackfillError, match=says):
        from_stack(answer, bucket, prefix)


def test_a_missing_stack_is_an_error_with_the_remedy() -> None:
    client, stubber = stubbed("cloudformation")
    stubber.add_client_error("describe_stacks", "ValidationError", "does not exist")
    with pytest.raises(BackfillError, match=r"does not exist.*--stack"):
        read_stack(client, "mims-payload", "models", "")


# --- the command ---


@pytest.fixture(name="clients")
def _clients(monkeypatch: pytest.MonkeyPatch) -> Dict[str, Any]:
    """The clients that the command may make, by service; any other is an error."""
    clients: Dict[str, Any] = {}
    monkeypatch.setattr(backfill, "_client", lambda service, _region: clients[service])
    return clients


def test_without_yes_nothing_is_created(
    clients: Dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    clients["cloudformation"], stubber = stubbed("cloudformation")
    stubber.add_response("describe_stacks", stack(reserved="100"))
    assert backfill.main(["models", "training/", "--models", "1000000", "--seconds", "2"]) == 0
    out = capsys.readouterr().out
    assert "Nothing was created. Add --yes" in out
    assert "Estimate for 1,000,000 models" in out
    assert "at least 5 h 33 min 20 s" in out
    shown = json.loads(out[out.index("{") : out.index("\n}") + 2])
    assert faults("s3control", "CreateJob", shown) == []


def test_with_yes_the_job_is_created_and_named(
    clients: Dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    clients["s3control"], stubber = stubbed("s3control")
    job = "8d9a18fe-c303-4d39-8ccc-860d372da386"
    expected = job_request("models", "training/", DEPLOYMENT, "")
    stubber.add_response("create_job", {"JobId": job}, {**expected, "ClientRequestToken": ANY})
    assert backfill.main(["models", "training/", *NAMED, "--yes"]) == 0
    stubber.assert_no_pending_responses()
    out = capsys.readouterr().out
    assert f"Created the job {job}" in out
    assert "--region eu-west-1 --account-id 123456789012" in out
    assert f"s3://models/mims-payload-backfill/job-{job}/" in out


def test_each_run_is_a_separate_job(
    clients: Dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = set()
    for _ in range(2):
        backfill.main(["models", *NAMED])
        tokens.update(re.findall(r'"ClientRequestToken": "(.+)"', capsys.readouterr().out))
    assert len(tokens) == 2


def test_a_refusal_names_the_permissions_that_are_needed(
    clients: Dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    clients["s3control"], stubber = stubbed("s3control")
    stubber.add_client_error("create_job", "AccessDenied", "Access Denied", 403)
    assert backfill.main(["models", *NAMED, "--yes"]) == 1
    error = capsys.readouterr().err
    assert "Access Denied" in error
    assert "iam:PassRole" in error


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["models", "--function-arn", "x"],
        ["models", *NAMED, "--models", "0"],
        ["models", *NAMED, "--seconds", "nan"],
        ["models", *NAMED, "--seconds", "inf"],
        ["models", *NAMED, "--models", "5", "--count"],
        ["models", "--summary", "report"],
    ],
)
def test_an_invalid_command_line_is_refused(
    arguments: List[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        backfill.main(arguments)
    assert caught.value.code == 2


def test_a_report_without_a_prefix_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert backfill.main(["models", *NAMED[:2], "--report", "models"]) == 1
    assert "BUCKET/PREFIX" in capsys.readouterr().err


def test_the_estimate_uses_the_memory_of_the_stack(
    clients: Dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = []
    for options in ([], ["--memory", "512"]):
        clients["cloudformation"], stubber = stubbed("cloudformation")
        stubber.add_response("describe_stacks", stack(memory="2048"))
        assert backfill.main(["models", "training/", *options]) == 0
        shown.append(capsys.readouterr().out)
    assert "0.5 s and 2048 MB a model" in shown[0]
    assert "0.5 s and 512 MB a model" in shown[1]


# --- the report ---

MADE = '{"status": "created", "payload": "s3://models/a/payload/payload.tar.gz"}'
SKIPPED = "skipped: 'my-model.tar.gz' is not named model.tar.gz"
UNUSABLE = "no payload: CorruptArchiveError: The archive is a zip, 'a: b'."
REPORT = [
    ("a/model.tar.gz", "succeeded", "", "200", MADE),
    ("b+c/model.tar.gz", "succeeded", "", "200", MADE.replace("created", "unchanged")),
    ("d/model.tar.gz", "succeeded", "", "200", MADE),
    ("my-model.tar.gz", "succeeded", "", "200", SKIPPED),
    ("his-model.tar.gz", "succeeded", "", "200", SKIPPED.replace("my", "his")),
    ("e/model.tar.gz", "succeeded", "", "200", UNUSABLE),
    ("f/model.tar.gz", "succeeded", "", "200", UNUSABLE.replace("zip", "tar")),
    ("g/model.tar.gz", "succeeded", "", "200", "no payload: NoInputFieldsError: no field, none"),
]
FAILED = [
    ("h/model.tar.gz", "failed", "PermanentFailure", "200", "AccessDeniedError: s3:GetObject"),
    # AWS's page shows the two columns in this order too.
    ("i/model.tar.gz", "failed", "200", "TemporaryFailure", "StorageError: S3 is away"),
    ("j/model.tar.gz", "failed", "", "500", 'Lambda returned function error: {"errorMessage": ""}'),
]
COUNTED = {
    "created": 2,
    "unchanged": 1,
    "skipped: '…' is not named model.tar.gz": 2,
    "no payload: CorruptArchiveError": 2,
    "no payload: NoInputFieldsError": 1,
    "failed: PermanentFailure: AccessDeniedError": 1,
    "failed: TemporaryFailure: StorageError": 1,
    "failed: Lambda returned function error": 1,
}


def report(rows: Sequence[Tuple[str, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    for key, *rest in rows:
        writer.writerow(["models", quote_plus(key), "", *rest])
    return text.getvalue()


def test_a_report_is_counted_by_results_and_reasons() -> None:
    summary = summarize([report(REPORT), report(FAILED)])
    assert dict(summary.counts) == COUNTED
    assert summary.examples["no payload: CorruptArchiveError"] == "s3://models/e%2Fmodel.tar.gz"
    lines = summary.lines()
    assert lines[0].split()[:2] == ["2", "created"]
    assert lines[-1] == "11  in all"


def test_a_downloaded_report_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "results" / "a.csv").write_text(report(REPORT))
    (tmp_path / "results" / "b.csv").write_text(report(FAILED))
    assert backfill.main(["--summary", str(tmp_path)]) == 0
    whole = capsys.readouterr().out
    assert "11  in all" in whole
    assert backfill.main(["--summary", str(tmp_path / "results" / "b.csv")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "3  in all"


@pytest.mark.parametrize("end", ["", "/", "/manifest.json"])
def test_a_report_in_s3_is_counted(
    s3: Any, clients: Dict[str, Any], capsys: pytest.CaptureFixture[str], end: str
) -> None:
    folder = "mims-payload-backfill/job-1"
    results = {f"{folder}/results/a.csv": REPORT, f"{folder}/results/b.csv": FAILED}
    for key, rows in results.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=report(rows).encode())
    manifest = {
        "Format": "Report_CSV_20180820",
        "Results": [{"Bucket": BUCKET, "Key": key} for key in results],
    }
    s3.put_object(Bucket=BUCKET, Key=f"{folder}/manifest.json", Body=json.dumps(manifest).encode())
    clients["s3"] = s3
    assert backfill.main(["--summary", f"s3://{BUCKET}/{folder}{end}"]) == 0
    assert "11  in all" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read"), (b"no JSON", "not the manifest"), (b"[]", "not the manifest")],
)
def test_a_file_that_is_not_a_report_is_an_error(
    s3: Any,
    clients: Dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    content: Optional[bytes],
    says: str,
) -> None:
    if content is not None:
        s3.put_object(Bucket=BUCKET, Key="job-1/manifest.json", Body=content)
    clients["s3"] = s3
    assert backfill.main(["--summary", f"s3://{BUCKET}/job-1"]) == 1
    assert says in capsys.readouterr().err


def test_a_folder_without_a_report_and_another_csv_file_are_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backfill.main(["--summary", str(tmp_path)]) == 1
    assert "no CSV file" in capsys.readouterr().err
    other = tmp_path / "other.csv"
    other.write_text("a,b\n")
    assert backfill.main(["--summary", str(other)]) == 1
    assert "2 columns" in capsys.readouterr().err
    assert backfill.main(["--summary", str(tmp_path / "away.csv")]) == 1
    assert "cannot be read" in capsys.readouterr().err


# --- cost and time ---


def test_the_estimate_is_the_sum_of_published_prices() -> None:
    made = estimate(
        models=2_000_000, objects=50_000_000, seconds=0.5, memory_mb=512, concurrency=1000
    )
    assert made.costs["Batch Operations, the job"] == 0.25
    assert made.costs["Batch Operations, listing"] == pytest.approx(0.75)
    assert made.costs["Batch Operations, objects"] == pytest.approx(2.0)
    assert made.costs["Lambda, requests"] == pytest.approx(0.4)
    assert made.costs["Lambda, GB-seconds"] == pytest.approx(500_000 * 0.0000133334)
    assert made.costs["S3, reads"] == pytest.approx(3.2)
    assert made.costs["S3, writes"] == pytest.approx(10.0)
    assert made.total == pytest.approx(math.fsum(made.costs.values()))
    assert made.seconds == 1000


# --- the function under a job ---


BUCKET = "models"
HYPERPARAMETERS = {"tab_field_list": ["age", "income"], "cat_field_list": ["country"]}


@pytest.fixture(name="s3")
def _s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from mims.aws import s3 as function_s3

    with mock_aws():
        function_s3.client.cache_clear()
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client
    function_s3.client.cache_clear()


def archive(number: int) -> bytes:
    content = json.dumps({**HYPERPARAMETERS, "pipeline_name": f"p{number}"}).encode()
    return packed(("hyperparameters.json", content))


def manifest(client: Any, request: Dict[str, Any]) -> List[str]:
    """Return the keys that S3 lists for a job."""
    constraint = request["ManifestGenerator"]["S3JobManifestGenerator"]["Filter"][
        "KeyNameConstraint"
    ]
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    return [key for key in keys if kept(key, constraint)]


def run(keys: List[str], tasks_per_event: int = 1) -> Dict[str, Tuple[str, str]]:
    """Call the function as a job does; return each key's result code and string."""
    from app import lambda_handler

    results = {}
    for start in range(0, len(keys), tasks_per_event):
        batch = keys[start : start + tasks_per_event]
        event = {
            "invocationSchemaVersion": "2.0",
            "invocationId": f"invocation-{start}",
            "job": {"id": "job-1", "userArguments": {}},
            "tasks": [
                {
                    "taskId": f"task-{key}",
                    "s3Key": quote_plus(key),
                    "s3VersionId": None,
                    "s3Bucket": BUCKET,
                }
                for key in batch
            ],
        }
        answer = lambda_handler(event, None)
        assert answer["invocationSchemaVersion"] == "2.0"
        assert answer["invocationId"] == event["invocationId"]
        assert [result["taskId"] for result in answer["results"]] == [
            f"task-{key}" for key in batch
        ]
        for key, result in zip(batch, answer["results"]):
            results[key] = (result["resultCode"], result["resultString"])
    return results


def test_many_models_are_done_once_and_found_up_to_date_the_next_time(s3: Any) -> None:
    models = [f"team {n % 7}/jöb+{n}/output/model.tar.gz" for n in range(60)]
    models[0] = "model.tar.gz"
    for number, key in enumerate(models):
        s3.put_object(Bucket=BUCKET, Key=key, Body=archive(number))
    others = ["old-model.tar.gz", "team 1/my-model.tar.gz"]  # kept by the filter of a whole bucket
    for key in [*others, "team 1/notes.txt", "model.tar.gz.bak"]:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    keys = manifest(s3, job_request(BUCKET, "", DEPLOYMENT, "t"))
    random.Random(7).shuffle(keys)
    assert sorted(keys) == sorted([*models, *others])

    first = run(keys, tasks_per_event=1)
    assert Counter(code for code, _ in first.values()) == {"Succeeded": 62}
    for key in models:
        result = json.loads(first[key][1])
        folder = key[: -len("model.tar.gz")]
        payload = f"{folder}payload/payload.tar.gz"
        assert result == {"status": "created", "payload": f"s3://{BUCKET}/{payload}"}
        made = unpacked(s3.get_object(Bucket=BUCKET, Key=payload)["Body"].read())
        metadata = json.loads(made["metadata.json"])
        assert metadata["pipeline_name"] == f"p{models.index(key)}"
    assert all(first[key][1].startswith("skipped: ") for key in others)

    # The payloads of the first run are not models, so the second job has the same objects.
    again = manifest(s3, job_request(BUCKET, "", DEPLOYMENT, "t"))
    assert sorted(again) == sorted(keys)
    etags = {key: s3.head_object(Bucket=BUCKET, Key=key)["LastModified"] for key in payloads(s3)}
    second = run(again, tasks_per_event=50)
    assert {json.loads(second[key][1])["status"] for key in models} == {"unchanged"}
    assert {
        key: s3.head_object(Bucket=BUCKET, Key=key)["LastModified"] for key in payloads(s3)
    } == etags


def payloads(client: Any) -> List[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    keys = (item["Key"] for page in pages for item in page.get("Contents", ()))
    return [key for key in keys if key.endswith("payload.tar.gz")]


def test_each_bad_object_has_its_reason_and_the_others_are_done(s3: Any) -> None:
    bodies = {
        "good/model.tar.gz": archive(1),
        "truncated/model.tar.gz": archive(2)[:40],
        "nothing/model.tar.gz": b"",
        "text/model.tar.gz": b"no archive",
        "empty/model.tar.gz": gzip.compress(b"\0" * 1024),
        "gone/model.tar.gz": archive(3),
        "last/model.tar.gz": archive(4),
    }
    for key, body in bodies.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    keys = list(bodies)
    s3.delete_object(Bucket=BUCKET, Key="gone/model.tar.gz")  # after S3 listed it
    results = run(keys, tasks_per_event=len(keys))
    codes = {key.split("/")[0]: code for key, (code, _) in results.items()}
    assert codes == {
        "good": "Succeeded",
        "truncated": "Succeeded",
        "nothing": "Succeeded",
        "text": "Succeeded",
        "empty": "Succeeded",
        "gone": "Succeeded",
        "last": "Succeeded",
    }
    assert results["text/model.tar.gz"][1].startswith("no payload: CorruptArchiveError: ")
    assert results["empty/model.tar.gz"][1].startswith("no payload: HyperparametersNotFoundError: ")
    assert results["gone/model.tar.gz"][1] == "skipped: the model is gone"


def test_count_counts_only_models(
    s3: Any, clients: Dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for key in ("t/a/model.tar.gz", "t/b/model.tar.gz", "t/my-model.tar.gz", "u/model.tar.gz"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    clients["s3"] = s3
    assert backfill.main([BUCKET, "t/", *NAMED, "--count"]) == 0
    assert "Estimate for 2 models" in capsys.readouterr().out
    assert backfill.main([BUCKET, "v/", *NAMED, "--count", "--yes"]) == 1
    assert "nothing to do" in capsys.readouterr().err


def test_a_summary_counts_the_answers_of_the_function(s3: Any) -> None:
    models = [f"{number}/model.tar.gz" for number in range(3)]
    for number, key in enumerate(models):
        s3.put_object(Bucket=BUCKET, Key=key, Body=archive(number))
    run(models[:1])
    results = run([*models, "old-model.tar.gz"])
    rows = [(key, "succeeded", "", "200", message) for key, (_, message) in results.items()]
    counts = summarize([report(rows)]).counts
    assert (counts.pop("created"), counts.pop("unchanged")) == (2, 1)
    [(skipped, number)] = counts.items()
    assert skipped.startswith("skipped: '…'")
    assert number == 1
