"""A table of all opcodes of pickles, protocols 0 to 5.

https://github.com/python/cpython/blob/main/Lib/pickletools.py describes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, NamedTuple, Optional, Tuple

from mims.inputs import pickle_objects as objects
from mims.inputs import pickle_values as values

if TYPE_CHECKING:
    from mims.inputs.pickle_values import Act


class Opcode(NamedTuple):
    """An opcode: the size of its argument, whether that counts more bytes, and what is done."""

    size: int
    is_counted: bool
    act: Act


_PLAIN: Dict[bytes, Tuple[int, Act]] = {
    b"\x80": (1, values.proto),
    b"\x95": (8, values.nothing),
    b".": (0, values.stop),
    b"N": (0, values.push_constant(None)),
    b"\x88": (0, values.push_constant(True)),
    b"\x89": (0, values.push_constant(False)),
    b"K": (1, values.push_integer),
    b"M": (2, values.push_integer),
    b"J": (4, values.push_signed),
    b"G": (8, values.push_float),
    b")": (0, values.push_constant(())),
    b"]": (0, values.push_list),
    b"}": (0, values.push_dict),
    b"\x8f": (0, values.push_set),
    b"(": (0, objects.mark),
    b"t": (0, objects.make_tuple),
    b"\x85": (0, objects.tuple_of(1)),
    b"\x86": (0, objects.tuple_of(2)),
    b"\x87": (0, objects.tuple_of(3)),
    b"l": (0, objects.make_list),
    b"a": (0, objects.append),
    b"e": (0, objects.appends),
    b"d": (0, objects.make_dict),
    b"s": (0, objects.setitem),
    b"u": (0, objects.setitems),
    b"\x91": (0, objects.make_frozenset),
    b"\x90": (0, objects.additems),
    b"\x93": (0, objects.stack_global),
    b"\x81": (0, objects.newobj),
    b"\x92": (0, objects.newobj_ex),
    b"o": (0, objects.obj),
    b"R": (0, objects.reduce),
    b"b": (0, objects.build),
    b"\x94": (0, values.memoize),
    b"q": (1, values.put),
    b"r": (4, values.put),
    b"h": (1, values.get),
    b"j": (4, values.get),
    b"0": (0, values.pop),
    b"1": (0, values.pop_mark),
    b"2": (0, values.dup),
    b"Q": (0, values.persistent),
    b"\x82": (1, values.lost),
    b"\x83": (2, values.lost),
    b"\x84": (4, values.lost),
    b"\x97": (0, values.lost),
    b"\x98": (0, values.nothing),
    b"c": (0, values.lines(2, values.push_global)),
    b"i": (0, values.lines(2, values.make_inst)),
    b"I": (0, values.lines(1, values.integer_line)),
    b"L": (0, values.lines(1, values.integer_line)),
    b"F": (0, values.lines(1, values.float_line)),
    b"S": (0, values.lines(1, values.string_line)),
    b"V": (0, values.lines(1, values.unicode_line)),
    b"p": (0, values.lines(1, values.put_line)),
    b"g": (0, values.lines(1, values.get_line)),
    b"P": (0, values.lines(1, values.persistent_line)),
}
_COUNTED: Dict[bytes, Tuple[int, Act]] = {
    b"\x8c": (1, values.push_text),
    b"X": (4, values.push_text),
    b"\x8d": (8, values.push_text),
    b"C": (1, values.push_bytes),
    b"B": (4, values.push_bytes),
    b"\x8e": (8, values.push_bytes),
    b"\x96": (8, values.push_bytes),
    b"U": (1, values.push_string),
    b"T": (4, values.push_string),
    b"\x8a": (1, values.push_long),
    b"\x8b": (4, values.push_long),
}
OPCODES: List[Optional[Opcode]] = [None] * 256
for _code, (_size, _act) in _PLAIN.items():
    OPCODES[_code[0]] = Opcode(_size, False, _act)
for _code, (_size, _act) in _COUNTED.items():
    OPCODES[_code[0]] = Opcode(_size, True, _act)
