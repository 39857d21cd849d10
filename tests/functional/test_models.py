"""Reading a model from S3 by ranges: the requests, the checks of answers, and resuming."""

from __future__ import annotations

import io
import random
import threading
import time
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any, Callable, Dict, Iterator, List, Tuple, Type, cast

import boto3
import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from mims.aws import s3 as s3_calls
from mims.aws.models import (
    CHUNK,
    Model,
    ModelGoneError,
    ModelObject,
    ModelReplacedError,
    ModelUnchangedError,
)
from mims.aws.s3 import S3Session, begin_attempt
from mims.errors import (
    AccessDeniedError,
    DeadlineExceededError,
    ModelArchivedError,
    PayloadError,
    StorageError,
)
from mims.limits import FIRST_PART
from moto import mock_aws

from tests.functional.memory_s3 import client_error

SOURCE = ModelObject("models", "churn/model.tar.gz")
ETAG, OTHER_ETAG = '"one"', '"two"'
KIB = 1024
CONTENT = random.Random(7).randbytes(FIRST_PART + 5 * CHUNK + 12_345)
_MODIFIED = datetime(2026, 1, 15, 8, 30, tzinfo=timezone.utc)
_WITHIN = 60  # seconds, for what takes microseconds

Parameters = Dict[str, Any]
Answer = Callable[[Parameters], Dict[str, Any]]


class Body(io.BytesIO):
    """A body that sends `content`, then raises `error`, if there is one."""

    def __init__(self, content: bytes, error: Exception | None = None) -> None:
        super().__init__(content)
        self._error = error
        self.read_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.read_bytes += len(piece)
        if not piece and self._error:
            raise self._error
        return piece


