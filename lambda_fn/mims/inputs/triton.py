"""Triton's `config.pbtxt` → the model's inputs.

It is the message ModelConfig in protobuf's text format
(https://protobuf.dev/reference/protobuf/textformat-spec/):
https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto
"""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, Match, NamedTuple, Optional, Tuple

from mims.fields import TYPE_OF_DATATYPE, Field
from mims.inputs.json_text import read_whole_text
from mims.inputs.member import (
    MemberBytes,
    Told,
    UnreadableError,
    check_count,
    cut_short,
)

SOURCE = "triton"

_FILE_NAME = "config.pbtxt"
# A model's configuration has at least one of these fields.
_OF_TRITON = ("platform", "backend", "input", "output", "max_batch_size", "instance_group")
# The enum DataType in the order of its numbers, from 1: TYPE_BOOL, TYPE_UINT8 and so on. 0 is
# TYPE_INVALID.
_DATA_TYPES = (
    *("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"),
    *("FP16", "FP32", "FP64", "STRING", "BF16"),
)
_DATATYPE_OF = {
    written: "BYTES" if name == "STRING" else name
    for number, name in enumerate(_DATA_TYPES, 1)
    for written in (f"TYPE_{name}", str(number))
}
_TOKEN = re.compile(
    r"(?P<blank>[\s,;]+|#[^\n]*)"
    # The repetition is bounded, or the engine would keep a state for each of millions of escapes.
    r"|(?P<string>'[^'\\\n]*(?:\\.[^'\\\n]*){0,10000}'|\"[^\"\\\n]*(?:\\.[^\"\\\n]*){0,10000}\")"
    r"|(?P<word>[-+]?[\w.]+)|(?P<mark>[][{}<>:/-])"
)
_ESCAPE = re.compile(
    rb"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL
)
_ESCAPED = {
    b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v",
    b"\\": b"\\", b"'": b"'", b'"': b'"', b"?": b"?",
}  # fmt: skip
_CLOSING = {"{": "}", "<": ">", "[": "]"}
_DEPTH = 100
_DIMENSIONS = 100
_INVALID = "is not protobuf's text format"


def wants(path: str, head: bytes) -> bool:  # noqa: ARG001
    return path.rpartition("/")[2] == _FILE_NAME


def read(member: MemberBytes) -> Optional[Told]:
    """Return the inputs of a model's configuration, in its order, including optional ones."""
    return _read_configuration(_Tokens(read_whole_text(member), member))


class _Tokens:
    """The tokens of a text, one after another; an empty one stands for its end."""

    def __init__(self, text: str, member: MemberBytes) -> None:
        self._text = text
        self._member = member
        self._at = 0
        self.next = ""
        self.is_string = False
        self.take()

    def take(self) -> str:
        """Return the next token, and move on to the one after it."""
        taken = self.next
        kind: Optional[str] = "blank"
        self.next = ""
        while kind == "blank" and self._at < len(self._text):
            self._member.step()
            match = _TOKEN.match(self._text, self._at)
            if match is None:
                raise UnreadableError(_INVALID)
            kind, self._at = match.lastgroup, match.end()
            if kind != "blank":
                self.next = match.group()
        self.is_string = kind == "string"
        return taken

    def expect(self) -> str:
        """Return the next token, which must be there."""
        if not self.next:
            raise cut_short()
        return self.take()

    def word(self) -> str:
        """Return the next token, a name or a number."""
        if self.next and (self.is_string or not (self.next[-1].isalnum() or self.next[-1] in "_.")):
            raise UnreadableError(_INVALID)
        return self.expect()

    def string(self) -> str:
        """Return the next string, which may be written as several in a row."""
        pieces = []
        while self.is_string:
            pieces.append(_ESCAPE.sub(_unescaped, self.take()[1:-1].encode("utf-8")))
        if not pieces:
            raise UnreadableError(_INVALID) if self.next else cut_short()
        try:
            return b"".join(pieces).decode("utf-8")
        except UnicodeDecodeError:
            raise UnreadableError("has an input whose name is not UTF-8") from None

    def integer(self) -> int:
        written = self.word()
        try:
            if len(written) <= 20:
                return int(written, 0)
        except ValueError:
            pass
        raise UnreadableError("has a dimension that is not a whole number")

    def skip(self) -> None:
        """Skip the value of a field: a scalar, a message or a list."""
        opened: List[str] = []
        while True:
            token = self.expect()
            if token[0] in "'\"":
                while self.is_string:  # one string may be written as several
                    self.take()
            if token in _CLOSING:
                opened.append(_CLOSING[token])
                if len(opened) > _DEPTH:
                    raise UnreadableError("is nested too deep")
            elif opened and token == opened[-1]:
                opened.pop()
            elif token in ("}", ">", "]"):
                raise UnreadableError(_INVALID)
            if not opened and token != "-":
                return


