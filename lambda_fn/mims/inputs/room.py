"""How much of a pickle may be kept: the memory of its description, and bytes of the member."""

from __future__ import annotations

from mims.inputs.member import MemberBytes

# The estimated memory of a value, a dictionary, an object with its dictionary, a number; in bytes.
VALUE, DICT, INSTANCE, NUMBER = 64, 232, 264, 32
ENTRY = 100  # of an entry of a dictionary

_MEMORY = 12 * 1024 * 1024
_NEAR_MEMORY = 2 * 1024 * 1024  # in addition, for values near the outermost object
_TEXTS, _NEAR_TEXTS = 2 * 1024 * 1024, 512 * 1024  # bytes of the member, as strings
_BYTES = 1024 * 1024  # and, in addition, as bytes


class Room:
    """The room that is left; values near the outermost object have some of their own."""

    def __init__(self, member: MemberBytes) -> None:
        self._member = member
        self._memory, self._near_memory = _MEMORY, _NEAR_MEMORY
        self._texts, self._near_texts, self._bytes = _TEXTS, _NEAR_TEXTS, _BYTES
        self.taken_by_texts = 0  # memory

    @property
    def memory(self) -> int:
        """The memory that is left, in bytes, without that for near values."""
        return self._memory

    def take(self, cost: int, is_near: bool) -> bool:
        """Take memory for a value; say whether there was any left."""
        if cost <= self._memory:
            self._memory -= cost
            return True
        if is_near and cost <= self._near_memory:
            self._near_memory -= cost
            return True
        return False

    def give_back(self, memory: int) -> None:
        """Set the memory that is left to `memory`, since values were released."""
        self._memory = max(self._memory, min(memory, _MEMORY))

    def hold_text(self, piece: bytes, is_near: bool) -> bool:
        """Take room for a string; say whether there was any left."""
        size = len(piece)
        has_own = size <= self._texts
        if not has_own and not (is_near and size <= self._near_texts):
            return False
        cost = VALUE + size * (1 if piece.isascii() else 4)
        if not self.take(cost, is_near):
            return False
        if has_own:
            self._texts -= size
        else:
            self._near_texts -= size
        self.taken_by_texts += cost
        self._member.hold(size)
        return True

    def hold_bytes(self, length: int, is_near: bool) -> bool:
        """Take room for bytes; say whether there was any left."""
        if length > self._bytes or not self.take(VALUE + length, is_near):
            return False
        self._bytes -= length
        self._member.hold(length)
        return True
