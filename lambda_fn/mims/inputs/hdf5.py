"""HDF5: a string among the attributes of the file's root, found by the file's own addresses.

An HDF5 file is made for random access, but what is needed is near its beginning. Its bytes are held
from there up to the last that an address refers to.
https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
"""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Optional, Set

from mims.inputs.member import MemberBytes, UnreadableError

HEAD = b"\x89HDF\r\n\x1a\n"

_ATTRIBUTE, _CONTINUATION, _ATTRIBUTE_INFO = 0x0C, 0x10, 0x15  # messages of an object's header
_SHARED = 2  # of a message's flags
_STRING, _VARIABLE_LENGTH = 3, 9  # classes of types
_ORDERED, _PHASES, _TIMES = 4, 16, 32  # of a header's flags
_CHECKSUM = 4
_NOT_READ = "is HDF5 in a form that is not read"


class _Window:
    """The file from its beginning, held as far as it has been read.

    `offset_size` and `length_size` are the sizes of the file's addresses and lengths, in bytes;
    addresses are relative to `base`.
    """

    def __init__(self, member: MemberBytes) -> None:
        self.step = member.step
        self._member = member
        self._bytes = bytearray()
        self.offset_size = self.length_size = 8
        self.base = 0

    def read(self, at: int, size: int) -> bytes:
        missing = at + size - len(self._bytes)
        if missing > 0:
            self._member.hold(missing)
            self._bytes += self._member.read(missing)
        return bytes(self._bytes[at : at + size])

    def number(self, at: int, size: int) -> int:
        return int.from_bytes(self.read(at, size), "little")

    def address(self, at: int) -> int:
        return self.base + self.number(at, self.offset_size)


class _Message(NamedTuple):
    kind: int
    flags: int
    at: int
    size: int


class _Block(NamedTuple):
    """A run of messages from `at` to `end`; each has a header of `header` bytes."""

    at: int
    end: int
    header: int


def root_text(member: MemberBytes, name: str) -> Optional[bytes]:
    """Return the string attribute of that name of the root group; `None` if it has none.

    Raises
    ------
    UnreadableError
        The file is damaged, or keeps its attributes in a form that is not read (a separate index,
        which only files with many attributes on the root have), or further from its beginning than
        a reader may hold.
    """
    window = _Window(member)
    wanted = name.encode()
    indexed = False
    for message in _messages(window, _root(window)):
        if message.kind == _ATTRIBUTE:
            if message.flags & _SHARED:
                raise UnreadableError(_NOT_READ)
            text = _attribute(window, message, wanted)
            if text is not None:
                return text
        elif message.kind == _ATTRIBUTE_INFO:
            indexed = indexed or _has_index(window, message)
    if indexed:
        raise UnreadableError(_NOT_READ)
    return None


def _root(window: _Window) -> int:
    """Read the superblock, and return the address of the root group's header."""
    if window.read(0, len(HEAD)) != HEAD:
        raise UnreadableError("is damaged: it does not begin as HDF5")
    version = window.number(8, 1)
    if version in (0, 1):
        sizes_at, base_at = 13, 24 if version == 0 else 28
    elif version in (2, 3):
        sizes_at, base_at = 9, 12
    else:
        raise UnreadableError(_NOT_READ)
    window.offset_size, window.length_size = window.read(sizes_at, 2)
    if window.offset_size not in (2, 4, 8) or window.length_size not in (2, 4, 8):
        raise UnreadableError("is damaged: its addresses have an invalid size")
    window.base = window.number(base_at, window.offset_size)
    # Before it are four addresses and the offset of the root's name, or three addresses.
    before = 5 if version < 2 else 3
    return window.address(base_at + before * window.offset_size)


