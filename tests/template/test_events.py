"""Which events start the function, where failures go, and the queue."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest
from moto.events.models import EventPattern

from tests.template.stack import ACCOUNT, LARGEST, REGION, ROOT, SMALLEST, of_type, resolved

MODELS = "ModelEvents"
TRAINING_JOBS = "PayloadFunctionTrainingJobEnded"


def matches(rule: str, event: Dict[str, Any], **parameters: str) -> bool:
    template = resolved(**{**SMALLEST, **parameters})
    pattern = template["Resources"][rule]["Properties"]["EventPattern"]
    return bool(EventPattern.load(json.dumps(pattern)).matches_event(event))  # type: ignore[arg-type]


def upload(key: str, bucket: str = "models", detail_type: str = "Object Created") -> Dict[str, Any]:
    return {
        "source": "aws.s3",
        "detail-type": detail_type,
        "detail": {"bucket": {"name": bucket}, "object": {"key": key, "size": 1}},
    }


def training_job(output_path: str, status: str = "Completed") -> Dict[str, Any]:
    return {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Training Job State Change",
        "detail": {
            "TrainingJobStatus": status,
            "OutputDataConfig": {"KmsKeyId": "", "S3OutputPath": output_path},
        },
    }


@pytest.mark.parametrize(
    "key", ["model.tar.gz", "a/model.tar.gz", "a/b/model.tar.gz", "a b/ü+%2F/model.tar.gz"]
)
def test_a_model_anywhere_in_the_bucket_starts_the_function(key: str) -> None:
    assert matches(MODELS, upload(key))


@pytest.mark.parametrize(
    "key",
    [
        "xmodel.tar.gz",
        "a/xmodel.tar.gz",
        "a/model.tar.gz.bak",
        "a/model.tar.gz/part",
        "a/model.tar",
        "A/MODEL.TAR.GZ",
        "a/payload/payload.tar.gz",
        "payload/payload.tar.gz",
        "mims-payload-backfill/job-1/results.csv",
    ],
)
def test_no_other_object_starts_the_function(key: str) -> None:
    assert not matches(MODELS, upload(key))


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("training/model.tar.gz", True),
        ("training/a/b/model.tar.gz", True),
        ("training/xmodel.tar.gz", False),
        ("training/a/payload/payload.tar.gz", False),
        ("model.tar.gz", False),
        ("other/model.tar.gz", False),
        ("other/training/model.tar.gz", False),
        ("trainings/a/model.tar.gz", False),
        ("training", False),
    ],
)
def test_a_prefix_keeps_other_models_out(key: str, expected: bool) -> None:
    assert matches(MODELS, upload(key), ModelPrefix="training/") is expected


def test_other_buckets_and_other_events_do_not_start_the_function() -> None:
    assert not matches(MODELS, upload("a/model.tar.gz", bucket="models-2"))
    assert not matches(MODELS, upload("a/model.tar.gz", detail_type="Object Tags Added"))
    assert not matches(MODELS, {**upload("a/model.tar.gz"), "source": "my.app"})


@pytest.mark.parametrize(
    "detail_type", ["Object Created", "Object Deleted", "Object Restore Completed"]
)
def test_events_that_may_change_the_newest_version_of_a_model_start_the_function(
    detail_type: str,
) -> None:
    assert matches(MODELS, upload("a/model.tar.gz", detail_type=detail_type))
    assert not matches(MODELS, upload("a/payload/payload.tar.gz", detail_type=detail_type))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("eventbridge_object_created.json", True),
        ("eventbridge_object_deleted.json", True),
        ("eventbridge_object_restore_completed.json", True),
        ("eventbridge_object_tags_added.json", False),
        ("success_record_eventbridge.json", False),
    ],
)
def test_the_rule_matches_events_as_aws_sends_them(name: str, expected: bool) -> None:
    event = json.loads((ROOT / "events" / name).read_text())
    bucket = event["detail"].get("bucket", {}).get("name", "models")
    assert matches(MODELS, event, ModelBucketName=bucket) is expected


def test_the_start_of_a_restore_does_not_start_the_function() -> None:
    assert not matches(MODELS, upload("a/model.tar.gz", detail_type="Object Restore Initiated"))


def test_the_key_pattern_is_one_wildcard_and_one_exact_key() -> None:
    template = resolved(**SMALLEST, ModelPrefix="training/")
    pattern = template["Resources"][MODELS]["Properties"]["EventPattern"]
    assert pattern["detail"]["object"]["key"] == [
        {"wildcard": "training/*/model.tar.gz"},
        "training/model.tar.gz",
    ]


@pytest.mark.parametrize(
    ("output_path", "prefix", "expected"),
    [
        ("s3://models", "", True),
        ("s3://models/", "", True),
        ("s3://models/training/x", "", True),
        ("s3://models-2/training", "", False),
        ("s3://models", "training/", False),
        ("s3://models/training", "training/", True),
        ("s3://models/training/", "training/", True),
        ("s3://models/training/x", "training/", True),
        ("s3://models/trainings", "training/", False),
    ],
)
def test_training_jobs_that_write_to_the_models_start_the_function(
    output_path: str, prefix: str, expected: bool
) -> None:
    assert matches(TRAINING_JOBS, training_job(output_path), ModelPrefix=prefix) is expected


@pytest.mark.parametrize("status", ["InProgress", "Failed", "Stopped"])
def test_training_jobs_that_left_no_model_do_not_start_the_function(status: str) -> None:
    assert not matches(TRAINING_JOBS, training_job("s3://models/x", status))


@pytest.mark.parametrize(
    "prefix",
    [
        "training",
        "/",
        "/training/",
        "a*/",
        "a?/",
        "a\\/",
        'a"/',
        "${x}/",
        "a|/",
        " /",
        "a//b",
        "a\n/",
    ],
)
def test_prefixes_that_mean_something_else_to_a_pattern_are_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="ModelPrefix"):
        resolved(**SMALLEST, ModelPrefix=prefix)


def test_uploads_are_on_and_training_jobs_off_by_default() -> None:
    rules = of_type(resolved(**SMALLEST), "AWS::Events::Rule")
    assert {name: rule["State"] for name, rule in rules.items()} == {
        MODELS: "ENABLED",
        TRAINING_JOBS: "DISABLED",
    }
    turned = resolved(**SMALLEST, ModelUploadRule="DISABLED", TrainingJobRule="ENABLED")
    assert {name: rule["State"] for name, rule in of_type(turned, "AWS::Events::Rule").items()} == {
        MODELS: "DISABLED",
        TRAINING_JOBS: "ENABLED",
    }


def test_rules_call_the_alias_and_may_do_so() -> None:
    template = resolved(**SMALLEST)
    alias = {"Ref": "PayloadFunctionAliaslive"}
    rules = of_type(template, "AWS::Events::Rule")
    assert set(rules) == {MODELS, TRAINING_JOBS}
    for rule in rules.values():
        [target] = rule["Targets"]
        assert target["Arn"] == alias
        assert target["DeadLetterConfig"] == {
            "Arn": {"Fn::GetAtt": ["UndeliveredEventQueue", "Arn"]}
        }
    permissions = of_type(template, "AWS::Lambda::Permission").values()
    assert sorted(permission["SourceArn"]["Fn::GetAtt"][0] for permission in permissions) == [
        MODELS,
        TRAINING_JOBS,
    ]
    for permission in permissions:
        assert permission["FunctionName"] == alias
        assert permission["Principal"] == "events.amazonaws.com"


def test_only_rules_of_this_stack_may_send_to_their_queue() -> None:
    policies = of_type(resolved(**SMALLEST), "AWS::SQS::QueuePolicy")
    assert list(policies) == ["UndeliveredEventQueuePolicy"]
    policy = policies["UndeliveredEventQueuePolicy"]
    assert policy["Queues"] == [{"Ref": "UndeliveredEventQueue"}]
    assert policy["PolicyDocument"]["Statement"] == [
        {
            "Sid": "RulesOfThisStack",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": {"Fn::GetAtt": ["UndeliveredEventQueue", "Arn"]},
            "Condition": {
                "ArnEquals": {
                    "aws:SourceArn": [
                        {"Fn::GetAtt": [MODELS, "Arn"]},
                        {"Fn::GetAtt": [TRAINING_JOBS, "Arn"]},
                    ]
                }
            },
        }
    ]


def test_a_failed_event_is_tried_twice_more_and_kept_for_two_weeks() -> None:
    template = resolved(**SMALLEST)
    [config] = of_type(template, "AWS::Lambda::EventInvokeConfig").values()
    assert config == {
        "FunctionName": {"Ref": "PayloadFunction"},
        # The last part of the alias's ARN, which is its name.
        "Qualifier": {"Fn::Select": [7, {"Fn::Split": [":", {"Ref": "PayloadFunctionAliaslive"}]}]},
        "MaximumRetryAttempts": 2,
        "MaximumEventAgeInSeconds": 6 * 60 * 60,
        "DestinationConfig": {
            "OnFailure": {"Destination": {"Fn::GetAtt": ["FailureQueue", "Arn"]}}
        },
    }
    queues = of_type(template, "AWS::SQS::Queue")
    assert set(queues) == {"FailureQueue", "UndeliveredEventQueue"}
    for queue in queues.values():
        assert queue == {
            "MessageRetentionPeriod": 14 * 24 * 60 * 60,
            "SqsManagedSseEnabled": True,
        }


def test_the_configuration_of_retries_keeps_the_name_that_sam_gave_it() -> None:
    # An alias can have only one. Under another name, it would be another resource, which would be
    # made before this one is deleted.
    assert "PayloadFunctionEventInvokeConfig" in resolved(**SMALLEST)["Resources"]


def test_the_result_of_a_run_goes_to_the_given_destination() -> None:
    template = resolved(**LARGEST)
    [config] = of_type(template, "AWS::Lambda::EventInvokeConfig").values()
    assert config["DestinationConfig"]["OnSuccess"] == {
        "Destination": LARGEST["ResultDestinationArn"]
    }


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:sqs:{REGION}:{ACCOUNT}:results",
        f"arn:aws:sns:{REGION}:{ACCOUNT}:results.fifo",
        f"arn:aws:events:{REGION}:{ACCOUNT}:rule/results",
        "default",
    ],
)
def test_results_go_to_a_bus_or_a_topic(arn: str) -> None:
    with pytest.raises(ValueError, match="ResultDestinationArn"):
        resolved(**SMALLEST, ResultDestinationArn=arn)


# --- the queue


def test_each_run_takes_one_message_of_the_queue_and_the_number_of_runs_is_limited() -> None:
    template = resolved(**SMALLEST, CreateQueue="true", QueueConcurrency="7")
    [mapping] = of_type(template, "AWS::Lambda::EventSourceMapping").values()
    assert mapping == {
        "EventSourceArn": {"Fn::GetAtt": ["RequestQueue", "Arn"]},
        "FunctionName": {"Ref": "PayloadFunctionAliaslive"},
        "BatchSize": 1,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": "7"},
    }


def test_the_queue_waits_for_a_run_and_keeps_failures() -> None:
    template = resolved(**SMALLEST, CreateQueue="true")
    queues = of_type(template, "AWS::SQS::Queue")
    timeout = template["Resources"]["PayloadFunction"]["Properties"]["Timeout"]
    assert queues["RequestQueue"]["VisibilityTimeout"] == 6 * timeout
    assert queues["RequestQueue"]["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["RequestDeadLetterQueue", "Arn"]},
        "maxReceiveCount": 5,
    }
    for name in ("RequestQueue", "RequestDeadLetterQueue"):
        assert queues[name]["MessageRetentionPeriod"] == 14 * 24 * 60 * 60
        assert queues[name]["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize(
    ("parameters", "owner"),
    [({}, ACCOUNT), ({"ModelBucketOwner": "444455556666"}, "444455556666")],
)
def test_the_bucket_and_this_accounts_rules_topics_and_people_may_send(
    parameters: Dict[str, str], owner: str
) -> None:
    template = resolved(**SMALLEST, CreateQueue="true", **parameters)
    policy = of_type(template, "AWS::SQS::QueuePolicy")["RequestQueuePolicy"]
    assert policy["Queues"] == [{"Ref": "RequestQueue"}]
    allowed = policy["PolicyDocument"]["Statement"]
    for statement in allowed:
        assert statement["Effect"] == "Allow"
        assert statement["Action"] == "sqs:SendMessage"
        assert statement["Resource"] == {"Fn::GetAtt": ["RequestQueue", "Arn"]}
    assert {
        statement["Sid"]: (statement["Principal"], statement.get("Condition"))
        for statement in allowed
    } == {
        "ModelBucket": (
            {"Service": "s3.amazonaws.com"},
            {
                "ArnEquals": {"aws:SourceArn": "arn:aws:s3:::models"},
                "StringEquals": {"aws:SourceAccount": owner},
            },
        ),
        "RulesOfThisAccount": (
            {"Service": "events.amazonaws.com"},
            {"ArnLike": {"aws:SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/*"}},
        ),
        "TopicsOfThisAccount": (
            {"Service": "sns.amazonaws.com"},
            {"ArnLike": {"aws:SourceArn": f"arn:aws:sns:*:{ACCOUNT}:*"}},
        ),
        "PeopleOfThisAccount": ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, None),
    }


def test_uploads_go_through_the_queue_if_the_stack_says_so() -> None:
    template = resolved(**SMALLEST, CreateQueue="true", UploadsThroughQueue="true")
    [target] = template["Resources"][MODELS]["Properties"]["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["RequestQueue", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["UndeliveredEventQueue", "Arn"]}}
    # This rule no longer calls the function; that of training jobs does.
    permissions = of_type(template, "AWS::Lambda::Permission").values()
    assert [permission["SourceArn"]["Fn::GetAtt"][0] for permission in permissions] == [
        TRAINING_JOBS
    ]


def test_a_queue_alone_does_not_change_the_way_of_uploads() -> None:
    template = resolved(**SMALLEST, CreateQueue="true")
    [target] = template["Resources"][MODELS]["Properties"]["Targets"]
    assert target["Arn"] == {"Ref": "PayloadFunctionAliaslive"}


def test_a_concurrency_that_a_mapping_cannot_have_is_refused() -> None:
    for value in ("1", "1001"):
        with pytest.raises(ValueError, match="QueueConcurrency"):
            resolved(**SMALLEST, QueueConcurrency=value)
