"""Model files that are texts, beside what their library says of them; and readings of bytes."""

from __future__ import annotations

import json
import random
import tracemalloc
from pathlib import Path
from types import ModuleType
from typing import Any, Iterable, Iterator, List, Optional, Tuple

from mims.fields import Field
from mims.inputs.member import HEAD, MemberBytes, Told, UnreadableError
from mims.inputs.sources import SOURCES

MODELS = Path(__file__).resolve().parents[2] / "models" / "sources"
MIB = 1024**2
CHUNK_SIZES = (1, 7, 65_536)


def folders(family: str) -> List[str]:
    names = sorted(folder.name for folder in (MODELS / family).iterdir())
    assert names
    return names


def expected(folder: Path) -> Any:
    return json.loads((folder / "expect.json").read_text(encoding="utf-8"))


def expected_fields(folder: Path) -> Tuple[Field, ...]:
    return tuple(
        Field(field["name"], field["type"], tuple(field["shape"]), field["datatype"])
        for field in expected(folder)["fields"]
    )


def chunked(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def read(source: ModuleType, path: str, content: bytes | str, size: int = 65_536) -> Optional[Told]:
    raw = content if isinstance(content, bytes) else content.encode()
    told: Optional[Told] = source.read(MemberBytes(path, chunked(raw, size)))
    return told


def outcome(source: ModuleType, path: str, content: bytes, size: int = 65_536) -> Any:
    """Return what a source tells, or the words of the one error that it may raise."""
    try:
        return read(source, path, content, size)
    except UnreadableError as error:
        return str(error)


def is_let_through(source: ModuleType, path: str, content: bytes) -> bool:
    """Say whether the walk lets a member through to a source, and the source wants it."""
    (entry,) = (entry for entry in SOURCES if source.__name__ == f"mims.inputs.{entry.module}")
    ending = path.lower().endswith(entry.endings)
    return ending and bool(source.wants(path, content[:HEAD]))


def damaged(content: bytes, count: int, seed: int = 7) -> Iterator[bytes]:
    """Yield copies of a file with one to three bytes changed."""
    chance = random.Random(seed)
    for _ in range(count):
        copy = bytearray(content)
        for _ in range(chance.randint(1, 3)):
            copy[chance.randrange(len(copy))] = chance.randrange(256)
        yield bytes(copy)


def peak(source: ModuleType, path: str, chunks: Iterable[bytes]) -> int:
    """Return the most bytes that reading a member took, whatever it tells."""
    tracemalloc.start()
    try:
        source.read(MemberBytes(path, chunks))
    except UnreadableError:
        pass
    finally:
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return taken