class _Input(NamedTuple):
    name: str
    data_type: str
    dims: Tuple[int, ...]


def _read_configuration(tokens: _Tokens) -> Optional[Told]:
    inputs: List[_Input] = []
    keys = set()
    batched = False
    while tokens.next:
        key = _key(tokens)
        keys.add(key if key in _OF_TRITON else "")
        if key == "input":
            for _ in _items(tokens):
                inputs.append(_read_input(tokens))
                check_count(len(inputs))
        elif key == "max_batch_size":
            batched = tokens.integer() > 0
        else:
            tokens.skip()
    if keys <= {""}:
        return None
    fields: Dict[str, Field] = {}
    for name, data_type, dims in inputs:
        if not name or data_type not in _DATATYPE_OF:
            raise UnreadableError("has an input without a name and a known data_type")
        datatype = _DATATYPE_OF[data_type]
        # Without max_batch_size, dims are those of the whole input: the first is the batch.
        lengths = dims if batched else dims[1:]
        shape = tuple(max(length, 1) for length in lengths)
        fields.setdefault(name, Field(name, TYPE_OF_DATATYPE[datatype], shape, datatype))
    if not fields:
        return Told(SOURCE, why="names no input")
    return Told(SOURCE, tuple(fields.values()))


def _key(tokens: _Tokens) -> str:
    """Return the name of the next field; its value is next."""
    if tokens.next == "[":  # an extension, or Any: [type.googleapis.com/name]
        tokens.skip()
        key = ""
    else:
        key = tokens.word()
    if tokens.next == ":":
        tokens.take()
    return key


def _items(tokens: _Tokens) -> Iterator[None]:
    """Stop before each value of a field: a single one, or those of a list."""
    if tokens.next != "[":
        yield
        return
    tokens.take()
    while tokens.next != "]":
        yield
    tokens.take()


def _read_input(tokens: _Tokens) -> _Input:
    opening = tokens.expect()
    if opening not in ("{", "<"):
        raise UnreadableError(_INVALID)
    name = data_type = ""
    dims: List[int] = []
    while tokens.next != _CLOSING[opening]:
        key = _key(tokens)
        if key == "name":
            name = tokens.string()
        elif key == "data_type":
            data_type = tokens.word()
        elif key == "dims":
            for _ in _items(tokens):
                dims.append(tokens.integer())
                if len(dims) > _DIMENSIONS:
                    raise UnreadableError(f"has an input of more than {_DIMENSIONS} dimensions")
        else:
            tokens.skip()
    tokens.take()
    return _Input(name, data_type, tuple(dims))


def _unescaped(escape: Match[bytes]) -> bytes:
    hexadecimal, octal, short, long, character = escape.groups()
    if hexadecimal or octal:
        return bytes([int(hexadecimal or octal, 16 if hexadecimal else 8) & 0xFF])
    if short or long:
        try:
            return chr(int(short or long, 16)).encode("utf-8")
        except (ValueError, OverflowError):  # beyond Unicode, or half of a surrogate pair
            raise UnreadableError(_INVALID) from None
    if character not in _ESCAPED:
        raise UnreadableError(_INVALID)
    return _ESCAPED[character]
