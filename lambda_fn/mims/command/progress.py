"""How much of the model has been read, told while it takes long."""

from __future__ import annotations

import sys
import time
from typing import IO, Callable, Iterable, Iterator, Optional

_LINE_SECONDS = 10.0
_MOVE_SECONDS = 0.2
_CLEARED = "\r\x1b[K"


class Reading:
    """What is read of a model: counts its bytes, and prints how far it has got.

    On a terminal one line on standard error moves; elsewhere a line is printed every ten seconds,
    on `stream`.
    """

    def __init__(self, stream: Optional[IO[str]] = None) -> None:
        self.bytes = 0
        self._moving = sys.stderr.isatty()
        self._stream = sys.stderr if self._moving else (stream or sys.stdout)
        self._started = self._told = time.monotonic()
        self._shown = False

    def counted(self, chunks: Iterable[bytes], total: int = 0) -> Iterator[bytes]:
        """Pass the chunks on, and count them; `total` is how many bytes they should be."""
        for chunk in chunks:
            self.bytes += len(chunk)
            yield chunk
            self._tell(total)

    def end(self) -> None:
        """Take the moving line away."""
        if self._shown:
            self._stream.write(_CLEARED)
            self._stream.flush()
            self._shown = False

    def _tell(self, total: int) -> None:
        now = time.monotonic()
        if now - self._told < (_MOVE_SECONDS if self._moving else _LINE_SECONDS):
            return
        self._told = now
        read = self.bytes / 1e6
        of = f" of {total / 1e6:,.0f}" if total else ""
        speed = read / (now - self._started)
        line = f"Read {read:,.0f}{of} MB ({speed:,.1f} MB/s)"
        if self._moving:
            self._stream.write(f"{_CLEARED}{line}")
            self._stream.flush()
            self._shown = True
        else:
            print(line, file=self._stream, flush=True)


class CountedChunks:
    """A model's bytes in chunks, counted, from the start at each iteration."""

    def __init__(self, reading: Reading, read: Callable[[], Iterable[bytes]], total: int) -> None:
        self._reading = reading
        self._read = read
        self._total = total

    def __iter__(self) -> Iterator[bytes]:
        self._reading.bytes = 0
        yield from self._reading.counted(self._read(), self._total)
