"""Thousands of events, twice and out of order, with faults: no payload is stale or missing.

Twenty keys are overwritten again and again while four processes of the function handle the events;
each talks to the real S3 server through its own proxy, which causes a fault in a small share of the
requests, and sometimes kills the process. Failed events are delivered again, as by Lambda's queue.

`SOAK_OVERWRITES` sets the number of uploads of each key (25), and `SOAK_SEED` the seed (1).
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Callable, Mapping

import pytest
from botocore.exceptions import ClientError
from mims import generate

from local.events import notification, object_created
from local.fault_proxy import Exchange, Fault, FaultProxy, Request, pass_on
from local.faults import cut_body, lose_answer, refuse, reset, short_body
from local.lambda_function import LocalFunction
from local.s3_server import S3Server
from tests.archives import packed
from tests.integration.conftest import BUCKET
from tests.integration.model_archives import hyperparameters, weights

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS = 20
PROCESSES = 4
OVERWRITES = int(os.environ.get("SOAK_OVERWRITES", "25"))  # a multiple of BURST
SEED = int(os.environ.get("SOAK_SEED", "1"))
FAULTS = 0.06  # of all requests
OUTAGES = 0.004
KILLS = 0.003
SLOW = 0.4  # of all writes; slow enough that a few other runs begin and end meanwhile
BURST = 5  # the number of uploads of a key in a row
MAX_WAITING = 2  # the number of events that may wait before the next upload
MAX_FAILURES = 50  # of one event, before something other than the faults must be wrong
SUCCESSES = ("created", "updated", "unchanged")
TRANSIENT = ("StorageError", "ModelChangingError", "Runtime.ExitError")

pytestmark = pytest.mark.soak


class Deliveries:
    """Events to deliver in random order, each until it has succeeded."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.failure = ""
        self._waiting: list[tuple[str, Any, int]] = []  # key, event, and how often it failed
        self._under_way: Counter[str] = Counter()
        self._closed = False
        self._change = threading.Condition()

    def add(self, key: str, *events: Any) -> None:
        """Add events once few are waiting, so that uploads and deliveries overlap."""
        with self._change:
            self._change.wait_for(lambda: self.failure or len(self._waiting) <= MAX_WAITING)
            self._waiting += [(key, event, 0) for event in events]
            self._change.notify_all()

    def wait_until_quiet(self, key: str) -> None:
        """Wait until every event of the key has been delivered and has succeeded."""
        with self._change:
            self._change.wait_for(
                lambda: (
                    self.failure
                    or not (
                        self._under_way[key] or key in [waiting for waiting, *_ in self._waiting]
                    )
                )
            )

    def close(self) -> None:
        """Say that there will be no more events."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def work(self, function: LocalFunction, chance: random.Random) -> None:
        """Deliver events to the function until there are no more, or something is wrong."""
        while (taken := self._take(chance)) is not None:
            key, event, failures = taken
            try:
                answer = function.invoke(event, timeout=120)
                outcome = answer.error_type or status_of(answer.result)
            except Exception as error:  # noqa: BLE001 - the test reports it, in its own thread
                outcome = f"the driver failed: {error!r}"
            self._record(key, event, failures, outcome)

    def _take(self, chance: random.Random) -> tuple[str, Any, int] | None:
        with self._change:
            self._change.wait_for(
                lambda: (
                    self._waiting or self.failure or (self._closed and not self._under_way.total())
                )
            )
            if self.failure or not self._waiting:
                return None
            taken = self._waiting.pop(chance.randrange(len(self._waiting)))
            self._under_way[taken[0]] += 1
            return taken

    def _record(self, key: str, event: Any, failures: int, outcome: str) -> None:
        with self._change:
            self._under_way[key] -= 1
            self.outcomes[outcome] += 1
            if outcome in TRANSIENT:
                self._waiting.append((key, event, failures + 1))
            if outcome not in (*TRANSIENT, *SUCCESSES) or failures > MAX_FAILURES:
                self.failure = f"{outcome}, after {failures} failures, of {event}"
            self._change.notify_all()


def status_of(result: Any) -> str:
    """Return the status of a result, or of the only result of a notification."""
    return str((result["results"][0] if "results" in result else result)["status"])


def slow(seconds: float) -> Fault:
    """Delay the request for so long before the server sees it."""

    def fault(exchange: Exchange) -> None:
        time.sleep(seconds)
        pass_on(exchange)

    return fault


def faults(chance: random.Random, function: LocalFunction) -> Callable[[Request], Fault | None]:
    """Return a rule that causes faults in some requests, and sometimes kills their process."""

    def kill() -> None:
        process = function.process_id
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def kill_after(exchange: Exchange) -> None:
        exchange.forward().read()
        kill()
        exchange.reset()

    outage: list[Fault] = []

    def rule(request: Request) -> Fault | None:
        if outage:
            return outage.pop()
        if chance.random() < OUTAGES:  # longer than the SDK keeps trying
            outage.extend([chance.choice((reset(), lose_answer(), refuse(500, "Outage")))] * 4)
            return outage.pop()
        if chance.random() < KILLS:
            return chance.choice((reset(kill), kill_after))
        if request.method == "PUT" and chance.random() < SLOW:
            return slow(chance.uniform(0.05, 0.5))
        if chance.random() >= FAULTS:
            return None
        possible = [reset(), lose_answer(), refuse(500, "InternalError"), refuse(503, "SlowDown")]
        if request.method == "PUT":
            possible += [lose_answer(), refuse(409, "ConditionalRequestConflict")]
        if request.method == "GET":
            after = chance.randrange(300_000)
            possible += [cut_body(after), short_body(after)]
        return chance.choice(possible)

    return rule


def make_models() -> list[bytes]:
    """Return small and large models, some with the same fields and so with equal payloads."""
    return [
        packed(("weights", weights(size, seed)), ("hyperparameters.json", hyperparameters(field)))
        for seed, (size, field) in enumerate(
            [(1_000, "x"), (2_000, "x"), (600_000, "x"), (3_000, "y"), (500_000, "z")]
        )
    ]


def judge(s3: S3Client, key: str, expected: Mapping[bytes, bytes]) -> str:
    """Say whether the key's payload is right, stale (of an older model), wrong, or missing."""
    model = s3.get_object(Bucket=BUCKET, Key=key)
    try:
        payload = s3.get_object(
            Bucket=BUCKET, Key=key.replace("model.tar.gz", "payload/payload.tar.gz")
        )
    except ClientError:
        return "missing"
    if payload["Metadata"]["model-etag"] != model["ETag"]:
        return "stale"
    return "right" if payload["Body"].read() == expected[model["Body"].read()] else "wrong"


