"""The short way past a hundred thousand small files gives what the long way gives."""

from __future__ import annotations

import io
import itertools
import random
import tarfile
from typing import List, Tuple, Union

import pytest
from mims.archive.headers import BLOCK, parse_header
from mims.archive.members import Walk
from mims.archive.ordinary import Sought, pass_ordinary_files
from mims.errors import PayloadError
from mims.inputs.hyperparameters import Member
from mims.limits import Limits

from tests.archives import extract_hyperparameters

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
SOUGHT = Sought.of((b"hyperparameters.json",), ())
Outcome = Union[Member, Tuple[type, str]]


def _header(name: str = "model/part-1.bin", size: int = 2500, **changed: object) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    for attribute, value in changed.items():
        setattr(member, attribute, value)
    return member.tobuf(tarfile.GNU_FORMAT)[:512]


def _passed(stream: bytes, at: int = 0, most: int = 1000, room: int = 1 << 40) -> Tuple[int, int]:
    return pass_ordinary_files(stream, at, most, room, SOUGHT)


@pytest.mark.parametrize(
    ("size", "behind"),
    [(0, 512), (1, 1024), (511, 1024), (512, 1024), (513, 1536), (8**11 - 1, 512 + 8**11)],
)
def test_an_ordinary_file_is_passed_with_its_data(size: int, behind: int) -> None:
    assert _passed(_header(size=size)) == (1, behind)


@pytest.mark.parametrize(
    "block",
    [
        _header(type=tarfile.SYMTYPE),
        _header(type=tarfile.DIRTYPE),
        _header(type=tarfile.AREGTYPE),
        _header(type=tarfile.GNUTYPE_SPARSE),
        _header(size=8**11),
        _header(name="modèle.bin"),
        _header(name="hyperparameters.json"),
        _header(name="code/hyperparameters.json"),
        bytes(512),
        b"\xff" * 512,
    ],
    ids=[
        "link",
        "directory",
        "old file",
        "sparse",
        "base-256",
        "no ASCII",
        "wanted",
        "nested",
        "zeros",
        "no header",
    ],
)
def test_any_other_header_is_for_the_long_way(block: bytes) -> None:
    assert _passed(block) == (0, 0)
    assert _passed(_header(size=100) + bytes(512) + block) == (1, 1024)


@pytest.mark.parametrize("size", [b"-0000000001", b"+0000000001", b"0o000000001", b"0_000000001"])
def test_a_size_that_only_python_reads_is_for_the_long_way(size: bytes) -> None:
    block = bytearray(_header())
    block[124:135] = size
    block[148:156] = b" " * 8
    block[148:155] = b"%06o\0" % sum(block)
    assert _passed(bytes(block)) == (0, 0)


def test_the_row_of_files_ends_at_its_limits() -> None:
    stream = (_header(size=512) + bytes(512)) * 5
    assert _passed(stream) == (5, 5120)
    assert _passed(stream, at=2048) == (3, 5120)
    assert _passed(stream, most=2) == (2, 2048)
    assert _passed(stream, room=3072) == (3, 3072)
    assert _passed(stream, room=3071) == (2, 2048)
    assert _passed(stream[:4097]) == (4, 4096)
    assert _passed(stream[: 4096 + BLOCK]) == (5, 5120)


def test_a_header_with_a_damaged_byte_is_never_taken() -> None:
    for at, damage in itertools.product(range(BLOCK), (1, 0x80, 0x81)):
        block = bytearray(_header())
        block[at] ^= damage
        count, behind = _passed(bytes(block))
        if count:
            # The end of the checksum, for one, may be written differently.
            size = parse_header(bytes(block)).size
            assert behind == BLOCK + size + -size % BLOCK, (at, damage)


def _archive(chance: random.Random) -> bytes:
    """Return an archive of some dialect with members of all kinds, often damaged or cut."""
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
def test_any_archive_is_read_as_by_the_long_way(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    for _ in range(25):
        content = _archive(chance)
        size = chance.choice([100, 512, 1000, 65536])
        chunks = [content[at : at + size] for at in range(0, len(content), size)]
        limits = Limits(
            members=chance.choice([10, 25, 1000]), archive_bytes=chance.choice([20_000, 1 << 40])
        )
        with monkeypatch.context() as patch:
            patch.setattr(Walk, "_pass_ordinary_files", lambda _walk, _sought: None)
            expected = _outcome(chunks, limits)
        assert _outcome(chunks, limits) == expected
