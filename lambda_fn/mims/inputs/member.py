"""A member's bytes as a stream, for the readers of model files; and what a reader returns.

A reader takes only what it needs; how much it may hold, and how many steps it may take, is bounded
here, whatever the member's size.
"""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Mapping, NamedTuple, Optional, Tuple

from mims.deadline import Check, no_deadline
from mims.fields import Field
from mims.limits import CHECKED_FIELDS, HELD_BYTES, READER_STEPS

HEAD = 512  # in bytes: how much of a member's beginning is looked at to see what it is
BYTES_A_STEP = 65536  # that are skipped
_STEPS_A_CHECK = 4096

# The form of a model's inputs: an MLflow signature of columns, of tensors with names, or of one
# without; a table whose columns have numbers for names.
COLUMNS, TENSORS, TENSOR, NUMBERED = "columns", "tensors", "tensor", "numbered"
# And the form of a file that only completes one next to it: an `MLmodel`, a `config.json`.
EXAMPLE, TOKENIZER = "example", "tokenizer"


class UnreadableError(Exception):
    """A member cannot be read; the message follows the member's name: "is cut short".

    `source` is the name of the source that it would have been, where that is not the one whose
    module reads it (an XGBoost model in a pickle).
    """

    def __init__(self, why: str, source: str = "") -> None:
        super().__init__(why)
        self.source = source


class Told(NamedTuple):
    """What a model's file says of the model's inputs.

    Attributes
    ----------
    source
        The source that says it: `xgboost`, `sklearn`, …, as in `mims.inputs.sources`.
    fields
        The inputs in the model's order; empty if the file names none (`why` says why).
    made_up
        Only the number of inputs is known: the names are made up by position.
    transformer
        The file holds a transformer, not a predictor.
    training
        Field name → values that training recorded.
    form
        One of `COLUMNS`, `TENSORS`, `TENSOR`, `NUMBERED`, `EXAMPLE`, `TOKENIZER`, or empty.
    untyped
        The names of fields whose type the file gives, but not as a known one: they count as text.
    why
        Why there are no fields; it follows the member's name: "has no signature".
    """

    source: str
    fields: Tuple[Field, ...] = ()
    made_up: bool = False
    transformer: bool = False
    training: Mapping[str, Tuple[Any, ...]] = {}
    form: str = ""
    untyped: Tuple[str, ...] = ()
    why: str = ""


class MemberBytes:
    """The bytes of a member, read once, forwards.

    Parameters
    ----------
    name
        The member's path in the model, without `./`.
    chunks
        Its bytes in order, in pieces of any size.
    check
        Called every few thousand steps; raises when time is up.
    """

    def __init__(
        self,
        name: str,
        chunks: Iterable[bytes],
        check: Check = no_deadline,
        parent: Optional[MemberBytes] = None,
    ) -> None:
        self.name = name
        self.offset = 0  # bytes taken so far
        self._chunks = iter(chunks)
        self._chunk = b""
        self._at = 0
        self._check = check
        self._parent = parent  # the steps taken within a member are counted together
        self._steps = 0
        self._checked = 0
        self._held = 0

    def within(self, chunks: Iterable[bytes]) -> MemberBytes:
        """Return a stream of bytes within this member (compressed, or in a pickle)."""
        return MemberBytes(self.name, chunks, self._check, self)

    def step(self, count: int = 1) -> None:
        """Count steps (opcodes, fields, markers).

        Raises
        ------
        UnreadableError
            The reader has taken more than it may.
        """
        if self._parent is not None:
            self._parent.step(count)
            return
        self._steps += count
        if self._steps > READER_STEPS:
            raise UnreadableError(f"needs more than {READER_STEPS:,} steps to be read")
        if self._steps - self._checked >= _STEPS_A_CHECK:
            self._checked = self._steps
            self._check()

    def check(self) -> None:
        """Look at the deadline, however few steps were taken."""
        self._check()

    def hold(self, size: int) -> None:
        """Count bytes of the member that the reader keeps; a negative size releases some.

        Raises
        ------
        UnreadableError
            The reader keeps more than it may.
        """
        if self._parent is not None:
            self._parent.hold(size)
            return
        self._held += size
        if self._held > HELD_BYTES:
            raise too_much_held()

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end, without consuming them."""
        while len(self._chunk) - self._at < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._chunk = self._chunk[self._at :] + chunk
            self._at = 0
        return self._chunk[self._at : self._at + size]

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes.

        Raises
        ------
        UnreadableError
            The member ends before, or they are more than a reader may hold.
        """
        end = self._at + size
        if size >= 0 and end <= len(self._chunk):
            piece = self._chunk[self._at : end]
            self._at = end
            self.offset += size
            return piece
        if not 0 <= size <= HELD_BYTES:
            raise too_much_held()
        pieces = []
        missing = size
        while True:
            piece = self._chunk[self._at : self._at + missing]
            pieces.append(piece)
            missing -= len(piece)
            self._at += len(piece)
            if not missing:
                break
            self._next_chunk()
        self.offset += size
        return b"".join(pieces)

    def skip(self, size: int) -> None:
        """Skip `size` bytes; raises as `read` does, but they may be any number."""
        if size < 0:
            raise UnreadableError("is damaged: it gives a negative size")
        self.offset += size
        while size > len(self._chunk) - self._at:
            size -= len(self._chunk) - self._at
            self._next_chunk()
        self._at += size

    def chunks(self) -> Iterator[bytes]:
        """Yield the rest, in pieces."""
        while True:
            piece = self._chunk[self._at :]
            self._at = len(self._chunk)
            if piece:
                self.offset += len(piece)
                yield piece
            chunk = next(self._chunks, None)
            if chunk is None:
                return
            self._chunk, self._at = chunk, 0

    def whole(self) -> bytes:
        """Return the rest, and count it as held."""
        pieces = []
        for piece in self.chunks():
            self.hold(len(piece))
            pieces.append(piece)
        return b"".join(pieces)

    def _next_chunk(self) -> None:
        # The chunk is released before the next one is made: two of them do not fit a small cache.
        self._chunk, self._at = b"", 0
        chunk = next(self._chunks, None)
        if chunk is None:
            raise cut_short()
        self._chunk = chunk


def made_up_fields(prefix: str, count: int, kind: str) -> Tuple[Field, ...]:
    """Return `count` fields of the type `kind`, named by position: `f0`, `f1`, …"""
    check_count(count)
    return tuple(Field(f"{prefix}{index}", kind) for index in range(count))


def check_count(count: int) -> None:
    """Refuse a number of inputs for which no payload is made."""
    if count > CHECKED_FIELDS:
        raise UnreadableError(f"has {count:,} inputs, more than {CHECKED_FIELDS:,}")
    if count < 1:
        raise UnreadableError("has no inputs")


def cut_short() -> UnreadableError:
    """Return the error for a member that ends before it should."""
    return UnreadableError("is cut short")


def too_much_held() -> UnreadableError:
    """Return the error for a member of which a reader would have to hold too much."""
    return UnreadableError(f"needs more than {HELD_BYTES:,} bytes of it to be held")
