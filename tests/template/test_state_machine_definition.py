"""The state machine's definition: nothing dangles, and each of the function's errors is met."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Set, Type

import mims.errors
from mims.errors import OutputError, PayloadError

from tests.template.stack import DEFINITION, SMALLEST, definition, of_type, translated

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


def test_transient_errors_are_retried_and_no_others() -> None:
    first, second = states()["GeneratePayload"]["Retry"]
    assert set(first["ErrorEquals"]) == errors(permanent=False)
    assert set(second["ErrorEquals"]) == LAMBDA_ERRORS


def test_every_retry_is_spread_out_and_bounded() -> None:
    retriers = [retry for state in states().values() for retry in state.get("Retry", ())]
    assert len(retriers) == 3
    for retry in retriers:
        assert retry["JitterStrategy"] == "FULL"
        assert retry["MaxDelaySeconds"] <= 120
        assert 3 <= retry["MaxAttempts"] <= 10
        assert retry["BackoffRate"] > 1


def test_every_permanent_error_is_caught_by_its_name_and_all_else_too() -> None:
    *named, rest = states()["GeneratePayload"]["Catch"]
    caught = [name for catch in named for name in catch["ErrorEquals"]]
    assert sorted(caught) == sorted(errors(permanent=True))
    assert rest["ErrorEquals"] == ["States.ALL"]


def test_the_reason_of_a_failure_is_kept() -> None:
    for state in states().values():
        for catch in state.get("Catch", ()):
            failure = states()[catch["Next"]]
            assert failure["Type"] == "Fail"
            assert failure["ErrorPath"] == f"{catch['ResultPath']}.Error"
            assert failure["CausePath"] == f"{catch['ResultPath']}.Cause"


def test_the_template_fills_in_what_the_definition_leaves_open() -> None:
    left_open = set(re.findall(r"\$\{(\w+)\}", DEFINITION.read_text()))
    [machine] = of_type(translated(**SMALLEST), "AWS::StepFunctions::StateMachine").values()
    assert set(machine["DefinitionSubstitutions"]) == left_open
    assert machine["DefinitionSubstitutions"]["PayloadFunctionArn"] == {
        "Ref": "PayloadFunctionAliaslive"
    }
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False


def test_a_task_waits_longer_than_the_function_may_run() -> None:
    timeout = translated(**SMALLEST)["Resources"]["PayloadFunction"]["Properties"]["Timeout"]
    assert timeout < states()["GeneratePayload"]["TimeoutSeconds"] <= timeout + 60
