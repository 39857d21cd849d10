"""Pickles → descriptions of their objects: every opcode, joblib's arrays, damage and limits."""

from __future__ import annotations

import collections
import io
import os
import pickle
import random
import tracemalloc
from pathlib import Path
from typing import Any, Iterable, Iterator, List

import pytest
from mims.inputs import member, room
from mims.inputs.arrays import array_shape, listed, scalar
from mims.inputs.member import MemberBytes, UnreadableError
from mims.inputs.nodes import LOST, Blob, Global, Instance
from mims.inputs.pickles import Reading, read_pickle
from mims.limits import READER_STEPS

MIB = 1024 * 1024
PLAIN = [
    None,
    True,
    False,
    0,
    255,
    65535,
    -1,
    2**31,
    -(2**70),
    1.5,
    "text",
    "größe, 価格",
    "x" * 300,
    b"bytes",
    (),
    (1,),
    (1, 2),
    (1, 2, 3),
    (1, 2, 3, 4),
    [],
    [1, ["a", [b"c"]]],
    {"a": {"b": [1]}},
]


def read(pickled: bytes, size: int = MIB, **reading: Any) -> Any:
    pieces = [pickled[at : at + size] for at in range(0, len(pickled), size)]
    return read_pickle(MemberBytes("model.pkl", pieces), Reading(**reading))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("size", [1, 7, 65536])
def test_plain_values_are_what_was_pickled(protocol: int, size: int) -> None:
    shared = ["a", "b"]
    value = [*PLAIN, shared, shared]
    assert read(pickle.dumps(value, protocol), size) == value


@pytest.mark.parametrize("protocol", range(6))
def test_a_long_list_comes_in_several_batches(protocol: int) -> None:
    value = [f"name {index}" for index in range(5000)]
    assert read(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(6))
def test_a_call_is_noted_and_never_made(protocol: int, tmp_path: Path) -> None:
    was_run = tmp_path / "was-run"

    class Command:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {was_run}",)

    told = read(pickle.dumps(Command(), protocol))
    assert isinstance(told, Instance)
    assert told.made_by == Global(os.system.__module__, "system")
    assert told.arguments == (f"touch {was_run}",)
    assert not was_run.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_an_object_has_its_attributes(protocol: int) -> None:
    entries = collections.OrderedDict(a=1, b=["x"])
    told = read(pickle.dumps({"of": ValueError("no"), "in": entries}, protocol))
    assert told["of"].made_by.name == "ValueError"
    assert told["of"].arguments == ("no",)
    assert told["in"].attributes == {"a": 1, "b": ["x"]} or told["in"].arguments


@pytest.mark.parametrize(
    ("pickled", "expected"),
    [
        (b"(i__main__\nModel\n.", Global("__main__", "Model")),
        (b"(c__main__\nModel\no.", Global("__main__", "Model")),
        (b"\x80\x02c__main__\nModel\n)}\x92.", Global("__main__", "Model")),
        (b"ccopy_reg\n_reconstructor\n(c__main__\nModel\nc__builtin__\nobject\nNtR.", None),
    ],
)
def test_an_object_is_made_by_its_class(pickled: bytes, expected: Any) -> None:
    assert read(pickled).made_by == (expected or Global("__main__", "Model"))


@pytest.mark.parametrize(
    ("pickled", "expected"),
    [
        (b"U\x03abc.", "abc"),
        (b"T\x03\0\0\0\xff\xfe\xfd.", "\xff\xfe\xfd"),
        (b"S'it\\'s \\x41\\n'\n.", "it's A\n"),
        (b"I01\n.", True),
        (b"L12L\n.", 12),
        (b"F1.5\n.", 1.5),
        (b"K\1K\x02" + b"0.", 1),
        (b"K\1(K\x020" + b"1.", 1),
        (b"K\1(K\x02" + b"1.", 1),
        (b"K\1" + b"22\x86.", None),
        (b"\x82\1.", LOST),
        (b"Pid\n.", LOST),
        (b"(K\1K\x02l.", [1, 2]),
        (b"(U\1aK\x02d.", {"a": 2}),
    ],
)
def test_opcodes_that_new_pickles_do_not_use(pickled: bytes, expected: Any) -> None:
    if expected is None:
        expected = (1, 1)
    assert read(pickled) == expected


