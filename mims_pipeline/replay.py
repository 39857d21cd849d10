"""Hands the events in a queue of failures to the function again, several at a time.

    scripts/replay                       the events of failed runs, from the failure queue
    scripts/replay --undelivered         the events that EventBridge could not deliver
    scripts/replay --count 1             one of them, to try

Each message is an event that the function understands: the record of a failed invocation, or the
event itself. It is handed to Lambda as an asynchronous invocation, and deleted from the queue once
Lambda has it; an event that fails again comes back, with its reason.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Optional

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_BATCH = 10  # the most messages that SQS delivers or deletes at once
# Long enough to hand over a batch, short enough to have it back soon if this script is stopped.
_HIDDEN_SECONDS = 120
_WAIT_SECONDS = 2


class _Budget:
    """How many messages are still to be taken, shared by the threads that take them.

    A message that fails again comes back to the same queue, so no more are taken than waited at the
    beginning: else a bad model would go round for ever.
    """

    def __init__(self, count: int) -> None:
        self._left = count
        self._lock = threading.Lock()

    def take(self) -> int:
        with self._lock:
            taken = min(self._left, _BATCH)
            self._left -= taken
            return taken

    def give_back(self, count: int) -> None:
        """Return a part that was not used: SQS may deliver fewer messages than asked for."""
        with self._lock:
            self._left += count


def waiting(sqs: Any, queue_url: str) -> int:
    """Return roughly how many messages wait in a queue."""
    attributes = sqs.get_queue_attributes(
        QueueUrl=queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"])


def replay(
    sqs: Any, functions: Any, queue_url: str, function_arn: str, *, count: int, parallel: int
) -> int:
    """Hand up to `count` messages of a queue to the function, and return how many it got.

    Parameters
    ----------
    sqs, functions
        boto3's clients of SQS and Lambda.
    function_arn
        The alias of the function.
    parallel
        Batches of ten at a time. Lambda queues what it gets, so this does not bound the runs:
        the function's reserved concurrency does.

    Raises
    ------
    botocore.exceptions.ClientError
        SQS or Lambda refuses. Events that Lambda did not get stay in the queue.
    """
    budget = _Budget(count)
    with ThreadPoolExecutor(max_workers=parallel) as pool:
        workers = [
            pool.submit(_drain, sqs, functions, queue_url, function_arn, budget)
            for _ in range(parallel)
        ]
        return sum(worker.result() for worker in workers)


def event_in(body: str) -> str:
    """Return the event in a message of a queue of failures, as JSON.

    It is the message itself, unless that is the record of a failed invocation.
    """
    try:
        message = json.loads(body)
    except ValueError:
        return body
    if isinstance(message, dict) and "requestPayload" in message and "requestContext" in message:
        return json.dumps(message["requestPayload"])
    return body


def _drain(sqs: Any, functions: Any, queue_url: str, function_arn: str, budget: _Budget) -> int:
    handed_over = 0
    while wanted := budget.take():
        messages = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=wanted,
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=_WAIT_SECONDS,
        ).get("Messages", [])
        budget.give_back(wanted - len(messages))
        if not messages:
            break
        for message in messages:
            functions.invoke(
                FunctionName=function_arn,
                InvocationType="Event",
                Payload=event_in(message["Body"]).encode(),
            )
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            handed_over += 1
    return handed_over


def main(arguments: Optional[List[str]] = None) -> int:
    """Replay the events that the command line asks for, and say how many there were."""
    options = _options(arguments)
    try:
        outputs = _outputs(options)
        queue = "UndeliveredEventQueueUrl" if options.undelivered else "FailureQueueUrl"
        queue_url, function_arn = outputs[queue], outputs["FunctionAliasArn"]
        sqs = _client("sqs", options.region)
        count = options.count or waiting(sqs, queue_url)
        functions = _client("lambda", options.region)
        replayed = replay(
            sqs, functions, queue_url, function_arn, count=count, parallel=options.parallel
        )
    except KeyError as error:
        print(f"error: The stack {options.stack!r} has no output {error}.", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(
            f"error: {error} This needs sqs:ReceiveMessage, sqs:DeleteMessage and "
            "sqs:GetQueueAttributes on the queue, lambda:InvokeFunction on the alias, and "
            "cloudformation:DescribeStacks. Events that were not handed over are still in the "
            "queue.",
            file=sys.stderr,
        )
        return 1
    print(f"Handed {replayed:,} of {count:,} events to {function_arn}.")
    return 0


def _options(arguments: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/replay",
        description="Hands events that failed to the function again, several at a time.",
    )
    parser.add_argument("--stack", default="mims-payload", help="deployed stack (%(default)s)")
    parser.add_argument("--region", help="region of the stack, if not the default one")
    parser.add_argument(
        "--undelivered", action="store_true", help="the queue of undelivered events instead"
    )
    parser.add_argument("--count", type=_positive, help="at most this many (all that wait)")
    parser.add_argument(
        "--parallel", type=_positive, default=4, help="batches of ten at a time (%(default)s)"
    )
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def _outputs(options: argparse.Namespace) -> Dict[str, str]:
    stacks = _client("cloudformation", options.region).describe_stacks(StackName=options.stack)
    return {output["OutputKey"]: output["OutputValue"] for output in stacks["Stacks"][0]["Outputs"]}


def _client(service: str, region: Optional[str]) -> Any:
    import boto3

    return boto3.client(service, region_name=region, config=Config(retries={"mode": "standard"}))


if __name__ == "__main__":
    sys.exit(main())
