"""Opcodes of a pickle that make one value from several on the stack: containers, objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional

from mims.inputs import parts
from mims.inputs.arrays import WRAPPER, dtype_of, is_wrapper
from mims.inputs.nodes import LOST, UNKNOWN, Blob, Global, Instance, new_instance
from mims.inputs.pickle_values import damaged, push_set
from mims.inputs.room import INSTANCE, VALUE
from mims.limits import CHECKED_FIELDS

if TYPE_CHECKING:
    from mims.inputs.pickle_values import Act, Then
    from mims.inputs.pickles import Machine

ENCODE = Global("_codecs", "encode")
_BUILTINS = ("builtins", "__builtin__")
# dill's own ways of writing the class bytearray, and an array with its state.
_DILL_TYPE = Global("dill._dill", "_load_type")
_DILL_ARRAY = Global("dill._dill", "_create_array")
_MAKERS = (  # functions that make an instance of their first argument
    Global("copyreg", "_reconstructor"),
    Global("copy_reg", "_reconstructor"),
    Global("copyreg", "__newobj__"),
    Global("copyreg", "__newobj_ex__"),
)


def mark(machine: Machine, _: int) -> None:
    machine.mark()


def make_tuple(machine: Machine, _: int) -> None:
    values = machine.close()
    machine.push(tuple(values) if len(values) <= CHECKED_FIELDS else LOST, VALUE + 8 * len(values))


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
    # One name too many is kept, so that the list is seen to be too long.
    if type(container) is list:
        container.extend(values[: max(0, CHECKED_FIELDS + 1 - len(container))])


def make_dict(machine: Machine, _: int) -> None:
    pairs = machine.close()
    machine.push_dict()
    set_items(machine, machine.stack[-1], pairs)


def setitem(machine: Machine, _: int) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    set_items(machine, machine.stack[-1], [key, value])


def setitems(machine: Machine, _: int) -> None:
    pairs = machine.close()
    set_items(machine, machine.stack[-1], pairs)


def set_items(machine: Machine, container: Any, pairs: List[Any]) -> None:
    entries = container.attributes if type(container) is Instance else container
    if type(entries) is not dict or dtype_of(container) is not None:
        return
    for at in range(0, len(pairs) - 1, 2):
        key = pairs[at]
        if type(key) is str and machine.keeps(entries, key):
            entries[key] = pairs[at + 1]


def make_frozenset(machine: Machine, _: int) -> None:
    machine.close()
    push_set(machine, 0)


def additems(machine: Machine, _: int) -> None:
    values, container = machine.close(), machine.stack[-1]
    if type(container) is Instance:
        container.size += len(values)


# Objects.


def stack_global(machine: Machine, _: int) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if name == WRAPPER:  # kept even if there is no room, since an array follows
        machine.stack.append(Global(module if type(module) is str else "", WRAPPER))
    elif type(name) is str and type(module) is str:
        machine.push(Global(module, name))
    else:
        machine.stack.append(UNKNOWN)


def newobj(machine: Machine, _: int) -> None:
    arguments, made_by = machine.stack.pop(), machine.stack.pop()
    _push(machine, new_instance(made_by, arguments))


def newobj_ex(machine: Machine, _: int) -> None:
    machine.stack.pop()
    newobj(machine, 0)


def obj(machine: Machine, _: int) -> None:
    values = machine.close()
    _push(machine, new_instance(values[0], tuple(values[1:])))


def reduce(machine: Machine, _: int) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    _push(machine, _called(function, arguments))


def _push(machine: Machine, value: Any) -> None:
    if is_wrapper(value):
        machine.keep_array()
    elif type(value) is Instance:
        parts.begin(machine, value)
    machine.push(value, INSTANCE)


def _called(function: Any, arguments: Any) -> Any:
    """Return what a call makes: bytes, for the ways in which they are written; else an instance."""
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
            return new_instance(first, arguments[1:])
        if function == _DILL_TYPE and type(first) is str:
            return Global("builtins", first)
        if function == _DILL_ARRAY and len(arguments) > 2:
            array = new_instance(first, arguments[1])
            array.build(arguments[2])
            return array
    return new_instance(function, arguments)


def build(machine: Machine, _: int) -> Optional[Then]:
    state = machine.stack.pop()
    instance = machine.stack[-1]
    if type(instance) is Instance:
        instance.build(state)
        if is_wrapper(instance):
            return type(machine).read_wrapped
        parts.release(machine, instance)
    return None