def test_dill_writes_arrays_and_types_in_its_own_way() -> None:
    kind = b"c_dill\n_load_type\nU\tbytearray\x85R".replace(b"c_dill", b"cdill._dill")
    assert read(kind + b"U\3abc\x85R.") is LOST  # Python 2's text is not bytes
    assert read(kind + b"C\3abc\x85R.") == b"abc"
    array = (
        b"cdill._dill\n_create_array\n(cnumpy.core.multiarray\n_reconstruct\n"
        b"(cnumpy\nndarray\nK\0\x85C\1bt(K\1K\2\x85cnumpy\ndtype\nU\2O8I00\nI01\n\x87R"
        b"I00\n](U\1aU\1bettNtR."
    )
    assert listed(read(array.replace(b"ettNtR", b"etNtR"))) == ["a", "b"]


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x06.",
        b"\xff",
        b".",
        b"R.",
        b"K\1R.",
        b"e.",
        b"h\x05.",
        b"g-1\n.",
        b"p-1\nK\1.",
        b"K\1r\xff\xff\xff\xff.",
        b"Inope\n.",
        b"Fnope\n.",
        b"X\2\0\0\0\xff\xff.",
        b"V\\ud8\n.",
        b"\x86.",
        b"u.",
        b"s.",
        b"\x93.",
        b"b.",
        b"(.",
    ],
)
def test_data_that_are_not_a_pickle_are_an_error(pickled: bytes) -> None:
    with pytest.raises(UnreadableError):
        read(pickled)


@pytest.mark.parametrize("protocol", range(6))
def test_every_cut_is_an_error(protocol: int) -> None:
    pickled = pickle.dumps([*PLAIN, ValueError("no"), "x" * 5000, b"y" * 5000], protocol)
    for end in range(0, len(pickled), 7):
        with pytest.raises(UnreadableError, match="cut short"):
            read(pickled[:end])


@pytest.mark.parametrize("protocol", range(6))
def test_flipped_bytes_give_a_picture_or_an_error(protocol: int) -> None:
    chance = random.Random(protocol)
    pickled = pickle.dumps([*PLAIN, ValueError("no"), collections.OrderedDict(a=1)], protocol)
    for _ in range(2000):
        damaged = bytearray(pickled)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            picture = read(bytes(damaged))
        except UnreadableError:
            continue
        listed(picture), scalar(picture), array_shape(picture)


@pytest.mark.parametrize("protocol", range(6))
def test_bytes_under_a_wanted_key_go_to_their_reader(protocol: int) -> None:
    """Protocol 2 writes bytes as a text; the reader must get the bytes."""
    handle = bytes(range(256)) * 1000
    got: List[bytes] = []

    def blob(member: MemberBytes) -> str:
        got.append(member.read(100_000))
        return "read"

    pickled = pickle.dumps({"handle": bytearray(handle), "after": 1}, protocol)
    told = read(pickled, blobs={"handle": blob})
    assert told["after"] == 1
    if protocol < 2:  # in these, the key is not right before the bytes
        return
    assert told["handle"] == Blob("read")
    assert got == [handle[:100_000]]


def test_the_error_of_a_reader_is_kept_in_the_object() -> None:
    def blob(member: MemberBytes) -> None:
        raise UnreadableError("is odd")

    told = read(pickle.dumps({"handle": b"x" * 1000, "b": 2}, 4), blobs={"handle": blob})
    assert str(told["handle"].content) == "is odd"
    assert told["b"] == 2


def test_nothing_is_read_once_enough_is_known() -> None:
    def chunks() -> Iterator[bytes]:
        yield pickle.dumps({"names": ["a", "b"], "bulk": b"x" * MIB}, 4)[:65536]
        raise AssertionError("more was asked for")

    seen: List[Any] = []

    def enough(outermost: Any) -> bool:
        seen.append(outermost)
        return bool(outermost.get("names") == ["a", "b"])

    told = read_pickle(MemberBytes("m", chunks()), Reading(enough=enough))
    assert told["names"] == ["a", "b"]
    assert len(seen) == 1


