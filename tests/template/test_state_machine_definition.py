"""The state machine's definition: its states are connected, and all errors are handled."""

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

# Errors that Lambda may return though the function is fine, as Step Functions documents.
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
    # The function writes nothing to disk, so only the Processing job raises OutputError.
    leaves = [error for error in classes if error not in (PayloadError, OutputError)]
    return {error.__name__ for error in leaves if error.permanent is permanent}


def test_every_state_exists_and_is_reached() -> None:
    reached = {definition()["StartAt"]}
    reached.update(name for state in states().values() for name in following(state))
    assert reached == set(states())


def test_every_path_ends() -> None:
    for name, state in states().items():
        ends = state["Type"] in ("Succeed", "Fail")
        assert ends is (list(following(state)) == []), name


TASKS = ["GeneratePayload", "GenerateLoadTestPayload"]


@pytest.mark.parametrize("task", TASKS)
def test_only_transient_errors_are_retried(task: str) -> None:
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
def test_every_permanent_error_is_caught_by_its_name_and_all_others_too(task: str) -> None:
    *named, rest = states()[task]["Catch"]
    caught = [name for catch in named for name in catch["ErrorEquals"]]
    # States.ALL does not include an answer that is too large.
    assert sorted(caught) == sorted([*errors(permanent=True), "States.DataLimitExceeded"])
    assert rest["ErrorEquals"] == ["States.ALL"]


def test_the_second_task_handles_errors_as_the_first_does() -> None:
    first, second = (states()[task] for task in TASKS)
    for part in ("Retry", "Catch", "TimeoutSeconds", "ResultSelector"):
        assert first[part] == second[part]


def test_the_kept_part_of_an_answer_is_in_every_result() -> None:
    # For a skipped event, S3 is not called at all.
    skipped = {"source": "aws.s3", "detail": {"bucket": {"name": "models"}, "object": {"key": "x"}}}
    result = app.lambda_handler(skipped, None)
    assert result["status"] == "skipped"
    kept = states()["GeneratePayload"]["ResultSelector"]
    assert {f"{name}.$" for name in result} >= set(kept)
    assert all(path == f"$.{name[:-2]}" for name, path in kept.items())
    # They are long, and not needed once the payload is made.
    assert "warnings.$" not in kept


def test_the_reason_of_a_failure_is_kept() -> None:
    for state in states().values():
        for catch in state.get("Catch", ()):
            failure = states()[catch["Next"]]
            assert failure["Type"] == "Fail"
            if catch["ErrorEquals"] == ["States.DataLimitExceeded"]:
                # A state may not end with one of Step Functions' own error names.
                assert failure["Error"]
                assert "one model" in failure["Cause"]
                continue
            assert failure["ErrorPath"] == f"{catch['ResultPath']}.Error"
            assert failure["CausePath"] == f"{catch['ResultPath']}.Cause"


def test_the_template_fills_in_all_variables_of_the_definition() -> None:
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
def test_payloads_of_load_tests_are_where_the_function_may_write(
    parameters: Dict[str, str], location: str
) -> None:
    template = resolved(**SMALLEST, **parameters)
    [machine] = of_type(template, "AWS::StepFunctions::StateMachine").values()
    assert machine["DefinitionSubstitutions"]["LoadTestLocation"] == location
    allowed = statements(template, "FunctionRole")["WritePayloads"]["Resource"]
    written = f"{location}/churn/payload/payload.tar.gz".replace("s3://", "arn:aws:s3:::")
    assert fnmatchcase(written, allowed)


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
