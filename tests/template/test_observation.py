"""Logs, alarms, dashboard, queries and outputs, and the page that explains them."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List

import pytest

from tests.template.stack import LARGEST, ROOT, SMALLEST, of_type, resolved, source

# Every metric that the function writes.
METRICS = {
    "PayloadsCreated",
    "PayloadsUpdated",
    "PayloadsUnchanged",
    "ModelsSkipped",
    "PayloadsFailed",
    "GenerationTime",
    "ArchiveTime",
    "ArchiveBytesRead",
    "PeakMemory",
    "StreamResumes",
    "Restarts",
}
# The fields of the function's log line that queries may use, beside those of CloudWatch (@…).
FIELDS = {
    "message",
    "model_s3_uri",
    "model_etag",
    "status",
    "reason",
    "error",
    "error_message",
    "permanent",
    "payload_s3_uri",
    "field_count",
    "bytes_read",
    "seconds",
    "peak_memory_mb",
    "restarts",
    "resumes",
    "requests",
    "function_request_id",
}


def widgets(**parameters: str) -> List[Dict[str, Any]]:
    template = resolved(**SMALLEST, **parameters)
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    found: List[Dict[str, Any]] = json.loads(body)["widgets"]
    return found


def test_the_log_group_is_the_stacks_own_and_forgets() -> None:
    groups = of_type(resolved(**SMALLEST, LogRetentionDays="7"), "AWS::Logs::LogGroup")
    assert {group["LogGroupName"]: group["RetentionInDays"] for group in groups.values()} == {
        "/aws/lambda/mims": "7",
        "/aws/vendedlogs/states/mims": "7",
    }


@pytest.mark.parametrize(
    ("alarm", "metric", "statistic", "threshold", "minutes"),
    [
        ("FailuresWaitingAlarm", "ApproximateNumberOfMessagesVisible", "Maximum", 0, 1),
        ("UndeliveredEventsAlarm", "ApproximateNumberOfMessagesVisible", "Maximum", 0, 1),
        ("LostFailuresAlarm", "DestinationDeliveryFailures", "Sum", 0, 1),
        ("ErrorsAlarm", "Errors", "Sum", 0, 15),
        ("ThrottlesAlarm", "Throttles", "Sum", 0, 15),
        ("DurationAlarm", "Duration", "Maximum", 810_000, 5),
    ],
)
def test_alarms(alarm: str, metric: str, statistic: str, threshold: int, minutes: int) -> None:
    properties = of_type(resolved(**SMALLEST), "AWS::CloudWatch::Alarm")[alarm]
    assert properties["MetricName"] == metric
    assert properties["Statistic"] == statistic
    assert properties["Threshold"] == threshold
    assert properties["ComparisonOperator"] == "GreaterThanThreshold"
    assert properties["Period"] * properties["EvaluationPeriods"] == 60 * minutes
    assert properties["TreatMissingData"] == "notBreaching"


def test_alarms_watch_the_queue_that_they_are_named_after() -> None:
    alarms = of_type(resolved(**SMALLEST), "AWS::CloudWatch::Alarm")
    for alarm, queue in [
        ("FailuresWaitingAlarm", "FailureQueue"),
        ("UndeliveredEventsAlarm", "UndeliveredEventQueue"),
    ]:
        assert alarms[alarm]["Namespace"] == "AWS/SQS"
        assert alarms[alarm]["Dimensions"] == [
            {"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}
        ]
    for alarm in set(alarms) - {"FailuresWaitingAlarm", "UndeliveredEventsAlarm"}:
        assert alarms[alarm]["Namespace"] == "AWS/Lambda"
        assert alarms[alarm]["Dimensions"] == [
            {"Name": "FunctionName", "Value": {"Ref": "PayloadFunction"}}
        ]


def test_the_duration_alarm_comes_before_the_time_is_up() -> None:
    template = resolved(**SMALLEST)
    timeout = template["Resources"]["PayloadFunction"]["Properties"]["Timeout"]
    threshold = template["Resources"]["DurationAlarm"]["Properties"]["Threshold"]
    assert 0.8 * timeout < threshold / 1000 < timeout - 10


def test_every_alarm_tells_the_topic_if_there_is_one() -> None:
    for alarm in of_type(resolved(**LARGEST), "AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == [LARGEST["AlarmTopicArn"]]
    for alarm in of_type(resolved(**SMALLEST), "AWS::CloudWatch::Alarm").values():
        assert "AlarmActions" not in alarm


def test_the_dashboard_shows_every_metric_of_its_own_service() -> None:
    text = json.dumps(widgets(ServiceName="churn-payload"))
    assert {metric for metric in METRICS if metric in text} == METRICS
    assert "mims-payload" not in text
    own = [
        metric
        for widget in widgets(ServiceName="churn-payload")
        for metric in widget["properties"]["metrics"]
        if metric[0] == "MimsPayload"
    ]
    assert {metric[1] for metric in own} == METRICS - {"PayloadsFailed"}
    assert {tuple(metric[2:4]) for metric in own} == {("service", "churn-payload")}


def test_the_dashboard_breaks_failures_down_by_error() -> None:
    [expression] = [
        metric[0]["expression"]
        for widget in widgets()
        for metric in widget["properties"]["metrics"]
        if isinstance(metric[0], dict)
    ]
    assert expression == (
        "SEARCH('{MimsPayload,service,error} "
        'service="mims-payload" MetricName="PayloadsFailed"\', \'Sum\', 300)'
    )


def test_widgets_do_not_overlap() -> None:
    taken = [
        (x, y)
        for widget in widgets()
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


def test_queries_use_fields_that_the_log_line_has() -> None:
    queries = of_type(resolved(**SMALLEST), "AWS::Logs::QueryDefinition")
    assert queries
    words = {"fields", "filter", "sort", "limit", "stats", "desc", "asc", "as", "by", "like"}
    functions = {"count", "count_distinct", "latest", "ispresent"}
    for query in queries.values():
        text = re.sub(r'"[^"]*"|/[^/]*/|@\w+', "", query["QueryString"])
        named = set(re.findall(r"[a-z_0-9]*[a-z_][a-z_0-9]*", text)) - words - functions
        made_here = set(re.findall(r"as ([a-z_]+)", text))
        assert named - made_here - FIELDS == set()
        assert query["LogGroupNames"] == [{"Ref": "FunctionLogGroup"}]


def test_outputs_tell_what_scripts_need() -> None:
    outputs = resolved(**LARGEST)["Outputs"]
    assert set(outputs) == {
        "FunctionName",
        "FunctionArn",
        "FunctionAliasArn",
        "FunctionRoleArn",
        "FunctionLogGroupName",
        "ModelBucketName",
        "ModelPrefix",
        "PayloadBucketName",
        "FailureQueueUrl",
        "UndeliveredEventQueueUrl",
        "StateMachineArn",
        "BackfillRoleArn",
        "BackfillReportBucketName",
        "BackfillReportPrefix",
        "DashboardName",
    }
    assert outputs["FunctionAliasArn"]["Value"] == {"Ref": "PayloadFunctionAliaslive"}
    assert outputs["ModelPrefix"]["Value"] == "training/"
    assert outputs["PayloadBucketName"]["Value"] == "payloads"


def test_no_output_is_empty() -> None:
    outputs = resolved(**SMALLEST)["Outputs"]
    assert "ModelPrefix" not in outputs
    assert outputs["PayloadBucketName"]["Value"] == "models"
    assert all(output["Value"] for output in outputs.values())


def test_the_operations_page_explains_every_alarm_and_query() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    template = resolved(**SMALLEST)
    for alarm in of_type(template, "AWS::CloudWatch::Alarm"):
        assert f"### {alarm}" in page
    for query in of_type(template, "AWS::Logs::QueryDefinition").values():
        assert query["Name"].split("/")[1] in page


def test_the_operations_page_names_only_parameters_and_outputs_that_there_are() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    template = source()
    overrides = set(re.findall(r"\b([A-Z][a-z][A-Za-z]+)=(?!=)", page))
    assert overrides - set(template["Parameters"]) == set()
    outputs = set(re.findall(r"\boutput ([A-Z][A-Za-z]+)", page))
    assert outputs
    assert outputs - set(template["Outputs"]) == set()


def test_the_security_page_lists_every_statement_of_every_role() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    for role in of_type(resolved(**LARGEST), "AWS::IAM::Role").values():
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert f"`{statement['Sid']}`" in page
                actions = statement["Action"]
                for action in [actions] if isinstance(actions, str) else actions:
                    assert f"`{action}`" in page


def test_the_security_page_names_only_tests_that_there_are() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", page))
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert named
    assert named - defined == set()
