"""Logs, alarms, dashboard, queries and outputs, and the page that explains them."""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
from typing import Any, Dict, List, Tuple

import pytest

from tests.template.stack import (
    LARGEST,
    ROOT,
    SMALLEST,
    STACKS,
    definition,
    of_type,
    resolved,
    source,
)

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
# The fields of the function's log line that queries may use, besides those of CloudWatch (@…).
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


def test_the_log_groups_belong_to_the_stack_and_expire_logs() -> None:
    groups = of_type(resolved(**SMALLEST, LogRetentionDays="7"), "AWS::Logs::LogGroup")
    assert {group["LogGroupName"]: group["RetentionInDays"] for group in groups.values()} == {
        "/aws/lambda/mims": "7",
        "/aws/vendedlogs/states/mims": "7",
    }


# The stack with all alarms: those of the queue and the state machine too.
QUEUED = {**SMALLEST, "CreateQueue": "true"}
ALARM_TYPES = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")


def alarms(**parameters: str) -> Dict[str, Dict[str, Any]]:
    template = resolved(**parameters)
    return {
        name: properties
        for resource_type in ALARM_TYPES
        for name, properties in of_type(template, resource_type).items()
    }


def watched(alarm: Dict[str, Any]) -> List[Tuple[str, str, Any]]:
    """Return the namespace, name and the only dimension's value of each metric of an alarm."""
    metrics = [
        part["MetricStat"]["Metric"] for part in alarm.get("Metrics", ()) if "MetricStat" in part
    ]
    return [
        (
            metric["Namespace"],
            metric["MetricName"],
            metric["Dimensions"][0]["Value"] if "Dimensions" in metric else None,
        )
        for metric in metrics or [alarm]
    ]


def queue_name(queue: str) -> Dict[str, Any]:
    return {"Fn::GetAtt": [queue, "QueueName"]}


FUNCTION = {"Ref": "PayloadFunction"}
MACHINE = {"Ref": "PayloadStateMachine"}


@pytest.mark.parametrize(
    ("alarm", "metrics", "threshold", "minutes"),
    [
        (
            "NewFailuresAlarm",
            [("AWS/SQS", "NumberOfMessagesSent", queue_name("FailureQueue"))],
            0,
            1,
        ),
        (
            "UndeliveredEventsAlarm",
            [("AWS/SQS", "NumberOfMessagesSent", queue_name("UndeliveredEventQueue"))],
            0,
            1,
        ),
        (
            "DeadLettersAlarm",
            [
                (
                    "AWS/SQS",
                    "ApproximateNumberOfMessagesVisible",
                    queue_name("RequestDeadLetterQueue"),
                )
            ],
            0,
            1,
        ),
        (
            "FailuresWaitingAlarm",
            [
                ("AWS/SQS", "ApproximateAgeOfOldestMessage", queue_name(queue))
                for queue in ("FailureQueue", "UndeliveredEventQueue", "RequestDeadLetterQueue")
            ],
            24 * 60 * 60,
            5,
        ),
        (
            "BacklogAlarm",
            [("AWS/SQS", "ApproximateAgeOfOldestMessage", queue_name("RequestQueue"))],
            12 * 60 * 60,
            5,
        ),
        ("LostFailuresAlarm", [("AWS/Lambda", "DestinationDeliveryFailures", FUNCTION)], 0, 1),
        ("ErrorsAlarm", [("AWS/Lambda", "Errors", FUNCTION)], 0, 15),
        ("ThrottlesAlarm", [("AWS/Lambda", "Throttles", FUNCTION)], 0, 15),
        ("DurationAlarm", [("AWS/Lambda", "Duration", FUNCTION)], 810_000, 5),
        (
            "ExecutionsFailing",
            [
                ("AWS/States", "ExecutionsFailed", MACHINE),
                ("AWS/States", "ExecutionsTimedOut", MACHINE),
            ],
            0,
            1,
        ),
        ("RegistrationsFailedAlarm", [("MimsPayload/mims", "RegistrationsFailed", None)], 0, 1),
    ],
)
def test_alarms(alarm: str, metrics: List[Any], threshold: int, minutes: int) -> None:
    properties = alarms(**QUEUED)[alarm]
    assert watched(properties) == metrics
    assert properties["Threshold"] == threshold
    assert properties["ComparisonOperator"] == "GreaterThanThreshold"
    assert properties["TreatMissingData"] == "notBreaching"
    periods = {
        part["MetricStat"]["Period"]
        for part in properties.get("Metrics", ())
        if "MetricStat" in part
    }
    [period] = periods or {properties["Period"]}
    assert period * properties["EvaluationPeriods"] == 60 * minutes


