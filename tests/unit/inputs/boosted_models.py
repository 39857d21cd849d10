"""Trained models beside what their library says of them, and ways to hand them to a reader."""

from __future__ import annotations

import json
import random
import tracemalloc
from pathlib import Path
from types import ModuleType
from typing import Any, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from mims.fields import Field
from mims.inputs.member import HEAD, MemberBytes, Told, UnreadableError
from mims.inputs.sources import SOURCES

MODELS = Path(__file__).resolve().parents[2] / "models" / "sources"
MIB = 1024**2
CHUNK_SIZES = (1, 7, 65_536)


class Model(NamedTuple):
    """A model's file, and the fields that it must tell."""

    path: str
    content: bytes
    fields: Tuple[Field, ...]
    made_up: bool


def folders(library: str) -> List[str]:
    """Return the names of the folders that hold a library's models."""
    names = sorted(folder.name for folder in (MODELS / library).iterdir())
    assert names
    return names


def model(library: str, folder: str) -> Model:
    (path,) = [path for path in (MODELS / library / folder).iterdir() if path.name != "expect.json"]
    expected = json.loads((path.parent / "expect.json").read_text(encoding="utf-8"))
    fields = tuple(
        Field(
            field["name"],
            field["type"],
            tuple(field.get("shape", ())),
            categories=tuple(field.get("categories", ())),
        )
        for field in expected["fields"]
    )
    return Model(path.name, path.read_bytes(), fields, expected["made_up"])


def chunked(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def tell(source: ModuleType, chunks: Iterable[bytes]) -> Optional[Told]:
    told: Optional[Told] = source.read(MemberBytes("model", chunks))
    return told


def outcome(source: ModuleType, chunks: Iterable[bytes]) -> Any:
    """Return what is told, or the words of the one error that a reader may raise."""
    try:
        return tell(source, chunks)
    except UnreadableError as error:
        return str(error) if error.source == source.NAME else repr(error)


def peak_of(source: ModuleType, chunks: Iterable[bytes]) -> Tuple[Any, int]:
    """Return the outcome, and the most memory that was held on the way, in bytes."""
    tracemalloc.start()
    try:
        return outcome(source, chunks), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def damaged(content: bytes, count: int) -> Iterator[bytes]:
    """Yield copies with one to eight of their bytes changed."""
    chance = random.Random(len(content))
    for _ in range(count):
        copy = bytearray(content)
        for _ in range(chance.randint(1, 8)):
            copy[chance.randrange(len(copy))] = chance.choice(b'\0\xff"[]{}\\:,$#LSN0') & 0xFF
        yield bytes(copy)


def passes_the_prefilter(source: ModuleType, path: str, head: bytes) -> bool:
    """Say whether the walk hands a member of that path and beginning to a source."""
    (entry,) = [entry for entry in SOURCES if entry.module == source.NAME]
    return path.lower().endswith(entry.endings) or head[:HEAD].startswith(entry.heads)
