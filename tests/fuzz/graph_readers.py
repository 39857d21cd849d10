"""What the targets of the readers of graphs share: any bytes tell something, or are refused."""

from __future__ import annotations

from types import ModuleType
from typing import Iterator, Union

from mims.fields import TYPES
from mims.inputs.member import MemberBytes, Told, UnreadableError


def check_reader(source: ModuleType, content: bytes) -> None:
    """Read a model whole and in pieces: alike, with fields that are fields, or with a reason."""
    whole = _outcome(source, content, len(content) or 1)
    in_pieces = _outcome(source, content, 1 + len(content) // 7)
    assert whole == in_pieces, (whole, in_pieces)
    if isinstance(whole, Told):
        assert bool(whole.fields) != bool(whole.why), whole
        names = [field.name for field in whole.fields]
        assert len(set(names)) == len(names), names
        for field in whole.fields:
            assert field.name, field
            field.name.encode("utf-8")
            assert field.type in TYPES, field
            assert all(length > 0 for length in field.shape), field


def _outcome(source: ModuleType, content: bytes, size: int) -> Union[Told, str, None]:
    chunks: Iterator[bytes] = (content[at : at + size] for at in range(0, len(content), size))
    try:
        told: Union[Told, None] = source.read(MemberBytes("model", chunks))
        return told
    except UnreadableError as error:
        return str(error)
