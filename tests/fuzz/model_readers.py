"""What all readers of model files must do with any bytes: read their inputs, or refuse them."""

from __future__ import annotations

from types import ModuleType
from typing import Optional, Union

from mims.fields import TYPES
from mims.inputs.member import MemberBytes, Told, UnreadableError

from tests.archives import chunked


def check_reader(source: ModuleType, content: bytes, path: str = "model") -> None:
    """Read a model whole and in pieces: the same result, with valid fields or a reason."""
    whole = _outcome(source, content, path, len(content) or 1)
    for size in (97, 1 + len(content) // 7):
        in_pieces = _outcome(source, content, path, size)
        assert whole == in_pieces, (source.__name__, size, whole, in_pieces)
    if isinstance(whole, Told):
        assert bool(whole.fields) != bool(whole.why), whole
        names = [field.name for field in whole.fields]
        assert len(set(names)) == len(names), names
        assert {*whole.training} <= {*names}, whole
        for field in whole.fields:
            assert field.name, field
            field.name.encode("utf-8")
            assert field.type in TYPES, field
            assert all(length > 0 for length in field.shape), field


def _outcome(source: ModuleType, content: bytes, path: str, size: int) -> Union[Told, str, None]:
    try:
        told: Optional[Told] = source.read(MemberBytes(path, chunked(content, size)))
        return told
    except UnreadableError as error:
        return str(error)