def test_there_are_no_other_alarms() -> None:
    assert set(alarms(**QUEUED)) == {
        "BacklogAlarm",
        "DeadLettersAlarm",
        "DurationAlarm",
        "ErrorsAlarm",
        "ExecutionsFailedAlarm",
        "ExecutionsFailing",
        "FailuresWaitingAlarm",
        "LostFailuresAlarm",
        "NewFailuresAlarm",
        "RegistrationsFailedAlarm",
        "ThrottlesAlarm",
        "UndeliveredEventsAlarm",
    }
    assert "DeadLettersAlarm" not in alarms(**SMALLEST)
    assert len(watched(alarms(**SMALLEST)["FailuresWaitingAlarm"])) == 2


def test_alarms_on_new_failures_count_those_of_one_minute() -> None:
    found = alarms(**QUEUED)
    for alarm in ("NewFailuresAlarm", "UndeliveredEventsAlarm", "RegistrationsFailedAlarm"):
        assert found[alarm]["Statistic"] == "Sum"
    # SQS moves dead letters without sending them, so the rise of their number counts.
    assert found["DeadLettersAlarm"]["Metrics"][0]["Expression"] == "DIFF(FILL(waiting, 0))"
    assert found["FailuresWaitingAlarm"]["Metrics"][0]["Expression"] == "MAX(METRICS())"
    assert found["ExecutionsFailing"]["Metrics"][0]["Expression"] == "SUM(METRICS())"


def test_a_failed_registration_pages_once() -> None:
    template = resolved(**LARGEST)["Resources"]
    both = template["ExecutionsFailedAlarm"]["Properties"]
    assert both["AlarmRule"] == {"Fn::Sub": 'ALARM("${ExecutionsFailing.Arn}")'}
    assert both["ActionsSuppressor"] == {"Fn::GetAtt": ["RegistrationsFailedAlarm", "Arn"]}
    assert "AlarmActions" not in template["ExecutionsFailing"]["Properties"]


def test_the_page_counts_the_metrics_that_alarms_are_billed_by() -> None:
    page = " ".join((ROOT / "docs" / "operations.md").read_text().split())

    def metrics(**parameters: str) -> int:
        found = of_type(resolved(**parameters), "AWS::CloudWatch::Alarm").values()
        return sum(len(watched(alarm)) for alarm in found)

    assert metrics(**SMALLEST) == 11
    assert "eleven metrics in alarms at $0.10 a month" in page
    assert metrics(**QUEUED) - metrics(**SMALLEST) == 3
    assert "adds three metrics in alarms" in page
    assert metrics(**SMALLEST, CreateStateMachine="false") == 8
    assert "$3.80 with `CreateStateMachine=false`" in page


def test_failed_registrations_are_counted_by_the_states_that_they_end_in() -> None:
    filters = of_type(resolved(**SMALLEST), "AWS::Logs::MetricFilter")
    pattern = filters["RegistrationFailures"]["FilterPattern"]
    named = set(re.findall(r'details.name = "(\w+)"', pattern))
    assert named == {"RegistrationFailed", "NothingToRegister"}
    states = definition()["States"]
    assert {states[name]["Type"] for name in named} == {"Fail"}
    assert filters["RegistrationFailures"]["LogGroupName"] == {"Ref": "StateMachineLogGroup"}
    [metric] = filters["RegistrationFailures"]["MetricTransformations"]
    assert (metric["MetricNamespace"], metric["MetricName"]) == (
        "MimsPayload/mims",
        "RegistrationsFailed",
    )