def _messages(window: _Window, header: int) -> Iterator[_Message]:
    """Yield the messages in all blocks of an object's header."""
    second = window.read(header, 4) == b"OHDR"
    blocks = [(_second_version if second else _first_version)(window, header)]
    seen: Set[int] = set()
    while blocks:
        block = blocks.pop()
        if block.at in seen:
            raise UnreadableError("is damaged: its header has a block twice")
        seen.add(block.at)
        at = block.at
        while at + block.header <= block.end:
            window.step()
            message = _message(window, at, block.header)
            at = message.at + message.size
            if at > block.end:
                raise UnreadableError("is damaged: a part of its header is longer than the header")
            if message.kind == _CONTINUATION:
                start = window.address(message.at)
                size = window.number(message.at + window.offset_size, window.length_size)
                if second:
                    start, size = start + len(b"OCHK"), size - len(b"OCHK") - _CHECKSUM
                blocks.append(_Block(start, start + size, block.header))
            yield message


def _first_version(window: _Window, header: int) -> _Block:
    if window.number(header, 1) != 1:
        raise UnreadableError("is damaged: it has no root group")
    size = window.number(header + 8, 4)
    return _Block(header + 16, header + 16 + size, 8)


def _second_version(window: _Window, header: int) -> _Block:
    flags = window.number(header + 5, 1)
    at = header + 6 + (16 if flags & _TIMES else 0) + (4 if flags & _PHASES else 0)
    width = 1 << (flags & 3)
    start = at + width
    return _Block(start, start + window.number(at, width), 6 if flags & _ORDERED else 4)


def _message(window: _Window, at: int, header: int) -> _Message:
    if header == 8:
        kind, size, flags = window.number(at, 2), window.number(at + 2, 2), window.number(at + 4, 1)
    else:
        kind, size, flags = window.number(at, 1), window.number(at + 1, 2), window.number(at + 3, 1)
    return _Message(kind, flags, at + header, size)


def _has_index(window: _Window, message: _Message) -> bool:
    """Say whether there is an index of the attributes, which is so if its address is given."""
    flags = window.number(message.at + 1, 1)
    at = message.at + 2 + (2 if flags & 1 else 0)
    return window.number(at, window.offset_size) != (1 << 8 * window.offset_size) - 1


def _attribute(window: _Window, message: _Message, wanted: bytes) -> Optional[bytes]:
    """Return the string of an attribute; `None` if its name is not `wanted`."""
    version, flags = window.read(message.at, 2)
    if version not in (1, 2, 3):
        raise UnreadableError("is damaged: an attribute in it has an unknown version")
    sizes = [window.number(message.at + 2 + 2 * place, 2) for place in range(3)]
    parts: List[bytes] = []
    at = message.at + (8 if version < 3 else 9)
    for size in sizes:
        parts.append(window.read(at, size))
        at += size if version > 1 else size + -size % 8
    name, datatype, _ = parts
    if name.rstrip(b"\0") != wanted:
        return None
    if (version > 1 and flags) or len(datatype) < 8:  # the type is kept elsewhere
        raise UnreadableError(_NOT_READ)
    kind = datatype[0] & 0x0F
    if kind == _STRING:
        return window.read(at, int.from_bytes(datatype[4:8], "little")).rstrip(b"\0")
    if kind != _VARIABLE_LENGTH:
        raise UnreadableError(f"has a '{wanted.decode()}' that is not a string")
    return _heap_object(
        window,
        window.address(at + 4),
        window.number(at + 4 + window.offset_size, 4),
        window.number(at, 4),
    )


def _heap_object(window: _Window, heap: int, index: int, size: int) -> bytes:
    """Return the first `size` bytes of an object of a global heap."""
    width = window.length_size
    header = 8 + width
    found = length = 0
    if window.read(heap, 4) == b"GCOL":
        end = heap + window.number(heap + 8, width)
        at = heap + header
        while found != index and at + header <= end:
            window.step()
            found = window.number(at, 2)
            length = window.number(at + 8, width)
            at += header + length + -length % 8
    if not index or found != index or size > length:
        raise UnreadableError("is damaged: a string in it is not where it should be")
    return window.read(at - length - -length % 8, size)
