"""Ways to pass bytes to the reader of a source, and models that their own libraries wrote."""

from __future__ import annotations

import json
import random
import tracemalloc
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union

from mims.fields import Field
from mims.inputs.json_stream import JsonReader
from mims.inputs.member import HEAD, MemberBytes, Told, UnreadableError
from mims.inputs.sources import sources_for
from mims.inputs.ubjson import UbjsonReader

from tests.archives import chunked

MODELS = Path(__file__).resolve().parents[2] / "models" / "sources"
MIB, GIB = 1024**2, 1024**3
CHUNK_SIZES = (1, 7, 65_536)

Content = Union[bytes, str, Iterable[bytes]]


class Model(NamedTuple):
    """A model's file, and the inputs that `expect.json` next to it lists."""

    source: ModuleType
    path: str
    content: bytes
    expected: Dict[str, Any]

    @property
    def fields(self) -> Tuple[Field, ...]:
        return fields_of(self.expected)


def fields_of(expected: Dict[str, Any]) -> Tuple[Field, ...]:
    """Return the fields that an `expect.json` lists."""
    return tuple(
        Field(
            field["name"],
            field["type"],
            tuple(field.get("shape", ())),
            field.get("datatype", ""),
            categories=tuple(field.get("categories", ())),
            mask=field.get("mask", ""),
        )
        for field in expected.get("fields", ())
    )


def folders(family: str) -> List[str]:
    """Return the names of the folders with the models of a family."""
    names = sorted(folder.name for folder in (MODELS / family).iterdir())
    assert names
    return names


def expectation(family: str, folder: str) -> Any:
    return json.loads((MODELS / family / folder / "expect.json").read_text(encoding="utf-8"))


def model(family: str, folder: str) -> Model:
    """Return the model of a folder with one file, and the inputs that it must give."""
    root = MODELS / family / folder
    files = [path for path in root.rglob("*") if path.is_file() and path.name != "expect.json"]
    assert len(files) == 1
    path = files[0].relative_to(root).as_posix()
    source = import_module(f"mims.inputs.{family}")
    return Model(source, path, files[0].read_bytes(), expectation(family, folder))


def read(
    source: ModuleType, content: Content, size: int = 65_536, path: str = "model"
) -> Optional[Told]:
    """Return what a source reads from bytes, in chunks of that size unless they are in chunks."""
    if isinstance(content, str):
        content = content.encode()
    chunks = chunked(content, size) if isinstance(content, bytes) else content
    told: Optional[Told] = source.read(MemberBytes(path, chunks))
    return told


def outcome(source: ModuleType, content: Content, size: int = 65_536, path: str = "model") -> Any:
    """Return what a source reads, or the message of the only error that it may raise."""
    try:
        return read(source, content, size, path)
    except UnreadableError as error:
        return str(error)


def peak_of(source: ModuleType, chunks: Iterable[bytes], path: str = "model") -> Tuple[Any, int]:
    """Return the outcome, and the peak of memory on the way, in bytes."""
    tracemalloc.start()
    try:
        return outcome(source, chunks, path=path), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def is_wanted(source: ModuleType, path: str, content: bytes) -> bool:
    """Say whether the walk offers a member to a source, and the source wants it."""
    return source in [wanting.load() for wanting in sources_for(path, content[:HEAD])]


def damaged(content: bytes, count: int) -> Iterator[bytes]:
    """Yield copies with one to eight of their bytes changed, often to meaningful ones."""
    chance = random.Random(len(content))
    for number in range(count):
        copy = bytearray(content)
        for _ in range(chance.randint(1, 8)):
            byte = chance.choice(b'\0\xff"[]{}\\:,$#LSN0') if number % 2 else chance.randrange(256)
            copy[chance.randrange(len(copy))] = byte
        yield bytes(copy)


def whole(reader: Union[JsonReader, UbjsonReader]) -> Any:
    """Return the next value of a document, read part by part."""
    if reader.at_object():
        return {key: whole(reader) for key in reader.members()}
    if reader.at_array():
        return [whole(reader) for _ in reader.elements()]
    return reader.scalar()
