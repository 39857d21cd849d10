"""The events in a queue of failures are handed to the function again, once each."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from mims_pipeline import replay

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:payloads:live"
EVENTS = Path(__file__).resolve().parents[2] / "events"


class Functions:
    """A client of Lambda that accepts so many events, then refuses them."""

    def __init__(self, refuses_after: int = 10**9) -> None:
        self.events: List[Any] = []
        self._refuses_after = refuses_after
        self._lock = threading.Lock()

    def invoke(self, **parameters: Any) -> Dict[str, Any]:
        assert parameters["FunctionName"] == FUNCTION
        assert parameters["InvocationType"] == "Event"
        with self._lock:
            if len(self.events) >= self._refuses_after:
                raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")
            self.events.append(json.loads(parameters["Payload"]))
        return {"StatusCode": 202}


class OneAtATime:
    """A client that makes one call at a time: moto's queues give two threads the same message."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._client, name)

        def alone(**parameters: Any) -> Any:
            with self._lock:
                return call(**parameters)

        return alone


@pytest.fixture(name="sqs")
def _sqs() -> Iterator[Any]:
    with mock_aws():
        yield OneAtATime(boto3.client("sqs", region_name="eu-west-1"))


@pytest.fixture(name="queue_url")
def _queue_url(sqs: Any) -> str:
    url: str = sqs.create_queue(QueueName="failures")["QueueUrl"]
    return url


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_WAIT_SECONDS", 0)


def fill(sqs: Any, queue_url: str, count: int) -> List[Dict[str, Any]]:
    events = [{"model_s3_uri": f"s3://models/{number}/model.tar.gz"} for number in range(count)]
    for event in events:
        sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(event))
    return events


def hidden_and_waiting(sqs: Any, queue_url: str) -> int:
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    return sum(int(attributes[name]) for name in names)


def uris(events: List[Any]) -> List[str]:
    return sorted(event["model_s3_uri"] for event in events)


@pytest.mark.parametrize("parallel", [1, 4])
def test_each_event_is_handed_over_once_and_deleted(
    sqs: Any, queue_url: str, parallel: int
) -> None:
    events, functions = fill(sqs, queue_url, 137), Functions()
    assert replay.waiting(sqs, queue_url) == 137
    count = replay.replay(sqs, functions, queue_url, FUNCTION, count=137, parallel=parallel)
    assert count == 137
    assert uris(functions.events) == uris(events)
    assert hidden_and_waiting(sqs, queue_url) == 0


def test_a_queue_that_gives_fewer_than_asked_for_is_emptied_as_well(
    sqs: Any, queue_url: str
) -> None:
    class Sparing:
        def __getattr__(self, name: str) -> Any:
            return getattr(sqs, name)

        def receive_message(self, **parameters: Any) -> Any:
            return sqs.receive_message(**{**parameters, "MaxNumberOfMessages": 3})

    events, functions = fill(sqs, queue_url, 25), Functions()
    count = replay.replay(Sparing(), functions, queue_url, FUNCTION, count=25, parallel=2)
    assert count == 25
    assert uris(functions.events) == uris(events)


def test_no_more_are_taken_than_are_wanted(sqs: Any, queue_url: str) -> None:
    fill(sqs, queue_url, 40)
    functions = Functions()
    assert replay.replay(sqs, functions, queue_url, FUNCTION, count=13, parallel=4) == 13
    assert len(functions.events) == 13
    assert hidden_and_waiting(sqs, queue_url) == 27


def test_events_that_fail_again_at_once_are_not_replayed_for_ever(sqs: Any, queue_url: str) -> None:
    fill(sqs, queue_url, 25)

    class Bad(Functions):
        def invoke(self, **parameters: Any) -> Dict[str, Any]:
            sqs.send_message(QueueUrl=queue_url, MessageBody=parameters["Payload"].decode())
            return super().invoke(**parameters)

    assert replay.replay(sqs, Bad(), queue_url, FUNCTION, count=25, parallel=2) == 25
    assert hidden_and_waiting(sqs, queue_url) == 25


def test_events_that_lambda_refuses_stay_in_the_queue(sqs: Any, queue_url: str) -> None:
    fill(sqs, queue_url, 30)
    functions = Functions(refuses_after=7)
    with pytest.raises(ClientError, match="TooManyRequests"):
        replay.replay(sqs, functions, queue_url, FUNCTION, count=30, parallel=1)
    assert hidden_and_waiting(sqs, queue_url) == 23


def test_the_event_of_a_failed_invocation_is_replayed() -> None:
    record = json.loads((EVENTS / "failure_record.json").read_text())
    assert json.loads(replay.event_in(json.dumps(record))) == record["requestPayload"]


@pytest.mark.parametrize("name", ["eventbridge_object_created.json", "training_job.json"])
def test_an_event_is_replayed_unchanged(name: str) -> None:
    body = (EVENTS / name).read_text()
    assert replay.event_in(body) == body


# --- the command ---


@pytest.fixture(name="clients")
def _clients(sqs: Any, queue_url: str, monkeypatch: pytest.MonkeyPatch) -> Dict[str, Any]:
    undelivered = sqs.create_queue(QueueName="undelivered")["QueueUrl"]
    outputs = {
        "FunctionAliasArn": FUNCTION,
        "FailureQueueUrl": queue_url,
        "UndeliveredEventQueueUrl": undelivered,
    }

    class Stacks:
        def describe_stacks(self, StackName: str) -> Any:
            if StackName != "mims-payload":
                raise ClientError({"Error": {"Message": "no such stack"}}, "DescribeStacks")
            listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
            return {"Stacks": [{"Outputs": listed}]}

    clients: Dict[str, Any] = {"sqs": sqs, "lambda": Functions(), "cloudformation": Stacks()}
    monkeypatch.setattr(replay, "_client", lambda service, _region: clients[service])
    return {**clients, "undelivered": undelivered, "outputs": outputs}


def test_the_command_replays_all_that_wait(
    sqs: Any, queue_url: str, clients: Dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    fill(sqs, queue_url, 12)
    fill(sqs, clients["undelivered"], 3)
    assert replay.main([]) == 0
    assert "Handed 12 of 12 events" in capsys.readouterr().out
    assert len(clients["lambda"].events) == 12
    assert replay.main(["--undelivered", "--count", "1"]) == 0
    assert "Handed 1 of 1 events" in capsys.readouterr().out
    assert hidden_and_waiting(sqs, clients["undelivered"]) == 2


def test_an_empty_queue_is_not_an_error(
    clients: Dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay.main([]) == 0
    assert "Handed 0 of 0 events" in capsys.readouterr().out


def test_a_missing_stack_and_one_without_the_outputs_are_errors(
    clients: Dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay.main(["--stack", "other"]) == 1
    assert "no such stack" in capsys.readouterr().err
    del clients["outputs"]["FailureQueueUrl"]
    assert replay.main([]) == 1
    assert "has no output 'FailureQueueUrl'" in capsys.readouterr().err


def test_the_template_has_the_outputs_that_a_replay_reads(clients: Dict[str, Any]) -> None:
    template = (EVENTS.parent / "template.yaml").read_text().partition("\nOutputs:\n")[2]
    for name in clients["outputs"]:
        assert f"\n  {name}:\n" in template


@pytest.mark.parametrize("arguments", [["--count", "0"], ["--parallel", "-1"], ["queue"]])
def test_an_invalid_command_line_is_refused(arguments: List[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        replay.main(arguments)
    assert caught.value.code == 2
