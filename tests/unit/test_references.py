"""The same file as other readers take: GNU tar, libarchive's bsdtar and Python's own tarfile.

Archives of every dialect are made up, with extension headers in stacks, odd number fields, zero
blocks, and headers of other files within the data, which a reader that loses its place would find.
With the root and `lambda_fn` in PYTHONPATH, `python -m tests.unit.test_references 0 50000` tries
the archives of so many seeds.
"""

from __future__ import annotations

import io
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple, Union

import pytest
from mims.archive.headers import PAX_GLOBAL
from mims.errors import CorruptArchiveError, HyperparametersNotFoundError

from tests.archives import NAME, found, header, long_name, member, padded, pax, record

SEEDS = 120
NONE, REFUSED = "no such file", "refused"
Outcome = Union[bytes, str]  # the file's content, or why there is none
Members = List[Tuple[str, bytes]]  # regular files: name and data

# Ways to write a size: the valid ones, and some that this reader refuses but others accept.
Fields = List[Callable[[int], bytes]]
REGULAR_FIELDS: Fields = [
    *[lambda size: b"%011o\0" % size] * 9,
    lambda size: b"%012o" % size,
    lambda size: b"%011o " % size,
    lambda size: b"%11o " % size,
    lambda size: (b"%o\0junk" % size).ljust(12, b"\0"),
    lambda size: b"\x80" + size.to_bytes(11, "big"),
]
ODD_FIELDS: Fields = [
    *REGULAR_FIELDS,
    lambda size: b"\0%010o\0" % size,
    lambda size: b"\0\0\0%09o" % size,
    lambda size: b"+%010o\0" % size,
    lambda size: b"%010o\t\0" % size,
    lambda size: b"%010o x" % size,
    lambda size: b"%09o9\0\0" % size,
    lambda _: b"\xff" * 12,
    lambda _: b" " * 12,
    lambda _: bytes(12),
]
_NAMES = [NAME, f"./{NAME}", "other", f"a/{NAME}", "model.bin"]
_LISTED = re.compile(r"(.)\S{9,10} +(?:\d+ +)?\S+(?: +\S+)?? +(\d+) (?:\S+ +\d+ +\S+|\S+ \S+) (.*)")


def made_archive(chance: random.Random, fields: Fields) -> bytes:
    """Return a tar with a few members, with the oddities that a crafted archive may have."""
    kinds = chance.choice([b"xxxxXg", b"LLLK", b"xxxXLLLK"])
    archive = b""
    for number in range(chance.randint(1, 5)):
        archive += _made_member(chance, b"%d" % number, kinds, fields)
        if chance.random() < 0.06:
            archive += bytes(512 * chance.randint(1, 2))
    if chance.random() < 0.08:
        return archive[: -chance.randint(1, 1500)] or b"\0"
    return archive + bytes(chance.choice([0, 512, 1024, 1024, 10240]))


def _made_member(
    chance: random.Random, mark: bytes, extension_kinds: bytes, fields: Fields
) -> bytes:
    kind = chance.choice([b"0"] * 8 + [b"\0", b"\0", b"7", b"1", b"2", b"5", b"6"])
    data = b"data " + mark + b"x" * chance.choice([0, 1, 504, 505, 506, 600])
    if chance.random() < 0.3:  # another file in the data, for a reader that loses its place
        data = padded(data) + member(NAME, b"decoy " + mark)
    if kind in b"1256":
        data = b""
    size = len(data)
    # Where a link or folder has a size, the references differ in whether data follow.
    sizes = [size, size, size, 0, 512, size + 512] if data else []
    extensions = b""
    for _ in range(chance.choice([0, 0, 0, 1, 1, 2, 3])):
        extension = chance.choice(extension_kinds)
        if extension in b"LK":
            extensions += long_name(chance.choice(_NAMES).encode(), bytes([extension]))
            continue
        sized = sizes and extension != PAX_GLOBAL and chance.random() < 0.3
        said = chance.choice(sizes) if sized else None
        size = size if said is None else said
        extensions += pax(_made_records(chance, said), bytes([extension]))
    field = chance.choice(fields)(chance.choice([len(data), len(data), size]))
    name = chance.choice(_NAMES).encode()
    magic = chance.choice([b"ustar\x0000"] * 4 + [b"ustar  \0", b"ustar  \0", b""])
    prefix = chance.choice([b"", b"", b"", b"a"]) if magic == b"ustar\x0000" else b""
    block = header(name, kind=kind, size_field=field, magic=magic, prefix=prefix)
    return extensions + block + padded(data)


def _made_records(chance: random.Random, size: Optional[int]) -> bytes:
    records = [
        record("path", chance.choice(_NAMES).encode()),
        record("mtime", b"1700000000.5"),
        record("comment", b"n\xc3\xa4"),
    ]
    made = chance.sample(records, chance.choice([0, 1, 1, 2]))
    if size is not None:
        made.append(record("size", b"%d" % size))
    return b"".join(made)


