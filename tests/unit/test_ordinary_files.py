"""The short way past a hundred thousand small files gives what the long way gives."""

from __future__ import annotations

import io
import random
import tarfile
from typing import List, Tuple, Union

import pytest
from mims.archive import Member, extract_hyperparameters
from mims.errors import PayloadError
from mims.headers import full_name, parse_header, parse_ordinary_file
from mims.members import Limits, Walk

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
Outcome = Union[Member, Tuple[type, str]]


def _header(name: str = "model/part-1.bin", size: int = 2500, **changed: object) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    for attribute, value in changed.items():
        setattr(member, attribute, value)
    return member.tobuf(tarfile.GNU_FORMAT)[:512]


@pytest.mark.parametrize("size", [0, 1, 511, 512, 8**11 - 1])
def test_an_ordinary_header_gives_name_and_size(size: int) -> None:
    assert parse_ordinary_file(_header(size=size)) == (b"model/part-1.bin", size)


@pytest.mark.parametrize(
    "block",
    [
        _header(type=tarfile.SYMTYPE),
        _header(type=tarfile.DIRTYPE),
        _header(type=tarfile.AREGTYPE),
        _header(type=tarfile.GNUTYPE_SPARSE),
        _header(size=8**11),
        _header(name="modèle.bin"),
        bytes(512),
        b"\xff" * 512,
    ],
    ids=["link", "directory", "old file", "sparse", "base-256", "no ASCII", "zeros", "no header"],
)
def test_any_other_header_is_for_the_long_way(block: bytes) -> None:
    assert parse_ordinary_file(block) == (b"", -1)


@pytest.mark.parametrize("at", range(512))
def test_a_header_with_a_damaged_byte_is_never_taken(at: int) -> None:
    block = bytearray(_header())
    for damage in (1, 0x80):
        block[at] ^= damage
        name, size = parse_ordinary_file(bytes(block))
        if size >= 0:
            # What ends the checksum, or the like, may be written in another way.
            header = parse_header(bytes(block))
            assert (full_name(header), header.size) == (name, size)


def _archive(chance: random.Random) -> bytes:
    """An archive of some dialect, whose members are of all kinds, often damaged or cut."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=chance.choice(FORMATS)) as tar:
        for number in range(chance.randint(1, 60)):
            names = [f"a{number}", "d/" * chance.randint(0, 60) + "x", f"modèle-{number}"]
            names += ["hyperparameters.json.bak", "code/hyperparameters.json", "n/x" * 40]
            if chance.random() < 0.03:
                names = ["hyperparameters.json"]
            member = tarfile.TarInfo(chance.choice(names))
            member.mtime = chance.choice([0, 1, 1.5])
            member.size = chance.choice([0, 1, 511, 512, 513, 3000])
            if chance.random() < 0.1:
                member.type = chance.choice([tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE])
                member.size = 0
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    content = bytearray(archive.getvalue())
    for _ in range(chance.choice([0, 0, 1, 2])):
        content[chance.randrange(len(content))] = chance.randrange(256)
    return bytes(content[: chance.randrange(len(content))] if chance.random() < 0.2 else content)


def _outcome(chunks: List[bytes], limits: Limits) -> Outcome:
    try:
        return extract_hyperparameters(chunks, limits)
    except PayloadError as error:
        return type(error), str(error)


@pytest.mark.parametrize("seed", range(20))
def test_any_archive_comes_out_as_by_the_long_way(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    for _ in range(25):
        content = _archive(chance)
        size = chance.choice([100, 512, 1000, 65536])
        chunks = [content[at : at + size] for at in range(0, len(content), size)]
        limits = Limits(
            members=chance.choice([10, 25, 1000]), archive_bytes=chance.choice([20_000, 1 << 40])
        )
        with monkeypatch.context() as patch:
            patch.setattr(Walk, "_pass_ordinary_files", lambda _walk, _ending: None)
            expected = _outcome(chunks, limits)
        assert _outcome(chunks, limits) == expected
