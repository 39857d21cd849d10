"""A pickle's bytes → a description of the objects that it would make; none of them is made.

The opcodes (`mims.inputs.opcodes`) are followed one by one, with joblib's arrays between them. A
class or function remains a name (`Global`), and a call becomes an `Instance`: nothing is looked up,
imported or called. The memory of the description is bounded; what does not fit is `LOST`.
"""

from __future__ import annotations

from functools import partial
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    List,
    Mapping,
    NamedTuple,
    Optional,
)

from mims.inputs.arrays import WrappedArray, wrapped_array
from mims.inputs.blobs import BlobReader, read_blob
from mims.inputs.member import MemberBytes, UnreadableError, cut_short
from mims.inputs.nodes import LOST, Global, Instance, outermost_so_far
from mims.inputs.opcodes import OPCODES
from mims.inputs.pickle_objects import ENCODE
from mims.inputs.pickle_values import damaged, push_long, push_text, too_large
from mims.inputs.room import DICT, ENTRY, VALUE, Room

_WINDOW = 16 * 1024  # opcodes are taken from the member in pieces of this size, in bytes
_LOOK_EVERY = 2048  # after how many steps it is checked whether enough is known
_BULK = 64 * 1024  # before more bytes are skipped, it is checked whether enough is known
_SHORT = 256  # the longest string that is handled within the window, in bytes
_NAME = 4096  # a longer string is not a name
_STRING_ARRAY = 1024 * 1024  # the largest array of strings that is kept, in bytes
_LINE = 64 * 1024
_NEAR = 3  # how many marks are open, at most, near the outermost object
_DICT_ENTRIES = 256  # how many are kept of a dictionary
_ARRAY = 4096  # the most memory that joblib's wrapper of an array takes
_MARKS = 2000  # a pickler's own recursion ends below 1,000


class Reading(NamedTuple):
    """What a reader wants to know about a pickle.

    Attributes
    ----------
    wanted
        Keys whose values are kept as long as possible.
    blobs
        Key → the reader of the bytes or string under it, which become a `Blob`.
    enough
        Takes the outermost object, as far as it is known, and says whether that is enough.
    source_of
        Takes the same of a pickle that cannot be read, and returns the source that it would be.
    whole
        Keys whose dictionaries keep all of their entries, as long as there is room.
    """

    wanted: FrozenSet[str] = frozenset()
    blobs: Mapping[str, BlobReader] = {}
    enough: Optional[Callable[[Any], bool]] = None
    source_of: Optional[Callable[[Any], str]] = None
    whole: FrozenSet[str] = frozenset()