def test_bulk_is_passed_over_and_names_after_it_are_found() -> None:
    value = {"bulk": b"x" * (40 * MIB), "array": list(range(200_000)), "names": ["a", "b"]}
    pickled = pickle.dumps(value, 4)
    chunks = (pickled[at : at + 65536] for at in range(0, len(pickled), 65536))
    tracemalloc.start()
    told = read_pickle(MemberBytes("m", chunks), Reading(frozenset(["names"])))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert told["names"] == ["a", "b"]
    assert told["bulk"] is LOST
    assert peak < 32 * MIB


MANY = 50_000
HOSTILE = {
    "marks": b"(" * MANY,
    "lists": b"]" * MANY,
    "dictionaries": b"}" * MANY,
    "sets": b"\x8f" * MANY,
    "floats": (b"G?\xf0\0\0\0\0\0\1") * MANY,
    "large integers": (b"J\1\2\3\4") * MANY,
    "longs": (b"\x8a\x10" + b"\1" * 16) * MANY,
    "texts": (b"\x8c\x05" + "é€".encode()) * MANY,
    "wide texts": (b"\x8c\xfc" + "a𝄞𝄞".encode() * 28) * 4_000,
    "short bytes": b"C\x01b" * MANY,
    "classes": b"cmodule\nname\n" * 25_000,
    "nested tuples": b")" + b"\x85" * MANY,
    "nested lists": b"]" + b"]a" * 5,
    "memo": b"N" + b"\x94" * MANY,
    "entries": b"}" + (b"\x8c\x04abcdNs") * 16_000,
    "objects": b"cm\nn\n\x94)\x81" + b"h\0)\x81" * 25_000,
    "a long text": b"\x8d" + (1 << 40).to_bytes(8, "little"),
    "long bytes": b"\x8e" + (1 << 40).to_bytes(8, "little"),
    "a long integer": b"\x8b" + (1 << 30).to_bytes(4, "little"),
    "a long line": b"V" + b"a" * (3 * MIB),
    "a gap in the memo": b"Nr\xff\xff\xff\x7f",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_pickles_end_in_an_error_within_the_memory(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check with an eighth of the room and of the steps that both limits are kept."""
    for name in ("_MEMORY", "_NEAR_MEMORY", "_TEXTS", "_NEAR_TEXTS", "_BYTES"):
        monkeypatch.setattr(room, name, getattr(room, name) // 8)
    monkeypatch.setattr(member, "READER_STEPS", READER_STEPS // 8)
    pickled = HOSTILE[what]
    chunks = (pickled[at : at + 65536] for at in range(0, len(pickled), 65536))
    tracemalloc.start()
    with pytest.raises(UnreadableError):
        read_pickle(MemberBytes("m", chunks))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The room is used up by then. Every further step may add the eight bytes of an item of a
    # list, so 32 MiB are never reached with the whole room and all steps.
    assert peak < 18 * MIB // 8, peak


def test_the_whole_room_and_all_steps_stay_within_32_mib() -> None:
    assert room._MEMORY + room._NEAR_MEMORY + 8 * READER_STEPS <= 32 * MIB


def test_more_steps_than_a_reader_may_take_are_an_error() -> None:
    with pytest.raises(UnreadableError, match="2,000,000 steps"):
        read(b"N0" * 1_000_001)


def _wrapper(dtype: bytes, shape: int, aligned: bool) -> bytes:
    """Return the opcodes that joblib writes before an array of one dimension."""
    parts = [
        b"\x80\x04\x8c\x13joblib.numpy_pickle\x8c\x11NumpyArrayWrapper\x93)\x81}(",
        b"\x8c\x05shapeM" + shape.to_bytes(2, "little") + b"\x85",
        b"\x8c\x05dtype\x8c\x05numpy\x8c\x05dtype\x93\x8c" + bytes([len(dtype)]) + dtype,
        b"\x89\x88\x87R(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
        b"\x8c\x1bnumpy_array_alignment_bytesK\x10" if aligned else b"",
        b"ub",
    ]
    return b"".join(parts)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("size", [1, 7, 65536])
def test_an_array_of_joblib_is_read_after_its_wrapper(aligned: bool, size: int) -> None:
    padding = b"\x05" + b"\xff" * 5 if aligned else b""
    content = b"".join(number.to_bytes(8, "little") for number in (3, 1, 2))
    numbers = _wrapper(b"i8", 3, aligned) + padding + content + b"."
    assert listed(read(numbers, size)) == [3, 1, 2]
    texts = _wrapper(b"U2", 2, aligned) + padding + "ab€\0".encode("utf-32-le") + b"."
    assert listed(read(texts, size)) == ["ab", "€"]


def test_an_array_of_an_unknown_type_is_an_error() -> None:
    with pytest.raises(UnreadableError, match="unknown type"):
        read(_wrapper(b"T8x", 3, True) + b".")


def test_an_array_within_a_nested_pickle_has_no_wrapper() -> None:
    nested = _wrapper(b"O8", 1, True)
    with pytest.raises(UnreadableError, match="damaged"):
        read(nested * 3)


def test_a_large_array_is_passed_over() -> None:
    def chunks() -> Iterable[bytes]:
        yield b"(" + _wrapper(b"f8", 60_000, False)[2:]
        yield b"\0" * 480_000
        yield b"\x8c\x05namest."

    array, name = read_pickle(MemberBytes("m", chunks()))
    assert array_shape(array) == (60_000,)
    assert listed(array) is None
    assert name == "names"


def test_without_room_for_an_array_the_rest_cannot_be_read() -> None:
    wrapper = _wrapper(b"i8", 1, False)
    array = wrapper[2:].replace(b"\x8c\x13joblib.numpy_pickle\x8c\x11NumpyArrayWrapper\x93", b"h\0")
    first = wrapper.replace(b"Wrapper\x93", b"Wrapper\x93\x94") + b"\0" * 8
    with pytest.raises(UnreadableError, match="kept in memory"):
        read(b"(" + first + (array + b"\0" * 8) * 30_000 + b"t.")


def test_a_wrapper_is_recognised_without_room_for_its_name() -> None:
    filled = b"(" + b"}" * 100_000
    with pytest.raises(UnreadableError, match="kept in memory"):
        read(filled + _wrapper(b"i8", 1, False)[2:] + b"\0" * 8 + b"t.")


@pytest.mark.parametrize(
    ("kind", "protocol"),
    [(dict.fromkeys, 2), (dict.fromkeys, 4), (set, 4)],  # older protocols write a set as a list
)
def test_a_vocabulary_takes_no_room(kind: Any, protocol: int) -> None:
    words = kind([f"a word of some length {index}" for index in range(200_000)])
    told = read(pickle.dumps({"words": words, "names": ["a", "b"], "behind": [1.5]}, protocol))
    assert told["names"] == ["a", "b"]
    assert told["behind"] == [1.5]


def _tree(content: bytes, module: bytes = b"sklearn.tree.t") -> bytes:
    return b"c" + module + b"\nTree\n)\x81\x94}(\x8c\x05value" + content + b"\x8c\x01nK\1ub"


def test_the_memory_of_a_tree_is_released() -> None:
    content = b"](" + (b"\x8c\x01a\x94" + b"G?\xf0\0\0\0\0\0\1" * 1000) + b"e\x94"
    grown = b"(" + _tree(content) * 1000 + b"\x8c\x05names]\x94(\x8c\x01a\x8c\x01be\x85t."
    assert read(grown)[-2:] == ("names", (["a", "b"],))
    # The memory of another class is not released, so no room is left.
    assert read(grown.replace(b"sklearn.tree.t", b"sklearn.else.t")) is LOST


def test_older_objects_keep_nothing_of_a_tree() -> None:
    """Else its memory would count as released while it is still in use."""
    hidden = b"h\0" + b"G?\xf0\0\0\0\0\0\1a"
    told = read(b"]\x94" + _tree(hidden) + b"\x86.")
    assert told[0] == []


def test_types_within_trees_are_known_after_them() -> None:
    wrapper = _wrapper(b"i8", 1, False)[2:]
    typed = wrapper.replace(b"R(K\x03", b"R\x94(K\x03")
    dtype = wrapper[wrapper.index(b"\x8c\x05numpy") : wrapper.index(b"ub")]
    again = wrapper.replace(dtype, b"h\1")
    pickled = b"(" + _tree(typed + b"\0" * 8) + again + (5).to_bytes(8, "little") + b"t."
    assert listed(read(pickled)[1]) == [5]


def test_buffers_outside_the_pickle_are_lost() -> None:
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, 5, buffer_callback=lambda _: None)
    pickler.dump([pickle.PickleBuffer(bytearray(b"abc")), "behind"])
    assert read(stream.getvalue()) == [LOST, "behind"]
