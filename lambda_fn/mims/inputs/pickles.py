"""A pickle's bytes → a picture of the objects that it would make; nothing is ever made.

The opcodes (`mims.inputs.opcodes`) are followed one by one, with joblib's arrays between them. A
class or function stays a name (`Global`), a call a note of it (`Instance`): nothing is looked up,
imported or called. What the picture takes of memory is bounded; what has no room in it is `LOST`.
"""

from __future__ import annotations

import codecs
from functools import partial
from typing import Any, Callable, FrozenSet, Iterable, Iterator, List, Mapping, NamedTuple, Optional

from mims.inputs.arrays import WrappedArray, wrapped_array
from mims.inputs.member import MemberBytes, UnreadableError
from mims.inputs.nodes import LOST, Blob, Global, Instance, outermost_so_far
from mims.inputs.opcodes import OPCODES
from mims.inputs.pickle_objects import ENCODE
from mims.inputs.pickle_values import VALUE, damaged, push_long, push_text

_WINDOW = 16 * 1024  # opcodes are taken from the member in pieces of this size, in bytes
_LOOK_EVERY = 2048  # steps after which it is asked whether enough is known
_BULK = 64 * 1024  # so many bytes are passed over only where more must be known
_SHORT = 256  # the longest text that is handled within the window, in bytes
_NAME = 4096  # a longer text is not a name
_TEXT_ARRAY = 1024 * 1024  # an array of fixed-width texts that is kept, in bytes
_LINE = 64 * 1024
_ROOM = 12 * 1024 * 1024  # what the picture may take of memory, in bytes as estimated
_RESERVE = 2 * 1024 * 1024  # and more, for what is wanted by name or lies near the outermost object
_NEAR = 3  # so many marks are open there
_TEXTS, _NEAR_TEXTS = 2 * 1024 * 1024, 512 * 1024  # what is held of the member as texts
_BYTES = 1024 * 1024  # and as bytes
_MARKS = 2000  # a pickler's own recursion ends below 1,000


class Reading(NamedTuple):
    """What the reader of a pickle wants of it.

    Attributes
    ----------
    wanted
        Keys whose values are kept as long as possible.
    blobs
        Key → the reader of the bytes or text under it, which become a `Blob`.
    enough
        Given the outermost object as far as it is known, says whether the rest can be left unread.
    source_of
        Given the same, names the source that a pickle would have been which cannot be read.
    """

    wanted: FrozenSet[str] = frozenset()
    blobs: Mapping[str, Callable[[MemberBytes], Any]] = {}
    enough: Optional[Callable[[Any], bool]] = None
    source_of: Optional[Callable[[Any], str]] = None


def read_pickle(member: MemberBytes, reading: Optional[Reading] = None) -> Any:
    """Return the picture of the outermost object of the pickle that `member` begins with.

    Where `reading.enough` says so, it is an object not read to its end.

    Raises
    ------
    UnreadableError
        It is damaged, cut short or needs more steps than a reader may take.
    """
    reading = reading or Reading()
    machine = Machine(member, reading)
    try:
        return machine.run()
    except _EnoughError as enough:
        return enough.outermost
    except IndexError:  # an opcode takes what is not on the stack or in the memo
        fault = damaged()
    except UnreadableError as error:
        fault = error
    source = reading.source_of(machine.so_far()) if reading.source_of is not None else ""
    raise UnreadableError(str(fault), fault.source or source)


class _EnoughError(Exception):
    """The rest need not be read."""

    def __init__(self, outermost: Any) -> None:
        super().__init__()
        self.outermost = outermost


