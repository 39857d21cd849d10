"""Thousands of deliveries, twice and out of order, under faults: no payload stale, none missing.

Twenty keys are overwritten again and again while four processes of the function look at them; each
speaks to the real S3 server through a proxy of its own, which breaks one request in so many, and
now and then kills the process. What fails is delivered again, as Lambda's queue does.

`SOAK_OVERWRITES` (25) uploads of each key make it longer, `SOAK_SEED` (1) makes it another one.
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
from typing import TYPE_CHECKING, Any, Callable

import pytest
from botocore.exceptions import ClientError

from local.events import notification, object_created
from local.fault_proxy import Exchange, Fault, FaultProxy, Request
from local.faults import cut_body, lose_answer, refuse, reset, short_body
from local.lambda_function import LocalFunction
from local.s3_server import S3Server
from mims import generate
from mims.settings import Settings
from tests.integration.conftest import BUCKET
from tests.integration.model_archives import hyperparameters, model_archive, weights

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS = 20
PROCESSES = 4
OVERWRITES = int(os.environ.get("SOAK_OVERWRITES", "25"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
FAULTS = 0.06  # of all requests
KILLS = 0.003
WAITING = 60  # so many events wait at most before the next upload
MOST_ATTEMPTS = 100  # of one delivery, before something is wrong beyond the faults


def test_when_all_is_quiet_every_payload_is_the_newest_model_s(
    s3_server: S3Server, s3: S3Client, folder: str
) -> None:
    chance = random.Random(SEED)
    uploads = [f"{folder}/{number}/model.tar.gz" for number in range(KEYS)] * OVERWRITES
    chance.shuffle(uploads)
    models = make_models()
    deliveries = Deliveries()
    started = time.monotonic()
    with ExitStack() as running:
        workers = []
        for number in range(PROCESSES):
            proxy = running.enter_context(FaultProxy(s3_server))
            function = running.enter_context(
                LocalFunction(s3_server.environment(proxy.endpoint_url))
            )
            proxy.rules.append(faults(random.Random(f"{SEED} {number}"), function))
            own = random.Random(f"{SEED} worker {number}")
            work = threading.Thread(target=deliveries.work, args=(function, own))
            workers.append(work)
            work.start()
        try:
            for key in uploads:
                body = chance.choice(models)
                etag = s3.put_object(Bucket=BUCKET, Key=key, Body=body)["ETag"]
                event = object_created(BUCKET, key, len(body), etag)
                deliveries.add(event, chance.choice((event, notification(BUCKET, key))))
        finally:
            deliveries.close()
            for work in workers:
                work.join()
        assert not deliveries.failure, deliveries.failure
        requests = [request for proxy in proxies(running) for request in proxy.requests]
    counts = judge(s3, sorted(set(uploads)), models)
    injected = Counter(request.fault for request in requests if request.fault)
    print(
        f"\nseed {SEED}: {len(uploads)} uploads of {KEYS} keys; outcomes "
        f"{dict(deliveries.outcomes)}; {len(requests)} requests, faults {dict(injected)}; "
        f"payloads {dict(counts)}; {time.monotonic() - started:.0f} s"
    )
    assert counts == {"right": KEYS}
    assert sum(injected.values()) > len(uploads) / 10
