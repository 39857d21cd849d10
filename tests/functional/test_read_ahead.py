"""The thread that reads ahead: its chunks, how far ahead it reads, and that it ends."""

from __future__ import annotations

import threading
import time
from typing import Callable, Generator, Iterator, List

import pytest
from mims.aws.read_ahead import DEPTH, read_ahead
from mims.errors import DeadlineExceededError

_WITHIN = 60  # seconds, for what takes microseconds


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def _numbered(count: int) -> Generator[bytes, None, None]:
    for number in range(count):
        yield b"%d" % number


def _forever() -> float:
    return 3600.0


def _nothing() -> None:
    pass


@pytest.mark.parametrize("count", [0, 1, DEPTH - 1, DEPTH, DEPTH + 1, 100])
def test_the_chunks_come_in_order_and_none_is_lost(count: int) -> None:
    assert list(read_ahead(_numbered(count), _nothing, _forever)) == list(_numbered(count))


def test_nothing_is_read_before_the_first_chunk_is_asked_for() -> None:
    read: List[int] = []

    def chunks() -> Generator[bytes, None, None]:
        read.append(1)
        yield b"chunk"

    ahead = read_ahead(chunks(), _nothing, _forever)
    assert not read
    assert next(ahead) == b"chunk"
    ahead.close()


def test_no_more_than_the_depth_is_read_ahead() -> None:
    asked: List[int] = []
    full = threading.Event()

    def chunks() -> Generator[bytes, None, None]:
        for number in range(100):
            asked.append(number)
            if len(asked) == 1 + DEPTH:
                full.set()
            yield b"chunk"

    ahead = read_ahead(chunks(), _nothing, _forever)
    next(ahead)
    assert full.wait(_WITHIN)
    # The current chunk, and those ahead: the thread has no room for another one.
    assert len(asked) == 1 + DEPTH
    ahead.close()
    assert len(asked) == 1 + DEPTH


def test_an_error_comes_after_the_chunks_before_it() -> None:
    def chunks() -> Generator[bytes, None, None]:
        yield b"one"
        yield b"two"
        raise LookupError("broken")

    ahead = read_ahead(chunks(), _nothing, _forever)
    assert [next(ahead), next(ahead)] == [b"one", b"two"]
    with pytest.raises(LookupError, match="broken"):
        next(ahead)


@pytest.mark.parametrize("given", [0, 1, DEPTH + 3])
def test_leaving_ends_the_thread_and_closes_what_it_reads_from(given: int) -> None:
    closed = threading.Event()

    def chunks() -> Generator[bytes, None, None]:
        try:
            while True:
                yield b"chunk"
        finally:
            closed.set()

    ahead = read_ahead(chunks(), _nothing, _forever)
    for _ in range(given):
        next(ahead)
    ahead.close()
    assert closed.is_set() == (given > 0)


def test_leaving_interrupts_a_read_that_hangs() -> None:
    reading, interrupted = threading.Event(), threading.Event()

    def chunks() -> Generator[bytes, None, None]:
        yield b"chunk"
        reading.set()
        assert interrupted.wait(_WITHIN)

    ahead = read_ahead(chunks(), interrupted.set, _forever)
    next(ahead)
    assert reading.wait(_WITHIN)
    ahead.close()
    assert interrupted.is_set()


def test_a_read_that_is_over_is_not_interrupted() -> None:
    interruptions: List[int] = []
    for _ in range(50):
        list(read_ahead(_numbered(3), lambda: interruptions.append(1), _forever))
    assert not interruptions


def test_a_read_that_hangs_ends_when_the_time_is_up() -> None:
    interrupted = threading.Event()

    def chunks() -> Generator[bytes, None, None]:
        yield b"chunk"
        assert interrupted.wait(_WITHIN)

    ahead = read_ahead(chunks(), interrupted.set, _deadline_in(0.2))
    with pytest.raises(DeadlineExceededError):
        list(ahead)


def test_chunks_that_keep_coming_end_when_the_time_is_up() -> None:
    def chunks() -> Generator[bytes, None, None]:
        while True:
            yield b"chunk"

    with pytest.raises(DeadlineExceededError):
        for _ in read_ahead(chunks(), _nothing, _deadline_in(0.2)):
            pass


def test_a_wait_in_vain_is_not_the_end_while_time_is_left() -> None:
    asked: List[float] = []
    late = threading.Event()

    def time_left() -> float:
        # The first wait ends before the chunk comes, as it may if a clock rounds.
        asked.append(1.0)
        if len(asked) == 2:
            late.set()
        return 0.0 if len(asked) == 1 else 3600.0

    def chunks() -> Generator[bytes, None, None]:
        assert late.wait(_WITHIN)
        yield b"late"

    assert list(read_ahead(chunks(), _nothing, time_left)) == [b"late"]


def _deadline_in(seconds: float) -> Callable[[], float]:
    deadline = time.monotonic() + seconds

    def time_left() -> float:
        left = deadline - time.monotonic()
        if left <= 0:
            raise DeadlineExceededError("time is up")
        return left

    return time_left
