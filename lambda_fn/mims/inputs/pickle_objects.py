"""Opcodes of a pickle that make one value of those on the stack: containers, objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, List, Optional

from mims.inputs.arrays import is_wrapper
from mims.inputs.nodes import LOST, UNKNOWN, Blob, Global, Instance, note
from mims.inputs.pickle_values import DICT, INSTANCE, VALUE, damaged, push_set

if TYPE_CHECKING:
    from mims.inputs.pickles import Machine

    # What is to be done with the member's next bytes.
    Then = Callable[[Machine], None]
    Act = Callable[[Machine, Any], Optional[Then]]

ENCODE = Global("_codecs", "encode")
_DICT_ENTRIES = 256  # that are kept of a dictionary, but for those that are wanted
_ENTRY = 100  # its memory in bytes, estimated
_BUILTINS = ("builtins", "__builtin__")
_MAKERS = (  # functions whose first argument is the class of what they make
    Global("copyreg", "_reconstructor"),
    Global("copy_reg", "_reconstructor"),
    Global("copyreg", "__newobj__"),
    Global("copyreg", "__newobj_ex__"),
)


def mark(machine: Machine, _: int) -> None:
    machine.mark()


def make_tuple(machine: Machine, _: int) -> None:
    values = tuple(machine.close())
    machine.push(values, VALUE + 8 * len(values))


def tuple_of(count: int) -> Act:
    def act(machine: Machine, _: int) -> None:
        stack = machine.stack
        if len(stack) < count:
            raise damaged()
        values = tuple(stack[-count:])
        del stack[-count:]
        machine.push(values, VALUE)

    return act


def make_list(machine: Machine, _: int) -> None:
    machine.push(machine.close(), VALUE)


def append(machine: Machine, _: int) -> None:
    value = machine.stack.pop()
    _extend(machine.stack[-1], [value])


def appends(machine: Machine, _: int) -> None:
    values = machine.close()
    _extend(machine.stack[-1], values)


def _extend(container: Any, values: List[Any]) -> None:
    if type(container) is list:
        container.extend(values)


def make_dict(machine: Machine, _: int) -> None:
    pairs = machine.close()
    machine.push({}, DICT)
    set_items(machine, machine.stack[-1], pairs)


def setitem(machine: Machine, _: int) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    set_items(machine, machine.stack[-1], [key, value])


def setitems(machine: Machine, _: int) -> None:
    pairs = machine.close()
    set_items(machine, machine.stack[-1], pairs)


def set_items(machine: Machine, container: Any, pairs: List[Any]) -> None:
    entries = container.attributes if type(container) is Instance else container
    if type(entries) is not dict:
        return
    for key, value in zip(pairs[::2], pairs[1::2]):
        if type(key) is not str:
            continue
        is_wanted = machine.is_wanted(key)
        if (is_wanted or len(entries) < _DICT_ENTRIES) and machine.has_room(_ENTRY, is_wanted):
            entries[key] = value


def make_frozenset(machine: Machine, _: int) -> None:
    machine.close()
    push_set(machine, 0)


def additems(machine: Machine, _: int) -> None:
    machine.close()


# Objects.


def stack_global(machine: Machine, _: int) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if type(name) is str and type(module) is str:
        machine.push(Global(module, name))
    else:
        machine.stack.append(UNKNOWN)


def newobj(machine: Machine, _: int) -> None:
    arguments, made_by = machine.stack.pop(), machine.stack.pop()
    machine.push(note(made_by, arguments), INSTANCE)


def newobj_ex(machine: Machine, _: int) -> None:
    machine.stack.pop()
    newobj(machine, 0)


def obj(machine: Machine, _: int) -> None:
    values = machine.close()
    machine.push(note(values[0], tuple(values[1:])), INSTANCE)


def reduce(machine: Machine, _: int) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    machine.push(_noted(function, arguments), INSTANCE)


def _noted(function: Any, arguments: Any) -> Any:
    """Return what a call stands for: bytes, for the ways in which they are written; else a note."""
    if type(function) is Global and type(arguments) is tuple and arguments:
        first = arguments[0]
        if function == ENCODE and type(first) is str:
            try:
                return first.encode("latin-1")
            except UnicodeEncodeError:
                return LOST
        if function == ENCODE and type(first) is Blob:
            return first
        if function.module in _BUILTINS and function.name in ("bytearray", "bytes"):
            return first if type(first) in (bytes, Blob) else LOST
        if function in _MAKERS:
            return note(first, arguments[1:])
    return note(function, arguments)


def build(machine: Machine, _: int) -> Optional[Then]:
    state = machine.stack.pop()
    instance = machine.stack[-1]
    if type(instance) is Instance:
        instance.build(state)
        if is_wrapper(instance):
            return type(machine).read_wrapped
    return None