def test_the_duration_alarm_is_raised_before_the_time_is_up() -> None:
    template = resolved(**SMALLEST)
    timeout = template["Resources"]["PayloadFunction"]["Properties"]["Timeout"]
    threshold = template["Resources"]["DurationAlarm"]["Properties"]["Threshold"]
    assert 0.8 * timeout < threshold / 1000 < timeout - 10


def test_every_alarm_notifies_the_topic_if_there_is_one_also_when_it_ends() -> None:
    for name, alarm in alarms(**LARGEST).items():
        expected = None if name == "ExecutionsFailing" else [LARGEST["AlarmTopicArn"]]
        assert alarm.get("AlarmActions") == alarm.get("OKActions") == expected, name
    for alarm in alarms(**QUEUED).values():
        assert not {"AlarmActions", "OKActions"} & set(alarm)


@pytest.mark.parametrize("stack", STACKS)
def test_the_dashboard_has_the_regions_name_and_its_body_is_json(stack: str) -> None:
    template = resolved(**STACKS[stack])
    [dashboard] = of_type(template, "AWS::CloudWatch::Dashboard").values()
    # Dashboards are global: a stack in another region has the same name.
    assert dashboard["DashboardName"] == "mims-eu-central-1"
    text = json.dumps(json.loads(dashboard["DashboardBody"]["Fn::Sub"]))
    assert ("RequestDeadLetterQueue" in text) is ("CreateQueue" in STACKS[stack])
    assert ("ExecutionsFailed" in text) is (STACKS[stack].get("CreateStateMachine") != "false")
    assert f"Peak memory of {STACKS[stack].get('MemorySize', '512')} MB" in text


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
    words |= {"and", "or", "not"}
    functions = {"count", "count_distinct", "latest", "ispresent"}
    for query in queries.values():
        text = re.sub(r'"[^"]*"|/[^/]*/|@\w+', "", query["QueryString"])
        named = set(re.findall(r"[a-z_0-9]*[a-z_][a-z_0-9]*", text)) - words - functions
        made_here = set(re.findall(r"as ([a-z_]+)", text))
        assert named - made_here - FIELDS == set()
        assert query["LogGroupNames"] == [{"Ref": "FunctionLogGroup"}]


def test_outputs_have_what_scripts_need() -> None:
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
        "RequestQueueUrl",
        "RequestQueueArn",
        "RequestDeadLetterQueueUrl",
        "RequestDeadLetterQueueArn",
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
    template = resolved(**QUEUED)
    for alarm in set(alarms(**QUEUED)) - {"ExecutionsFailing"}:
        assert f"### {alarm}" in page
    for query in of_type(template, "AWS::Logs::QueryDefinition").values():
        assert query["Name"].split("/")[1] in page


def test_the_operations_page_names_only_existing_parameters_and_outputs() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    template = source()
    overrides = set(re.findall(r"\b([A-Z][a-z][A-Za-z]+)=(?!=)", page))
    assert overrides - set(template["Parameters"]) == set()
    outputs = set(re.findall(r"\boutput ([A-Z][A-Za-z]+)", page))
    assert outputs
    assert outputs - set(template["Outputs"]) == set()


def shell_blocks() -> List[str]:
    page = (ROOT / "docs" / "operations.md").read_text()
    blocks = re.findall(r"^ *```bash\n(.*?)^ *```", page, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in blocks]


@pytest.mark.parametrize("block", shell_blocks())
def test_every_command_on_the_operations_page_is_valid_shell(block: str) -> None:
    checked = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    # No placeholders that a person would have to fill in, and no unknown outputs.
    assert not re.search(r"\.\.\.|…|<[a-z-]+>", block)
    outputs = set(re.findall(r"output ([A-Z]\w+)", block))
    assert outputs <= set(source()["Outputs"])


def test_the_security_page_lists_every_statement_of_every_role() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    for role in of_type(resolved(**LARGEST), "AWS::IAM::Role").values():
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert f"`{statement['Sid']}`" in page
                actions = statement["Action"]
                for action in [actions] if isinstance(actions, str) else actions:
                    assert f"`{action}`" in page


def test_the_security_page_names_only_existing_tests() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", page))
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert named
    assert named - defined == set()