class ResetBody(Body):
    """A body whose last bytes are lost with its connection, as the SDK loses them.

    `read` raises if fewer bytes than it is asked for come before the reset.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        if len(piece) != size and self._error:
            raise self._error
        return piece


class ScriptedS3:
    """Answers each GET by the next entry of its script, and records the parameters."""

    def __init__(self, *script: Answer) -> None:
        self.script = list(script)
        self.asked: List[Parameters] = []
        self.bodies: List[Any] = []

    def get_object(self, **parameters: Any) -> Dict[str, Any]:
        begin_attempt()  # as the client's event calls it
        self.asked.append(parameters)
        answer = self.script.pop(0)(parameters)
        self.bodies.append(answer["Body"])
        return answer

    @property
    def ranges(self) -> List[str]:
        return [parameters["Range"] for parameters in self.asked]


def _sent(
    content: bytes = CONTENT,
    *,
    until: int | None = None,
    error: Exception | None = None,
    etag: str = ETAG,
    body_type: Type[Body] = Body,
    **changed: Any,
) -> Answer:
    """Return an answer to a ranged GET, whose body breaks off with `error` after `until` bytes."""

    def answer(parameters: Parameters) -> Dict[str, Any]:
        first, last = _asked_range(parameters, len(content))
        body = content[first : last + 1]
        return {
            "ETag": etag,
            "ContentLength": len(body),
            "ContentRange": f"bytes {first}-{last}/{len(content)}",
            "LastModified": _MODIFIED,
            "VersionId": "v1",
            "ResponseMetadata": {"HTTPStatusCode": 206, "RetryAttempts": 0},
            "Body": body_type(body[:until], error),
            **changed,
        }

    return answer


def _asked_range(parameters: Parameters, size: int) -> Tuple[int, int]:
    first, last = parameters["Range"][len("bytes=") :].split("-")
    return int(first), min(int(last or size), size - 1)


def _whole(content: bytes = CONTENT, etag: str = ETAG) -> Answer:
    """Return the answer of a server that does not support `Range`."""

    def answer(_parameters: Parameters) -> Dict[str, Any]:
        return {
            "ETag": etag,
            "ContentLength": len(content),
            "LastModified": _MODIFIED,
            "ResponseMetadata": {"HTTPStatusCode": 200, "RetryAttempts": 0},
            "Body": Body(content),
        }

    return answer


def _refused(status: int, code: str) -> Answer:
    def answer(_parameters: Parameters) -> Dict[str, Any]:
        raise client_error("GetObject", status, code)

    return answer


def _session(s3: object, seconds: float = 3600.0) -> S3Session:
    return S3Session(cast(Any, s3), time.monotonic() + seconds)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> List[Tuple[float, float]]:
    """Skip the pauses of the back-off, and return the bounds between which they were drawn."""
    drawn: List[Tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return 0.0

    monkeypatch.setattr(random, "uniform", uniform)
    return drawn


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock of the deadline; `now` sets it."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(s3_calls, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_the_first_part_is_asked_for_and_then_the_rest_in_one_request() -> None:
    s3 = ScriptedS3(_sent(), _sent())
    session = _session(s3)
    model = Model(session, SOURCE)
    assert s3.ranges == [f"bytes=0-{FIRST_PART - 1}"]
    assert "IfMatch" not in s3.asked[0]
    assert b"".join(model) == CONTENT
    assert s3.ranges[1:] == [f"bytes={FIRST_PART}-"]
    assert s3.asked[1]["IfMatch"] == ETAG
    assert (session.requests, session.resumes, session.bytes_read) == (2, 0, len(CONTENT))
    assert (model.etag, model.version_id, model.size) == (ETAG, "v1", len(CONTENT))
    assert model.modified == int(_MODIFIED.timestamp())


def test_the_rest_is_not_asked_for_before_it_is_needed() -> None:
    s3 = ScriptedS3(_sent())
    assert next(iter(Model(_session(s3), SOURCE))) == CONTENT[:FIRST_PART]
    assert len(s3.asked) == 1


@pytest.mark.parametrize("size", [1, 1000, FIRST_PART - 1, FIRST_PART])
def test_a_small_object_takes_one_request(size: int) -> None:
    s3 = ScriptedS3(_sent(CONTENT[:size]))
    assert b"".join(Model(_session(s3), SOURCE)) == CONTENT[:size]


def test_an_empty_object_is_read() -> None:
    s3 = ScriptedS3(_refused(416, "InvalidRange"), _whole(b""))
    model = Model(_session(s3), SOURCE, known_etag=OTHER_ETAG)
    assert (b"".join(model), model.size, model.etag) == (b"", 0, ETAG)
    first, second = s3.asked
    assert ("Range" in first, "Range" in second) == (True, False)
    assert second["IfNoneMatch"] == OTHER_ETAG


def test_an_object_that_is_no_longer_empty_when_it_is_asked_for_again() -> None:
    s3 = ScriptedS3(_refused(416, "InvalidRange"), _whole(), _sent())
    assert b"".join(Model(_session(s3), SOURCE)) == CONTENT


def test_chunks_are_no_larger_than_their_size() -> None:
    model = Model(_session(ScriptedS3(_sent(), _sent())), SOURCE)
    assert max(map(len, model)) == max(CHUNK, FIRST_PART)


def test_each_iteration_begins_with_the_kept_part_and_asks_for_the_rest_again() -> None:
    s3 = ScriptedS3(_sent(), _sent(), _sent())
    model = Model(_session(s3), SOURCE)
    assert b"".join(model) == b"".join(model) == CONTENT
    assert s3.ranges == [f"bytes=0-{FIRST_PART - 1}", *[f"bytes={FIRST_PART}-"] * 2]


def test_an_iteration_left_in_the_middle_can_be_begun_again() -> None:
    s3 = ScriptedS3(_sent(), _sent(), _sent())
    model = Model(_session(s3), SOURCE)
    chunks = iter(model)
    for _ in range(3):
        next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert b"".join(model) == CONTENT


def test_leaving_closes_the_body_and_does_not_read_it_to_its_end() -> None:
    content = CONTENT * 10
    s3 = ScriptedS3(_sent(content), _sent(content))
    chunks = iter(Model(_session(s3), SOURCE))
    next(chunks), next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert s3.bodies[1].closed
    assert s3.bodies[1].read_bytes <= 12 * CHUNK


def test_leaving_shuts_down_a_connection_that_hangs() -> None:
    hangs, shut = threading.Event(), threading.Event()

    class Hanging(Body):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.read_bytes:
                hangs.set()
                assert shut.wait(_WITHIN)
                raise ConnectionResetError
            return super().read(size)

    body = Hanging(CONTENT[FIRST_PART:])
    body._raw_stream = type("Stream", (), {"shutdown": lambda _self: shut.set()})()  # type: ignore[attr-defined]
    session = _session(ScriptedS3(_sent(), _sent(Body=body)))
    chunks = iter(Model(session, SOURCE))
    next(chunks), next(chunks)
    assert hangs.wait(_WITHIN)
    chunks.close()  # type: ignore[attr-defined]
    assert shut.is_set()
    assert body.closed
    assert session.resumes == 0


BREAKS = [
    ReadTimeoutError(endpoint_url="s3"),
    ResponseStreamingError(error="reset"),
    IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ConnectionClosedError(endpoint_url="s3"),
    ConnectionResetError(),
    TimeoutError(),
    None,  # the body ends normally, but too early
]


@pytest.mark.parametrize("error", BREAKS, ids=lambda error: type(error).__name__)
def test_a_body_that_breaks_off_is_resumed_at_the_offset_reached(error: Exception | None) -> None:
    s3 = ScriptedS3(_sent(), _sent(until=2 * CHUNK + 100, error=error), _sent())
    session = _session(s3)
    assert b"".join(Model(session, SOURCE)) == CONTENT
    assert s3.ranges[2] == f"bytes={FIRST_PART + 2 * CHUNK + 100}-"
    assert s3.asked[2]["IfMatch"] == ETAG
    assert session.resumes == 1
    assert s3.bodies[1].closed


@pytest.mark.parametrize("error", BREAKS, ids=lambda error: type(error).__name__)
def test_a_first_part_that_breaks_off_is_resumed_too(error: Exception | None) -> None:
    s3 = ScriptedS3(_sent(until=100, error=error), _sent(), _sent())
    session = _session(s3)
    assert b"".join(Model(session, SOURCE, known_etag=OTHER_ETAG)) == CONTENT
    assert s3.ranges[:2] == [f"bytes=0-{FIRST_PART - 1}", f"bytes=100-{FIRST_PART - 1}"]
    assert s3.asked[0]["IfNoneMatch"] == OTHER_ETAG
    assert "IfNoneMatch" not in s3.asked[1]
    assert s3.asked[1]["IfMatch"] == ETAG


def test_reading_survives_three_breaks_in_a_row() -> None:
    broken = _sent(until=0, error=ConnectionResetError())
    session = _session(ScriptedS3(_sent(), broken, broken, broken, _sent()))
    assert b"".join(Model(session, SOURCE)) == CONTENT
    assert session.resumes == 3


def test_too_many_breaks_without_a_byte_in_between_are_an_error() -> None:
    broken = _sent(until=0, error=ConnectionResetError())
    s3 = ScriptedS3(_sent(), *[broken] * 6)
    with pytest.raises(StorageError, match="6 times in a row at offset 262,144"):
        b"".join(Model(_session(s3), SOURCE))
    assert not s3.script


def test_breaks_with_bytes_in_between_are_not_counted_together() -> None:
    broken = _sent(until=1000, error=ConnectionResetError())
    session = _session(ScriptedS3(_sent(), *[broken] * 20, _sent()))
    assert b"".join(Model(session, SOURCE)) == CONTENT
    assert session.resumes == 20


def test_resets_that_each_lose_less_than_a_chunk_let_the_reading_advance() -> None:
    broken = _sent(until=100_000, error=ConnectionResetError(), body_type=ResetBody)
    s3 = ScriptedS3(_sent(), *[broken] * 20, _sent())
    session = _session(s3)
    assert b"".join(Model(session, SOURCE)) == CONTENT
    assert session.resumes == 20
    assert s3.ranges[1:4] == [f"bytes={FIRST_PART + taken * KIB}-" for taken in (0, 0, 48)]


def test_chunks_grow_to_their_full_size_again_after_a_break() -> None:
    broken = _sent(until=0, error=ConnectionResetError())
    sizes = list(map(len, Model(_session(ScriptedS3(_sent(), broken, _sent())), SOURCE)))
    assert sizes[1:8] == [KIB << power for power in range(4, 10)] + [CHUNK]


def test_the_back_off_is_jittered_and_capped(pauses: List[Tuple[float, float]]) -> None:
    broken = _sent(until=0, error=ConnectionResetError())
    b"".join(Model(_session(ScriptedS3(_sent(), *[broken] * 5, _sent())), SOURCE))
    assert pauses == [(0, 0.2), (0, 0.4), (0, 0.8), (0, 1.6), (0, 3.0)]


def test_the_back_off_ends_at_the_deadline(
    clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def long_pause(_low: float, _high: float) -> float:
        clock.now += 0.75
        return 3600.0

    monkeypatch.setattr(random, "uniform", long_pause)
    session = S3Session(cast(Any, ScriptedS3()), clock.now + 1.0)
    assert [session.backoff(1), session.backoff(1)] == [0.25, 0.0]
    s3 = ScriptedS3(_sent(until=0, error=ConnectionResetError()), _sent())
    with pytest.raises(DeadlineExceededError, match="0 bytes"):
        Model(S3Session(cast(Any, s3), clock.now + 0.5), SOURCE)
    assert len(s3.asked) == 1


CONTRADICTORY: Dict[str, Dict[str, Any]] = {
    "another range": {"ContentRange": f"bytes {FIRST_PART + 1}-{len(CONTENT)}/{len(CONTENT)}"},
    "a range that stops too early": {
        "ContentRange": f"bytes {FIRST_PART}-{len(CONTENT) - 2}/{len(CONTENT)}"
    },
    "another size": {
        "ContentRange": f"bytes {FIRST_PART}-{len(CONTENT)}/{len(CONTENT) + 1}",
        "ContentLength": len(CONTENT) - FIRST_PART + 1,
    },
    "no range": {"ContentRange": ""},
    "an invalid range": {"ContentRange": "bytes */100"},
    "another length": {"ContentLength": 17},
    "no length": {"ContentLength": None},
    "no ETag": {"ETag": ""},
    "no date": {"LastModified": None},
}


@pytest.mark.parametrize("changed", CONTRADICTORY.values(), ids=CONTRADICTORY)
def test_a_response_that_contradicts_itself_is_asked_for_again(
    changed: Dict[str, Any],
) -> None:
    s3 = ScriptedS3(_sent(), _sent(**changed), _sent())
    session = _session(s3)
    assert b"".join(Model(session, SOURCE)) == CONTENT
    assert s3.ranges[1] == s3.ranges[2]
    assert s3.bodies[1].closed
    assert s3.bodies[1].read_bytes == 0
    assert session.resumes == 1


@pytest.mark.parametrize("changed", CONTRADICTORY.values(), ids=CONTRADICTORY)
def test_responses_that_always_contradict_themselves_are_an_error(
    changed: Dict[str, Any],
) -> None:
    s3 = ScriptedS3(_sent(), *[_sent(**changed)] * 6)
    with pytest.raises(StorageError):
        b"".join(Model(_session(s3), SOURCE))


def test_a_body_with_another_etag_is_never_spliced_on() -> None:
    s3 = ScriptedS3(_sent(), _sent(etag=OTHER_ETAG))
    with pytest.raises(ModelReplacedError):
        b"".join(Model(_session(s3), SOURCE))
    assert s3.bodies[1].read_bytes == 0
    assert s3.bodies[1].closed


@pytest.mark.parametrize("status", [412, 416])
def test_an_object_replaced_meanwhile_is_an_error(status: int) -> None:
    s3 = ScriptedS3(_sent(), _sent(until=10, error=ConnectionResetError()), _refused(status, "x"))
    with pytest.raises(ModelReplacedError):
        b"".join(Model(_session(s3), SOURCE))


def test_an_object_replaced_by_an_empty_one_before_the_first_byte_is_an_error() -> None:
    s3 = ScriptedS3(_sent(until=0, error=ConnectionResetError()), _refused(416, "InvalidRange"))
    with pytest.raises(ModelReplacedError):
        Model(_session(s3), SOURCE)


@pytest.mark.parametrize("status", [404, 405])
def test_an_object_that_is_gone_is_an_error(status: int) -> None:
    with pytest.raises(ModelGoneError):
        Model(_session(ScriptedS3(_refused(status, "NoSuchKey"))), SOURCE)
    s3 = ScriptedS3(_sent(), _refused(status, "NoSuchKey"))
    with pytest.raises(ModelGoneError):
        b"".join(Model(_session(s3), SOURCE))


def test_an_unchanged_object_is_not_read() -> None:
    s3 = ScriptedS3(_refused(304, "304"))
    session = _session(s3)
    with pytest.raises(ModelUnchangedError):
        Model(session, SOURCE, known_etag=ETAG)
    assert s3.asked[0]["IfNoneMatch"] == ETAG
    assert (session.requests, session.bytes_read) == (1, 0)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "AccessDenied", AccessDeniedError),
        (403, "InvalidObjectState", ModelArchivedError),
        (503, "SlowDown", StorageError),
        (500, "InternalError", StorageError),
    ],
)
def test_a_refusal_of_s3_is_a_typed_error_and_is_not_repeated(
    status: int, code: str, error: type[PayloadError]
) -> None:
    s3 = ScriptedS3(_refused(status, code))
    with pytest.raises(error):
        Model(_session(s3), SOURCE)
    s3 = ScriptedS3(_sent(), _refused(status, code))
    with pytest.raises(error):
        b"".join(Model(_session(s3), SOURCE))


def test_a_server_that_ignores_ranges_gives_the_same_bytes() -> None:
    s3 = ScriptedS3(_whole(), _whole())
    session = _session(s3)
    assert b"".join(Model(session, SOURCE)) == CONTENT
    assert s3.bodies[0].read_bytes == FIRST_PART
    assert session.bytes_read == len(CONTENT)
    assert all(body.closed for body in s3.bodies)


def test_a_server_that_ignores_ranges_after_a_break_gives_the_same_bytes() -> None:
    s3 = ScriptedS3(_sent(), _sent(until=CHUNK + 1, error=ConnectionResetError()), _whole())
    assert b"".join(Model(_session(s3), SOURCE)) == CONTENT


def test_a_whole_object_that_breaks_off_before_the_offset_is_asked_for_again() -> None:
    cut = _whole(CONTENT)

    def answer(parameters: Parameters) -> Dict[str, Any]:
        return {**cut(parameters), "Body": Body(CONTENT[:100])}

    session = _session(ScriptedS3(_sent(), answer, _whole()))
    assert b"".join(Model(session, SOURCE)) == CONTENT
    assert session.resumes == 1


def test_a_whole_object_of_another_version_is_never_spliced_on() -> None:
    s3 = ScriptedS3(_sent(), _whole(etag=OTHER_ETAG))
    with pytest.raises(ModelReplacedError):
        b"".join(Model(_session(s3), SOURCE))


def test_every_request_names_the_version_and_the_buckets_owner() -> None:
    s3 = ScriptedS3(_sent(), _sent())
    source = ModelObject("models", "key", version_id="v7", owner="111122223333")
    b"".join(Model(_session(s3), source))
    for parameters in s3.asked:
        assert parameters["VersionId"] == "v7"
        assert parameters["ExpectedBucketOwner"] == "111122223333"


class _Trickle(Body):
    """A body that sends a chunk, and then hangs until the connection is shut down.

    As it hangs, the clock passes the deadline.
    """

    def __init__(self, content: bytes, clock: SimpleNamespace) -> None:
        super().__init__(content)
        self.shut = threading.Event()
        self._clock = clock
        self._raw_stream = self

    def shutdown(self) -> None:
        self.shut.set()

    def read(self, size: int | None = -1, /) -> bytes:
        if self.read_bytes:
            self._clock.now += 1.0
            assert self.shut.wait(_WITHIN)
            raise ConnectionResetError
        return super().read(1000)


@pytest.mark.parametrize("part", ["first", "rest"])
def test_a_body_that_hangs_ends_at_the_deadline(part: str, clock: SimpleNamespace) -> None:
    body = _Trickle(CONTENT, clock)
    hanging = _sent(Body=body)
    s3 = ScriptedS3(*([hanging] if part == "first" else [_sent(), hanging]))
    with pytest.raises(DeadlineExceededError, match="bytes of the model were read so far"):
        b"".join(Model(S3Session(cast(Any, s3), clock.now + 0.3), SOURCE))
    assert body.closed


def test_nothing_is_asked_for_after_the_deadline() -> None:
    s3 = ScriptedS3()
    with pytest.raises(DeadlineExceededError):
        Model(_session(s3, seconds=-1), SOURCE)
    assert not s3.asked


def test_it_reads_an_object_of_moto() -> None:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="models")
        etag = client.put_object(Bucket="models", Key=SOURCE.key, Body=CONTENT)["ETag"]
        session = _session(client)
        model = Model(session, SOURCE)
        assert b"".join(model) == CONTENT
        assert (model.etag, model.size) == (etag, len(CONTENT))
        client.put_object(Bucket="models", Key=SOURCE.key, Body=CONTENT[::-1])
        with pytest.raises(ModelReplacedError):
            b"".join(model)
        with pytest.raises(ModelUnchangedError):
            Model(session, SOURCE, Model(session, SOURCE).etag)
        client.delete_object(Bucket="models", Key=SOURCE.key)
        with pytest.raises(ModelGoneError):
            Model(session, SOURCE)
