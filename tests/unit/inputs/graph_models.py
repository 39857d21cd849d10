"""Models of the tests' own, with what their library says of their inputs; and readings of bytes."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from types import ModuleType
from typing import Any, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union

from mims.fields import Field
from mims.inputs.member import HEAD, MemberBytes, Told, UnreadableError
from mims.inputs.sources import SOURCES

MODELS = Path(__file__).resolve().parents[2] / "models" / "sources"
MIB, GIB = 1024**2, 1024**3
CHUNK_SIZES = (1, 7, 65_536)


class Model(NamedTuple):
    """A model's file, and what a reader must tell of it, or why it must refuse it."""

    path: str
    content: bytes
    told: Union[Told, str]


def models(family: str) -> List[Any]:
    """Return every model of a family, as parameters of a test named by their folders."""
    import pytest

    folders = sorted(folder for folder in (MODELS / family).iterdir() if folder.is_dir())
    assert folders
    return [pytest.param(_model(folder), id=folder.name) for folder in folders]


def _model(folder: Path) -> Model:
    (file,) = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".json"]
    path, content = file.relative_to(folder).as_posix(), file.read_bytes()
    expected = json.loads((folder / "expect.json").read_text(encoding="utf-8"))
    if "unreadable" in expected:
        return Model(path, content, expected["unreadable"])
    fields = tuple(
        Field(given["name"], given["type"], tuple(given["shape"]), given["datatype"])
        for given in expected["fields"]
    )
    told = Told(expected["source"], fields, expected["made_up"], why=expected.get("why", ""))
    return Model(path, content, told)


def chunked(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def read(source: ModuleType, content: bytes, size: int = 65_536) -> Optional[Told]:
    told: Optional[Told] = source.read(MemberBytes("model", chunked(content, size)))
    return told


def outcome(source: ModuleType, content: bytes, size: int = 65_536) -> Any:
    """Return what a source tells, or the words of the error that it may raise."""
    try:
        return read(source, content, size)
    except UnreadableError as error:
        return str(error)


def peak_of(source: ModuleType, chunks: Iterable[bytes]) -> Tuple[Any, int]:
    """Return what a source tells or raises, and the most memory that it held, in bytes."""
    tracemalloc.start()
    try:
        try:
            told: Any = source.read(MemberBytes("model", chunks))
        except UnreadableError as error:
            told = str(error)
        return told, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def let_through(module: str, path: str, content: bytes) -> bool:
    """Say whether the walk offers the member to a source at all."""
    head = content[:HEAD]
    return any(
        path.lower().endswith(source.endings or ("\0",))
        or head.startswith(source.heads or (b"\0" * HEAD + b"\1",))
        for source in SOURCES
        if source.module == module
    )
