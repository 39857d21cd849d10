"""A thread that reads a few chunks ahead, so that network and inflate overlap."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import Callable, Generator, Optional, Tuple

DEPTH = 4

# A chunk, the end (None), or what the reading raised.
_Item = Tuple[Optional[bytes], Optional[BaseException]]


def read_ahead(
    chunks: Generator[bytes, None, None],
    interrupt: Callable[[], None],
    time_left: Callable[[], float],
) -> Generator[bytes, None, None]:
    """Yield `chunks`, of which at most `DEPTH` are read before they are asked for.

    The thread starts with the first chunk asked for, and has ended when the iteration has, however
    it ends. `interrupt` is called to break off a read that is under way. What `chunks` raises goes
    through, and so does what `time_left`, which gives seconds, raises when there are none.
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
                thread.join()  # it is at its end: nothing is left to be broken off
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
