"""Opcodes of a pickle that put a plain value on the stack, or the name of a class."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, Callable, Optional

from mims.inputs.arrays import WRAPPER
from mims.inputs.member import UnreadableError
from mims.inputs.nodes import LOST, UNKNOWN, Global, Instance, new_instance
from mims.inputs.parts import reused
from mims.inputs.room import INSTANCE, NUMBER, VALUE

if TYPE_CHECKING:
    from mims.inputs.pickles import Machine

    # What an opcode does, given its argument; it may return what comes next, at the next bytes.
    Then = Callable[[Machine], None]
    Act = Callable[[Machine, Any], Optional[Then]]

_DIGITS = 40  # the most of a number in protocol 0
PROTOCOLS = 5
_MEMO_GAP = 1000  # how many indices in a row a pickle may leave out
_ESCAPED = re.compile(r"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


# Kept even if there is no room for a string, since an array follows them.
_WRAPPER_NAMES = {
    name.encode(): name
    for name in (WRAPPER, "joblib.numpy_pickle", "sklearn.externals.joblib.numpy_pickle")
}


def damaged() -> UnreadableError:
    """Return the error for bytes that no pickler writes."""
    return UnreadableError("is damaged: it is not a valid pickle")


def too_large() -> UnreadableError:
    """Return the error for a pickle that would take too much memory."""
    return UnreadableError("needs too much of it to be kept in memory")


def push_text(machine: Machine, piece: bytes) -> None:
    """BINUNICODE and similar opcodes."""
    if not machine.hold(piece):
        machine.stack.append(_WRAPPER_NAMES.get(piece, LOST))
        return
    try:
        machine.stack.append(piece.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        raise damaged() from None


def push_long(machine: Machine, piece: bytes) -> None:
    """LONG1, LONG4."""
    machine.push(int.from_bytes(piece, "little", signed=True), NUMBER + len(piece))


def push_bytes(machine: Machine, piece: bytes) -> None:
    machine.stack.append(piece if machine.hold(piece) else LOST)


def push_string(machine: Machine, piece: bytes) -> None:
    """BINSTRING: Python 2's bytes, usually text."""
    machine.stack.append(string(piece) if machine.hold(piece) else LOST)


def string(piece: bytes) -> str:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return piece.decode("latin-1")


def push_integer(machine: Machine, value: int) -> None:
    if value < 256:
        machine.stack.append(value)
    else:
        machine.push(value, NUMBER)


def push_signed(machine: Machine, value: int) -> None:
    machine.push(value - (1 << 32) if value >= 1 << 31 else value, NUMBER)


def push_float(machine: Machine, value: int) -> None:
    machine.push(struct.unpack("<d", value.to_bytes(8, "big"))[0], NUMBER)


def push_constant(value: Any) -> Act:
    def act(machine: Machine, _: int) -> None:
        machine.stack.append(value)

    return act


def push_list(machine: Machine, _: int) -> None:
    machine.push([], VALUE)


def push_dict(machine: Machine, _: int) -> None:
    machine.push_dict()


def push_set(machine: Machine, _: int) -> None:
    machine.push(Instance(Global("builtins", "set")), INSTANCE)


# The memo, and the stack itself.


def put(machine: Machine, index: int) -> None:
    memo, value = machine.memo, machine.stack[-1]
    missing = index - len(memo)
    if not missing:
        memo.append(value)
    elif missing < 0 <= index:
        memo[index] = value
    elif 0 < missing <= _MEMO_GAP:
        memo.extend([LOST] * missing)
        memo.append(value)
    else:
        raise damaged()


def memoize(machine: Machine, _: int) -> None:
    machine.memo.append(machine.stack[-1])


def get(machine: Machine, index: int) -> None:
    if index < 0:
        raise damaged()
    machine.stack.append(reused(machine, machine.memo[index]))


def pop(machine: Machine, _: int) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.close()


def pop_mark(machine: Machine, _: int) -> None:
    machine.close()


def dup(machine: Machine, _: int) -> None:
    machine.stack.append(reused(machine, machine.stack[-1]))


def lost(machine: Machine, _: int) -> None:
    machine.stack.append(LOST)


def persistent(machine: Machine, _: int) -> None:
    machine.stack[-1] = LOST


def proto(_machine: Machine, version: int) -> None:
    if version > PROTOCOLS:
        raise UnreadableError(f"is a pickle of protocol {version}: only 0 to {PROTOCOLS} are known")


def nothing(_machine: Machine, _: int) -> None:
    """FRAME and READONLY_BUFFER change nothing."""


def stop(machine: Machine, _: int) -> Then:
    return type(machine).finish


# Arguments that are lines: protocol 0, and the names of classes up to protocol 3.


def lines(count: int, act: Callable[..., None]) -> Act:
    def then(machine: Machine) -> None:
        lines = [machine.line() for _ in range(count)]
        act(machine, *lines)

    def act_then(_machine: Machine, _: int) -> Then:
        return then

    return act_then


def push_global(machine: Machine, module: bytes, name: bytes) -> None:
    if machine.hold(module + name):
        machine.push(Global(string(module), string(name)), INSTANCE)
    elif name in _WRAPPER_NAMES:
        machine.stack.append(Global(_WRAPPER_NAMES.get(module, ""), _WRAPPER_NAMES[name]))
    else:
        machine.stack.append(UNKNOWN)


def make_inst(machine: Machine, module: bytes, name: bytes) -> None:
    arguments = tuple(machine.close())
    push_global(machine, module, name)
    machine.push(new_instance(machine.stack.pop(), arguments), INSTANCE)


def integer_line(machine: Machine, line: bytes) -> None:
    if line in (b"00", b"01"):
        machine.stack.append(line == b"01")
    else:
        machine.push(_integer(line.rstrip(b"L")), NUMBER)


def _integer(digits: bytes) -> Any:
    if len(digits) > _DIGITS:
        return LOST
    try:
        return int(digits)
    except ValueError:
        raise damaged() from None


def float_line(machine: Machine, line: bytes) -> None:
    try:
        machine.push(float(line) if len(line) <= _DIGITS else LOST, NUMBER)
    except ValueError:
        raise damaged() from None


def string_line(machine: Machine, line: bytes) -> None:
    if not machine.hold(line):
        machine.stack.append(LOST)
        return
    written = line.strip()[1:-1].decode("latin-1")
    text = _ESCAPED.sub(_unescaped, written)
    machine.stack.append(string(text.encode("latin-1")))


def _unescaped(match: re.Match[str]) -> str:
    escaped = match[1]
    return chr(int(escaped[1:], 16)) if len(escaped) == 3 else _ESCAPES.get(escaped, escaped)


def unicode_line(machine: Machine, line: bytes) -> None:
    if not machine.hold(line):
        machine.stack.append(LOST)
        return
    try:
        machine.stack.append(line.decode("raw-unicode-escape"))
    except UnicodeDecodeError:
        raise damaged() from None


def put_line(machine: Machine, line: bytes) -> None:
    index = _integer(line)
    put(machine, index if type(index) is int else -1)


def get_line(machine: Machine, line: bytes) -> None:
    index = _integer(line)
    get(machine, index if type(index) is int else -1)


def persistent_line(machine: Machine, _: bytes) -> None:
    machine.stack.append(LOST)