def gnu_tar(archive: Path) -> Tuple[Optional[Members], bool]:
    """Return the regular files that GNU tar gives, and whether it found fault."""
    listing = archive.with_suffix(".list")
    command = ["tar", "-xOvvf", str(archive), f"--index-file={listing}", "--numeric-owner"]
    done = subprocess.run(command, capture_output=True, env=_ENVIRONMENT)
    return _listed(listing.read_text(), done.stdout), done.returncode != 0


def bsdtar(archive: Path) -> Tuple[Optional[Members], bool]:
    """Return the regular files that bsdtar gives, and whether it found fault."""
    listed, done = (
        subprocess.run(["bsdtar", options, archive], capture_output=True, env=_ENVIRONMENT)
        for options in ("-tvf", "-xOf")
    )
    fault = listed.returncode != 0 or done.returncode != 0
    # Of two pax headers in a row it reads the later one, with this error, and sometimes wrongly.
    if b"malformed pax" in done.stderr:
        return None, fault
    return _listed(listed.stdout.decode(), done.stdout), fault


def tarfile_stream(archive: Path) -> Tuple[Optional[Members], bool]:
    """Return the regular files that Python's tarfile gives, and whether it found fault."""
    members: Members = []
    try:
        with tarfile.open(fileobj=io.BytesIO(archive.read_bytes()), mode="r|") as tar:
            for entry in tar:
                data = tar.extractfile(entry) if entry.isreg() else None
                if data is not None:
                    members.append((entry.name, data.read()))
    except tarfile.TarError:
        return members, True
    # To it, a bad header that is not the first one silently ends the archive.
    return members, any(archive.read_bytes()[tar.offset :][:512])


REFERENCES: Dict[str, Callable[[Path], Tuple[Optional[Members], bool]]] = {
    "GNU tar": gnu_tar,
    "bsdtar": bsdtar,
    "tarfile": tarfile_stream,
}
_ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}


def _listed(listing: str, data: bytes) -> Optional[Members]:
    members, at = [], 0
    for line in listing.splitlines():
        match = _LISTED.fullmatch(line)
        assert match, line
        kind, size, name = match.group(1), int(match.group(2)), match.group(3)
        if kind in "-C":
            members.append((name, data[at : at + size]))
            at += size
    return members if at == len(data) else None


def chosen(members: Optional[Members], fault: bool) -> Outcome:
    """Return the data of the file that counts: the first at the root, else the first nested least.

    A nested one counts only where the archive is whole, as one at the root may follow the fault.
    """
    if members is None:
        return REFUSED
    best: Dict[int, bytes] = {}
    for name, data in members:
        *folders, last = [part for part in name.split("/") if part not in ("", ".")] or [""]
        if last == NAME:
            best.setdefault(len(folders), data)
    if 0 in best or (best and not fault):
        return best[min(best)]
    return REFUSED if fault else NONE


def ours(archive: bytes) -> Outcome:
    try:
        return found(archive, 700).content
    except HyperparametersNotFoundError:
        return NONE
    except CorruptArchiveError:
        return REFUSED


def outcomes(archive: bytes, folder: Path) -> Dict[str, Outcome]:
    path = folder / "made.tar"
    path.write_bytes(archive)
    given: Dict[str, Outcome] = {}
    for name, reference in REFERENCES.items():
        given[name] = chosen(*reference(path))
    return given


def complaint(archive: bytes, folder: Path, *, regular: bool) -> str:
    """Say how the outcome differs from those of the references; empty if it does not."""
    theirs = outcomes(archive, folder)
    mine = ours(archive)
    told = [outcome for outcome in theirs.values() if outcome != REFUSED]
    if mine == REFUSED:
        at_odds = regular and len(told) == len(theirs) and len(set(told)) == 1
    else:
        together = theirs["GNU tar"] == theirs["bsdtar"] not in (REFUSED, mine)
        at_odds = together or (len(told) > 1 and mine not in told)
    return f"here {_shown(mine)}, there {_shown(theirs)}" if at_odds else ""


def _shown(outcome: object) -> str:
    return re.sub(r"(x|\\x00){9,}", "…", repr(outcome))


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    missing = [tool for tool in ("tar", "bsdtar") if not shutil.which(tool)]
    if (
        missing
        or b"GNU tar" not in subprocess.run(["tar", "--version"], capture_output=True).stdout
    ):
        pytest.skip("needs GNU tar and bsdtar (the package libarchive-tools)")


@pytest.mark.parametrize("fields", [REGULAR_FIELDS, ODD_FIELDS], ids=["regular", "odd"])
def test_never_another_file_than_the_references_agree_on(fields: Fields, tmp_path: Path) -> None:
    for seed in range(SEEDS):
        archive = made_archive(random.Random(seed), fields)
        wrong = complaint(archive, tmp_path, regular=fields is REGULAR_FIELDS)
        assert not wrong, (seed, wrong)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        at_odds = 0
        for seed in range(int(sys.argv[1]), int(sys.argv[2])):
            for fields in (REGULAR_FIELDS, ODD_FIELDS):
                made = made_archive(random.Random(seed), fields)
                if wrong := complaint(made, Path(folder), regular=fields is REGULAR_FIELDS):
                    at_odds += 1
                    print(f"seed {seed}: {wrong}", flush=True)
    print(f"{at_odds} of {2 * (int(sys.argv[2]) - int(sys.argv[1])):,} archives are at odds")
