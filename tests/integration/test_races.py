"""Real runs that race for one payload: four processes of the function, and a real S3 server."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Iterator

import pytest
from botocore.exceptions import ClientError

from local.events import object_created
from local.lambda_function import Answer, LocalFunction
from local.s3_server import S3Server
from tests.archives import packed
from tests.integration.conftest import BUCKET
from tests.integration.model_archives import fields_of, hyperparameters, weights

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PROCESSES = 4
ROUNDS = 12


@pytest.fixture(scope="module")
def functions(s3_server: S3Server) -> Iterator[list[LocalFunction]]:
    with ExitStack() as started:
        yield [
            started.enter_context(LocalFunction(s3_server.environment())) for _ in range(PROCESSES)
        ]


def all_at_once(functions: list[LocalFunction], event: Any, pool: ThreadPoolExecutor) -> Any:
    """Send the event to every function at the same time; return futures of the answers."""
    together = threading.Barrier(len(functions))

    def send(function: LocalFunction) -> Answer:
        together.wait()
        return function.invoke(event)

    return [pool.submit(send, function) for function in functions]


@pytest.mark.parametrize("condition", ["IfNoneMatch", "IfMatch"])
def test_the_server_lets_exactly_one_of_several_writers_with_one_condition_succeed(
    condition: str, s3_server: S3Server, s3: S3Client, folder: str
) -> None:
    """Check what the other tests here depend on."""
    writers = [s3_server.client(retries={"total_max_attempts": 1}) for _ in range(6)]
    key = f"{folder}/object"
    for number in range(5):
        parameters = {"IfNoneMatch": "*"}
        if condition == "IfMatch":
            etag = s3.put_object(Bucket=BUCKET, Key=key, Body=f"round {number}".encode())["ETag"]
            parameters = {"IfMatch": etag}
        together = threading.Barrier(len(writers))

        def write(writer: int) -> int:
            together.wait()  # noqa: B023 - each round ends before the next begins
            try:
                writers[writer].put_object(
                    Bucket=BUCKET,
                    Key=key,
                    Body=f"writer {writer}".encode(),
                    **parameters,  # type: ignore[arg-type] # noqa: B023
                )
            except ClientError as error:
                return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
            return 200

        with ThreadPoolExecutor(len(writers)) as pool:
            statuses = list(pool.map(write, range(len(writers))))
        assert statuses.count(200) == 1, statuses
        assert set(statuses) <= {200, 409, 412}
        winner = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        assert winner == f"writer {statuses.index(200)}".encode()
        s3.delete_object(Bucket=BUCKET, Key=key)


def test_runs_that_race_leave_the_payload_of_the_newest_model(
    functions: list[LocalFunction], s3: S3Client, folder: str
) -> None:
    """Make two uploads in each round, the second while the runs of the first are under way."""
    key, payload_key = f"{folder}/model.tar.gz", f"{folder}/payload/payload.tar.gz"
    event = object_created(BUCKET, key, 0, "")
    models = {
        name: packed(
            ("weights", weights(400_000, seed)), ("hyperparameters.json", hyperparameters(field))
        )
        # The payloads of the first two are equal in bytes.
        for name, field, seed in (("a", "x", 1), ("b", "x", 2), ("c", "y", 3))
    }
    fields = {"a": ["x"], "b": ["x"], "c": ["y"]}
    sequence = "abcacbaabbcc" * 2
    statuses: list[str] = []
    with ThreadPoolExecutor(PROCESSES * 2) as pool:
        for number in range(ROUNDS):
            first, second = sequence[2 * number], sequence[2 * number + 1]
            s3.put_object(Bucket=BUCKET, Key=key, Body=models[first])
            answers = all_at_once(functions[:2], event, pool)
            newest = s3.put_object(Bucket=BUCKET, Key=key, Body=models[second])["ETag"]
            answers += all_at_once(functions[2:], event, pool)
            for answer in answers:
                result = answer.result()
                assert result.error is None, result.error
                statuses.append(result.result["status"])
            payload = s3.get_object(Bucket=BUCKET, Key=payload_key)
            assert payload["Metadata"]["model-etag"] == newest
            assert fields_of(payload["Body"].read()) == fields[second]
    assert len(statuses) == ROUNDS * PROCESSES
    assert set(statuses) <= {"created", "updated", "unchanged"}
    assert "updated" in statuses
