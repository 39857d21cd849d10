"""A thread that reads a few chunks ahead, so that network and inflate overlap."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import Callable, Generator, Optional, Tuple

DEPTH = 4

# A chunk; `None` at the end, with the error if reading raised one.
_Item = Tuple[Optional[bytes], Optional[BaseException]]


def read_ahead(
    chunks: Generator[bytes, None, None],
    interrupt: Callable[[], None],
    time_left: Callable[[], float],
) -> Generator[bytes, None, None]:
    """Yield `chunks`, of which at most `DEPTH` are read before they are asked for.

    The thread starts when the first chunk is asked for, and has ended when the iteration ends, for
    whatever reason. `interrupt` is called to break off a read that is under way. Errors of `chunks`
    pass through, and so do those of `time_left`, which returns seconds, or raises if none are left.
    """
    queue: SimpleQueue[_Item] = SimpleQueue()
    places: SimpleQueue[None] = SimpleQueue()
    for _ in range(DEPTH):
        places.put(None)
    left = threading.Event()

    def read() -> None:
        try:
            while True:
                places.get()
                if left.is_set():
                    return
                chunk = next(chunks, None)
                queue.put((chunk, None))
                if chunk is None:
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised where the chunks are asked for
            queue.put((None, error))
        finally:
            chunks.close()

    thread = threading.Thread(target=read, name="read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            try:
                chunk, error = queue.get(timeout=max(0.0, time_left()))
            except Empty:
                continue
            if chunk is None:
                thread.join()  # it is about to end: there is no read left to interrupt
                if error is not None:
                    raise error
                return
            places.put(None)
            yield chunk
    finally:
        left.set()
        places.put(None)
        while thread.is_alive():
            interrupt()
            thread.join(0.05)
