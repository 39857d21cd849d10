"""The state machine's definition: nothing dangles, and each of the function's errors is met."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any, Dict, Iterator, List, Set, Type

import app
import mims.errors
import pytest
from mims.errors import OutputError, PayloadError

from tests.template.stack import (
    DEFINITION,
    FILLED_IN,
    SMALLEST,
    definition,
    of_type,
    resolved,
    statements,
    translated,
)

# What Step Functions documents that Lambda may answer although the function is well.
# https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception
LAMBDA_ERRORS = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.TooManyRequestsException",
}


def states() -> Dict[str, Dict[str, Any]]:
    found: Dict[str, Dict[str, Any]] = definition()["States"]
    return found


def following(state: Dict[str, Any]) -> Iterator[str]:
    for part in (state, *state.get("Choices", ()), *state.get("Catch", ())):
        if "Next" in part:
            yield part["Next"]
    if "Default" in state:
        yield state["Default"]


def errors(*, permanent: bool) -> Set[str]:
    classes: List[Type[PayloadError]] = [
        value
        for value in vars(mims.errors).values()
        if isinstance(value, type) and issubclass(value, PayloadError)
    ]
    # The function writes to no disk, so OutputError is the Processing job's alone.
    leaves = [error for error in classes if error not in (PayloadError, OutputError)]
    return {error.__name__ for error in leaves if error.permanent is permanent}


def test_every_state_is_reached_and_there() -> None:
    reached = {definition()["StartAt"]}
    reached.update(name for state in states().values() for name in following(state))
    assert reached == set(states())


def test_every_way_ends() -> None:
    for name, state in states().items():
        ends = state["Type"] in ("Succeed", "Fail")
        assert ends is (list(following(state)) == []), name


TASKS = ["GeneratePayload", "GenerateLoadTestPayload"]


@pytest.mark.parametrize("task", TASKS)
def test_transient_errors_are_retried_and_no_others(task: str) -> None:
    first, second = states()[task]["Retry"]
    assert set(first["ErrorEquals"]) == errors(permanent=False)
    assert set(second["ErrorEquals"]) == LAMBDA_ERRORS


def test_every_retry_is_spread_out_and_bounded() -> None:
    retriers = [retry for state in states().values() for retry in state.get("Retry", ())]
    assert len(retriers) == 5
    for retry in retriers:
        assert retry["JitterStrategy"] == "FULL"
        assert retry["MaxDelaySeconds"] <= 120
        assert 3 <= retry["MaxAttempts"] <= 10
        assert retry["BackoffRate"] > 1


@pytest.mark.parametrize("task", TASKS)
def test_every_permanent_error_is_caught_by_its_name_and_all_else_too(task: str) -> None:
    *named, rest = states()[task]["Catch"]
    caught = [name for catch in named for name in catch["ErrorEquals"]]
    # States.ALL does not stand for an answer that is too large.
    assert sorted(caught) == sorted([*errors(permanent=True), "States.DataLimitExceeded"])
    assert rest["ErrorEquals"] == ["States.ALL"]


def test_the_second_task_meets_errors_as_the_first_does() -> None:
    first, second = (states()[task] for task in TASKS)
    for part in ("Retry", "Catch", "TimeoutSeconds", "ResultSelector"):
        assert first[part] == second[part]


def test_what_is_kept_of_an_answer_is_in_every_result() -> None:
    # Of what is skipped, S3 is not asked at all.
    skipped = {"source": "aws.s3", "detail": {"bucket": {"name": "models"}, "object": {"key": "x"}}}
    result = app.lambda_handler(skipped, None)
    assert result["status"] == "skipped"
    kept = states()["GeneratePayload"]["ResultSelector"]
    assert {f"{name}.$" for name in result} >= set(kept)
    assert all(path == f"$.{name[:-2]}" for name, path in kept.items())
    # What is long, and nobody needs after the payload is there.
    assert "warnings.$" not in kept


def test_the_reason_of_a_failure_is_kept() -> None:
    for state in states().values():
        for catch in state.get("Catch", ()):
            failure = states()[catch["Next"]]
            assert failure["Type"] == "Fail"
            if catch["ErrorEquals"] == ["States.DataLimitExceeded"]:
                # A name of Step Functions' own is none that a state may end with.
                assert failure["Error"]
                assert "one model" in failure["Cause"]
                continue
            assert failure["ErrorPath"] == f"{catch['ResultPath']}.Error"
            assert failure["CausePath"] == f"{catch['ResultPath']}.Cause"


def test_the_template_fills_in_what_the_definition_leaves_open() -> None:
    left_open = set(re.findall(r"\$\{(\w+)\}", DEFINITION.read_text()))
    [machine] = of_type(translated(**SMALLEST), "AWS::StepFunctions::StateMachine").values()
    assert set(machine["DefinitionSubstitutions"]) == left_open == set(FILLED_IN)
    assert machine["DefinitionSubstitutions"]["PayloadFunctionArn"] == {
        "Ref": "PayloadFunctionAliaslive"
    }
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False


@pytest.mark.parametrize(
    ("parameters", "location"),
    [
        ({}, "s3://models/mims-load-test"),
        ({"ModelPrefix": "t/"}, "s3://models/t/mims-load-test"),
        ({"PayloadPrefix": "p"}, "s3://models/p/models/mims-load-test"),
        ({"PayloadBucketName": "payloads"}, "s3://payloads/models/mims-load-test"),
        (
            {"PayloadBucketName": "payloads", "PayloadPrefix": "p/q", "ModelPrefix": "t/"},
            "s3://payloads/p/q/models/t/mims-load-test",
        ),
    ],
)
def test_payloads_of_load_tests_lie_where_the_function_may_write(
    parameters: Dict[str, str], location: str
) -> None:
    template = resolved(**SMALLEST, **parameters)
    [machine] = of_type(template, "AWS::StepFunctions::StateMachine").values()
    assert machine["DefinitionSubstitutions"]["LoadTestLocation"] == location
    place = statements(template, "FunctionRole")["WritePayloads"]["Resource"]
    written = f"{location}/churn/payload/payload.tar.gz".replace("s3://", "arn:aws:s3:::")
    assert fnmatchcase(written, place)


def test_only_a_load_tests_payload_is_registered() -> None:
    register = states()["RegisterModel"]["Parameters"]
    assert register["SamplePayloadUrl.$"] == "$.load_test.payload_s3_uri"
    request = states()["GenerateLoadTestPayload"]["Parameters"]
    assert request["settings.$"] == (
        "States.JsonMerge($.request.settings, $.load_test.settings, false)"
    )
    for state in states().values():
        settings = (
            state.get("Parameters", {})
            if state.get("ResultPath") == "$.load_test.settings"
            else None
        )
        assert settings is None or settings["layout"] == "flat"


def test_a_task_waits_longer_than_the_function_may_run() -> None:
    timeout = translated(**SMALLEST)["Resources"]["PayloadFunction"]["Properties"]["Timeout"]
    assert timeout < states()["GeneratePayload"]["TimeoutSeconds"] <= timeout + 60