def read_pickle(member: MemberBytes, reading: Optional[Reading] = None) -> Any:
    """Return the description of the outermost object of the pickle at the beginning of `member`.

    The object is incomplete if `reading.enough` was satisfied before its end.

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
    except IndexError:  # an opcode uses a value that is not on the stack or in the memo
        fault = damaged()
    except UnreadableError as error:
        fault = error
    source = reading.source_of(machine.so_far()) if reading.source_of is not None else ""
    raise UnreadableError(str(fault), fault.source or source)


class _EnoughError(Exception):
    """Enough is known; the rest need not be read."""

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
    wanted
        Keys whose values are kept as long as possible.
    room
        What is left of it.
    open_parts
        How many objects are open that will be released once complete (`mims.inputs.parts`).
    """

    def __init__(self, member: MemberBytes, reading: Reading, room: Optional[Room] = None) -> None:
        self.stack: List[Any] = []
        self.frames: List[List[Any]] = []
        self.memo: List[Any] = []
        self.wanted = reading.wanted
        self.room = room or Room(member)
        self.open_parts = 0
        self._is_done = False
        self._member = member
        self._is_nested = room is not None
        self._reading = reading
        self._kept_whole: Any = None  # the last dictionary that keeps every entry
        self._is_passing = False  # the next values go into a container that keeps no more
        # The check whether enough is known takes long itself, so it is made less and less often.
        self._steps = self._next_look = 0

    def run(self) -> Any:
        """Follow the opcodes up to STOP, and return the outermost object."""
        while not self._is_done:
            self._follow(self._member.peek(_WINDOW))
            if self._steps >= self._next_look + _LOOK_EVERY:
                self._look()
        return self.stack[-1]

    def _follow(self, window: bytes) -> None:
        """Follow the opcodes that are complete within the next bytes of the member."""
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
            raise cut_short()
        self._member.skip(at)
        self._member.step(steps)
        self._steps += steps
        if then is not None:
            then(self)

    def so_far(self) -> Any:
        """Return the outermost object as far as it is known."""
        return outermost_so_far([*self.frames, self.stack])

    # What the opcodes do.

    def push(self, value: Any, cost: int = VALUE) -> None:
        """Put a value on the stack, or `LOST` if there is no room for it."""
        self.stack.append(value if self.has_room(cost) else LOST)

    def push_dict(self) -> None:
        """Put a new dictionary on the stack, which may be one that keeps every entry."""
        key = self.stack[-1] if self.stack else None
        self.push({}, DICT)
        if type(key) is str and key in self._reading.whole:
            self._kept_whole = self.stack[-1]

    def has_room(self, cost: int) -> bool:
        """Take room for a value of `cost` bytes; say whether there is any left."""
        return not self._is_passing and self.room.take(cost, len(self.frames) <= _NEAR)

    def hold(self, piece: bytes) -> bool:
        """Take room for a string of the member; say whether there is any left."""
        return not self._is_passing and self.room.hold_text(piece, len(self.frames) <= _NEAR)

    def keeps(self, entries: Dict[str, Any], key: str) -> bool:
        """Say whether a dictionary keeps the entry under a key, and if so, take room for it."""
        is_wanted = key in self.wanted
        if not is_wanted and len(entries) >= _DICT_ENTRIES and entries is not self._kept_whole:
            return False
        return self.room.take(ENTRY, is_wanted or len(self.frames) <= _NEAR)

    def keep_array(self) -> None:
        """Ensure room for joblib's wrapper of an array, without which its end is not known."""
        self._is_passing = False
        if self.room.memory < _ARRAY:
            raise too_large()

    def mark(self) -> None:
        """Open a frame."""
        if len(self.frames) >= _MARKS:
            raise UnreadableError(f"is nested more than {_MARKS:,} deep")
        self.frames.append(self.stack)
        self.stack = []
        self._is_passing = self._is_full()

    def close(self) -> List[Any]:
        """Close the frame, and return the values in it."""
        values, self.stack = self.stack, self.frames.pop()
        self._is_passing = self._is_full()
        return values

    def _is_full(self) -> bool:
        """Say whether the values on the stack go into a dictionary or set that keeps no more."""
        container = self.frames[-1][-1] if self.frames and self.frames[-1] else None
        if type(container) is dict:
            return len(container) >= _DICT_ENTRIES and container is not self._kept_whole
        return type(container) is Instance and container.size >= _DICT_ENTRIES

    def finish(self) -> None:
        """Note that STOP was reached."""
        self._is_done = True

    def line(self) -> bytes:
        """Return the rest of the line, or nothing if it is too long."""
        member = self._member
        pieces: List[bytes] = []
        length = 0
        while True:
            window = member.peek(256 if not length else _LINE)
            if not window:
                raise cut_short()
            end = window.find(b"\n")
            piece = window if end < 0 else window[:end]
            length += len(piece)
            if length <= _LINE:
                pieces.append(piece)
            member.skip(len(piece) + (end >= 0))
            if end >= 0:
                return b"".join(pieces) if length <= _LINE else b""

    def read_wrapped(self) -> None:
        """Read the array that joblib writes after its wrapper, which is on top of the stack."""
        wrapper: Instance = self.stack[-1]
        described = wrapped_array(wrapper)
        if described is None:
            raise UnreadableError("has an array of joblib's of an unknown type")
        if described.is_pickled:
            # A pickle with a memo of its own, written by the plain pickler, so without wrappers.
            if self._is_nested:
                raise damaged()
            wrapper.state = Machine(self._member, Reading(self.wanted), self.room).run()
            return
        if described.is_aligned:
            self._member.skip(self._member.read(1)[0])
        wrapper.state = self._content(described)

    def _content(self, described: WrappedArray) -> Any:
        keeps = _STRING_ARRAY if described.dtype.kind in "US" else _BULK
        return self._bytes_of(described.size, keeps)

    # Values that are not complete within the window, or longer than most.

    def _counted(self, length: int, act: Callable[[Machine, Any], Any]) -> None:
        """Do what an opcode does with the next `length` bytes, if it needs them."""
        member = self._member
        top = self.stack[-1] if self.stack else None
        is_encoded = act is push_text and type(top) is Global and top == ENCODE
        read = self._reading.blobs.get(self._key()) if length > _SHORT else None
        if read is not None:
            self._look()
            end = member.offset + length
            self.push(read_blob(member, length, read, is_encoded))
            self._skip(end - member.offset)
        elif length <= _SHORT or (act is push_text and not is_encoded and length <= _NAME):
            act(self, member.read(length))
        elif act is push_long or (act is push_text and not is_encoded):
            self._skip(length)
            self.stack.append(LOST)
        else:
            keeps = _STRING_ARRAY if _is_ucs4(member.peek(16)) else _BULK
            content = self._bytes_of(length, keeps)
            if is_encoded and content is not LOST:
                content = content.decode("utf-8", "replace")
            self.stack.append(content)

    def _key(self) -> str:
        """Return the key under which the next value will be put, if that is known."""
        for value in self.stack[:-4:-1]:
            if type(value) is str:
                return value
            if type(value) is not Global:
                break
        return ""

    def _bytes_of(self, length: int, keeps: int) -> Any:
        """Return the next bytes; `LOST` if they are more than `keeps`, or there is no room."""
        is_kept = length <= keeps and not self._is_passing and not self.open_parts
        if is_kept and self.room.hold_bytes(length, len(self.frames) <= _NEAR):
            return self._member.read(length)
        self._skip(length)
        return LOST

    def _skip(self, length: int) -> None:
        if length > _BULK:
            self._look()
        self._member.skip(length)

    def _look(self) -> None:
        """Stop if enough is known; this is checked after a quarter more steps each time."""
        if self._reading.enough is None or self._steps < self._next_look:
            return
        self._next_look = self._steps + self._steps // 4
        outermost = self.so_far()
        if self._reading.enough(outermost):
            raise _EnoughError(outermost)


def _is_ucs4(head: bytes) -> bool:
    """Say whether it may be an array of strings, for which NumPy takes four bytes a character."""
    return len(head) == 16 and not any(head[3::4]) and max(head[2::4]) <= 0x10