class Machine:
    """The stack, the memo and the room that is left while a pickle is read.

    Attributes
    ----------
    stack
        The values above the last mark.
    frames
        The values below each open mark, from the bottom up.
    memo
        The values that later opcodes may take again, by index.
    """

    def __init__(self, member: MemberBytes, reading: Reading, is_nested: bool = False) -> None:
        self.stack: List[Any] = []
        self.frames: List[List[Any]] = []
        self.memo: List[Any] = []
        self._is_done = False
        self._member = member
        self._is_nested = is_nested
        self._reading = reading
        self._room = _ROOM
        self._reserve = _RESERVE
        self._texts, self._near_texts, self._bytes = _TEXTS, _NEAR_TEXTS, _BYTES
        self._unseen = 0  # steps since it was asked whether enough is known

    def run(self) -> Any:
        """Follow the opcodes up to STOP, and return the outermost object."""
        while not self._is_done:
            self._follow(self._member.peek(_WINDOW))
            if self._unseen >= _LOOK_EVERY:
                self._look()
        return self.stack[-1]

    def _follow(self, window: bytes) -> None:
        """Follow the opcodes that are whole within the next bytes of the member."""
        then: Optional[Callable[[Machine], None]] = None
        at = steps = 0
        end = len(window)
        while at < end:
            opcode = OPCODES[window[at]]
            if opcode is None:
                raise damaged()
            size, is_counted, act = opcode
            behind = at + 1 + size
            if behind > end:
                break
            argument: Any = int.from_bytes(window[at + 1 : behind], "little") if size else 0
            steps += 1
            if is_counted:
                if argument > _SHORT or behind + argument > end:
                    then, at = partial(Machine._counted, length=argument, act=act), behind
                    break
                argument, behind = window[behind : behind + argument], behind + argument
            at = behind
            then = act(self, argument)
            if then is not None:
                break
        if not at:
            raise UnreadableError("is cut short")
        self._member.skip(at)
        self._member.step(steps)
        self._unseen += steps
        if then is not None:
            then(self)

    def so_far(self) -> Any:
        """Return the outermost object as far as it is known."""
        return outermost_so_far([*self.frames, self.stack])

    # What the opcodes do.

    def push(self, value: Any, cost: int = VALUE) -> None:
        """Put a value on the stack; `LOST` where there is no room for it."""
        self.stack.append(value if self.has_room(cost) else LOST)

    def has_room(self, cost: int, is_wanted: bool = False) -> bool:
        """Take room for a value of `cost` bytes; say whether there is any left."""
        if cost <= self._room:
            self._room -= cost
            return True
        if cost <= self._reserve and (is_wanted or len(self.frames) <= _NEAR):
            self._reserve -= cost
            return True
        return False

    def hold(self, piece: bytes) -> bool:
        """Take room for a text of the member; say whether there is any left."""
        size = len(piece)
        is_near = size > self._texts
        if is_near and (len(self.frames) > _NEAR or size > self._near_texts):
            return False
        if not self.has_room(VALUE + size * (1 if piece.isascii() else 4)):
            return False
        if is_near:
            self._near_texts -= size
        else:
            self._texts -= size
        self._member.hold(size)
        return True

    def is_wanted(self, key: str) -> bool:
        """Whether the value under the key is kept as long as possible."""
        return key in self._reading.wanted

    def mark(self) -> None:
        """Open a frame."""
        if len(self.frames) >= _MARKS:
            raise UnreadableError(f"is nested more than {_MARKS:,} deep")
        self.frames.append(self.stack)
        self.stack = []

    def close(self) -> List[Any]:
        """Close the frame, and return the values in it."""
        values, self.stack = self.stack, self.frames.pop()
        return values

    def finish(self) -> None:
        """Say that STOP was met."""
        self._is_done = True

    def line(self) -> bytes:
        """Return the rest of the line; of one too long, nothing."""
        member = self._member
        pieces: List[bytes] = []
        length = 0
        while True:
            window = member.peek(256 if not length else _LINE)
            if not window:
                raise UnreadableError("is cut short")
            end = window.find(b"\n")
            piece = window if end < 0 else window[:end]
            length += len(piece)
            if length <= _LINE:
                pieces.append(piece)
            member.skip(len(piece) + (end >= 0))
            if end >= 0:
                return b"".join(pieces) if length <= _LINE else b""

    def read_wrapped(self) -> None:
        """Read the array that joblib writes behind its wrapper, which is on the stack's top."""
        wrapper: Instance = self.stack[-1]
        described = wrapped_array(wrapper)
        if described is None:
            raise UnreadableError("has an array of joblib's of an unknown type")
        if described.is_pickled:
            # A pickle with a memo of its own, written by the plain pickler: no wrapper is in it.
            if self._is_nested:
                raise damaged()
            nested = Machine(self._member, Reading(self._reading.wanted), is_nested=True)
            nested._share(self)
            wrapper.state = nested.run()
            self._share(nested)
            return
        if described.is_aligned:
            self._member.skip(self._member.read(1)[0])
        wrapper.state = self._content(described)

    def _share(self, other: Machine) -> None:
        """Go on with the room that another one has left."""
        self._room, self._reserve = other._room, other._reserve
        self._texts, self._near_texts = other._texts, other._near_texts
        self._bytes = other._bytes

    def _content(self, described: WrappedArray) -> Any:
        keeps = _TEXT_ARRAY if described.dtype.kind in "US" else _BULK
        return self._bytes_of(described.size, keeps)

    # What does not lie whole within the window, or is longer than most.

    def _counted(self, length: int, act: Callable[[Machine, Any], Any]) -> None:
        """Do what an opcode does with the `length` bytes that come next, where it needs them."""
        member = self._member
        is_encoded = act is push_text and self.stack[-1:] == [ENCODE]
        read = self._reading.blobs.get(self._key()) if length > _SHORT else None
        if read is not None:
            self._read_blob(read, length, is_encoded)
        elif length <= _SHORT or (act is push_text and not is_encoded and length <= _NAME):
            act(self, member.read(length))
        elif act is push_long or (act is push_text and not is_encoded):
            self._pass_over(length)
            self.stack.append(LOST)
        else:
            keeps = _TEXT_ARRAY if _is_ucs4(member.peek(16)) else _BULK
            content = self._bytes_of(length, keeps)
            if is_encoded and content is not LOST:
                content = content.decode("utf-8", "replace")
            self.stack.append(content)

    def _key(self) -> str:
        """Return the key under which the next value is put, as far as it can be told."""
        for value in self.stack[:-4:-1]:
            if type(value) is str:
                return value
            if type(value) is not Global:
                break
        return ""

    def _bytes_of(self, length: int, keeps: int) -> Any:
        """Return the next bytes; `LOST` where they are more than `keeps` or have no room."""
        if length > min(keeps, self._bytes) or not self.has_room(VALUE + length):
            self._pass_over(length)
            return LOST
        self._bytes -= length
        self._member.hold(length)
        return self._member.read(length)

    def _pass_over(self, length: int) -> None:
        if length > _BULK:
            self._look()
        self._member.skip(length)

    def _read_blob(self, read: Callable[[MemberBytes], Any], length: int, is_encoded: bool) -> None:
        self._look()
        member = self._member
        behind = member.offset + length
        chunks = _pieces(member, length)
        content: Any
        try:
            content = read(member.within(_from_latin_1(chunks) if is_encoded else chunks))
        except UnreadableError as error:
            content = error
        self._pass_over(behind - member.offset)
        self.push(Blob(content))

    def _look(self) -> None:
        """Stop where enough is known."""
        self._unseen = 0
        if self._reading.enough is not None:
            outermost = self.so_far()
            if self._reading.enough(outermost):
                raise _EnoughError(outermost)


def _pieces(member: MemberBytes, length: int) -> Iterator[bytes]:
    while length:
        piece = member.read(min(length, _BULK))
        length -= len(piece)
        yield piece


def _from_latin_1(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes that protocol 2 wrote as a text: each one a character, in UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for chunk in chunks:
        try:
            yield decoder.decode(chunk).encode("latin-1")
        except UnicodeError:
            raise UnreadableError("is damaged: bytes in it are not Latin-1 text") from None


def _is_ucs4(head: bytes) -> bool:
    """Whether an array may be one of texts, which NumPy keeps in four bytes a character."""
    return len(head) == 16 and not any(head[3::4]) and max(head[2::4]) <= 0x10