def test_when_all_is_quiet_every_payload_is_the_newest_model_s(
    s3_server: S3Server, s3: S3Client, folder: str
) -> None:
    started = time.monotonic()
    chance = random.Random(SEED)
    keys = [f"{folder}/{number}/model.tar.gz" for number in range(KEYS)]
    bursts = keys * (OVERWRITES // BURST)
    chance.shuffle(bursts)
    models = make_models()
    expected = {model: generate([model]).archive for model in models}
    verdicts: Counter[str] = Counter()
    deliveries = Deliveries()
    proxies: list[FaultProxy] = []
    workers: list[threading.Thread] = []
    with ExitStack() as running:
        for number in range(PROCESSES):
            proxies.append(running.enter_context(FaultProxy(s3_server)))
            environment = s3_server.environment(proxies[-1].endpoint_url)
            function = running.enter_context(LocalFunction(environment))
            proxies[-1].rules.append(faults(random.Random(f"{SEED} faults {number}"), function))
            order = random.Random(f"{SEED} order {number}")
            workers.append(threading.Thread(target=deliveries.work, args=(function, order)))
            workers[-1].start()
        try:
            for number, key in enumerate(bursts):
                if key in bursts[:number]:
                    deliveries.wait_until_quiet(key)
                    verdicts[judge(s3, key, expected)] += 1
                for body in chance.choices(models, k=BURST):
                    etag = s3.put_object(Bucket=BUCKET, Key=key, Body=body)["ETag"]
                    event = object_created(BUCKET, key, len(body), etag)
                    again = chance.choice((event, notification(BUCKET, key)))
                    deliveries.add(key, event, again)
        finally:
            deliveries.close()
            for worker in workers:
                worker.join()
    assert not deliveries.failure
    verdicts.update(judge(s3, key, expected) for key in keys)
    requests = [request for proxy in proxies for request in proxy.requests]
    injected = Counter(request.fault for request in requests if request.fault)
    print(
        f"\nseed {SEED}: {KEYS} keys, {len(bursts) * BURST} uploads; outcomes "
        f"{dict(deliveries.outcomes)}; {len(requests)} requests, with faults "
        f"{dict(injected)}; payloads {dict(verdicts)}; {time.monotonic() - started:.0f} s"
    )
    assert sum(deliveries.outcomes[status] for status in SUCCESSES) == 2 * BURST * len(bursts)
    assert verdicts == {"right": len(bursts)}
    assert sum(injected.values()) > len(bursts)
