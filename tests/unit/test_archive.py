"""Which member is taken, from archives of every dialect, and the error if there is none."""

from __future__ import annotations

import io
import itertools
import re
import tarfile
from pathlib import Path
from typing import Dict

import pytest
from mims.errors import (
    CorruptArchiveError,
    HyperparametersNotFoundError,
    PayloadError,
)

from tests.archives import (
    END,
    EPOCH_OF_TESTS,
    GOOD,
    NAME,
    found,
    gz,
    header,
    long_name,
    member,
    padded,
    pax,
    record,
)

pytestmark = pytest.mark.usefixtures("engine")

FIXTURES = Path(__file__).parent / "fixtures"
OTHER = b'{"tab_field_list": ["other"]}'
# After this many members, their names are no longer kept for a message.
MANY = b"".join(member(f"many/{number}", b"x" * 300 * (number % 4)) for number in range(25))
LINKS = {"link": b"1", "symlink": b"2", "device": b"3", "block": b"4", "folder": b"5", "fifo": b"6"}


def test_the_fixtures_are_there() -> None:
    assert len(list(FIXTURES.glob("*.tar.gz"))) == 16


@pytest.mark.parametrize(
    "archive",
    [path for path in sorted(FIXTURES.glob("*.tar.gz")) if not path.name.startswith("sparse")],
    ids=lambda path: path.name,
)
def test_archives_of_foreign_tools_are_read(archive: Path) -> None:
    for size in (1, 7, 65536):
        taken = found(archive.read_bytes(), size)
        assert (taken.name, taken.content, taken.modified) == (NAME, GOOD, EPOCH_OF_TESTS)
        assert taken.warnings == ()


@pytest.mark.parametrize("archive", sorted(FIXTURES.glob("sparse-*")), ids=lambda path: path.name)
def test_a_sparse_file_of_the_name_is_never_used(archive: Path) -> None:
    with pytest.raises(HyperparametersNotFoundError, match="sparse file"):
        found(archive.read_bytes())


@pytest.mark.parametrize("size", [1, 7, 65536])
@pytest.mark.parametrize("dialect", ["USTAR", "GNU", "PAX"])
def test_archives_of_python_are_read(dialect: str, size: int) -> None:
    archive = io.BytesIO()
    with tarfile.open(
        fileobj=archive, mode="w:gz", format=getattr(tarfile, f"{dialect}_FORMAT")
    ) as tar:
        names = ["model.pt", "x" * 90 + "/" + "y" * 60, "z" * 99 + "/"]
        if dialect != "USTAR":
            names += ["ü" * 120, "n" * 300]
        for name in [*names, f"./{NAME}"]:
            info = tarfile.TarInfo(name)
            info.size = len(GOOD) if name.endswith(NAME) else 0
            info.mtime = EPOCH_OF_TESTS + 0.25 if dialect == "PAX" else EPOCH_OF_TESTS
            info.uid = 2**40 if dialect != "USTAR" else 0
            tar.addfile(info, io.BytesIO(GOOD))
    assert found(archive.getvalue(), size).content == GOOD
    assert found(archive.getvalue(), size).modified == EPOCH_OF_TESTS


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize(
    "name", [NAME, f"./{NAME}", f"/{NAME}", f".//./{NAME}", f"//{NAME}", f"/././/{NAME}"]
)
def test_the_root_name_is_normalised(name: str, compressed: bool) -> None:
    tar = member("first", b"1") + member(name) + END
    taken = found(gz(tar) if compressed else tar, 7)
    assert (taken.name, taken.content, taken.warnings) == (NAME, GOOD, ())


@pytest.mark.parametrize(
    "name",
    [
        f"../{NAME}",
        f"model/../{NAME}",
        f"../../etc/{NAME}",
        f"._{NAME}",
        f"__MACOSX/._{NAME}",
        f"x{NAME}",
        f"{NAME}.bak",
        f"{NAME}/",
        f"{NAME}/x",
        f"model\\{NAME}",
        NAME.upper(),
    ],
)
def test_other_names_never_match(name: str) -> None:
    with pytest.raises(HyperparametersNotFoundError, match="among its 1 member "):
        found(gz(member(name) + END))
    with pytest.raises(HyperparametersNotFoundError, match="among its 26 members"):
        found(gz(MANY + member(name) + END))


@pytest.mark.parametrize("kind", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("size", [0, 5])
def test_what_is_not_a_regular_file_never_matches_and_has_no_data(kind: bytes, size: int) -> None:
    entry = header(NAME.encode(), size, kind)
    with pytest.raises(HyperparametersNotFoundError, match="never used"):
        found(gz(entry + END))
    assert found(gz(entry + member(NAME) + END)).content == GOOD


@pytest.mark.parametrize("kind", [b"0", b"\0", b"7"])
def test_each_type_of_regular_file_matches(kind: bytes) -> None:
    assert found(gz(member(NAME, kind=kind) + END)).content == GOOD


@pytest.mark.parametrize("kind", [b"V", b"M", b"N", b"D", b"Z"])
def test_the_data_of_other_types_are_passed_over(kind: bytes) -> None:
    assert found(gz(member("x", b"y" * 700, kind) + member(NAME) + END)).content == GOOD


def test_an_old_writers_folder_is_known_by_its_slash_even_if_its_name_fills_the_header() -> None:
    for name in (b"code/", b"c" * 99 + b"/"):
        folder = header(name, 700, b"\0", magic=b"")
        assert found(gz(folder + member(NAME) + END)).content == GOOD
    file = header(b"c" * 98 + b"/x", 700, b"\0", magic=b"") + padded(b"x" * 700)
    for tar in (file, MANY + file, MANY + header(b"c" * 99 + b"/", 700, b"\0", magic=b"")):
        assert found(gz(tar + member(NAME) + END)).content == GOOD


def test_the_first_root_file_wins() -> None:
    tar = member(f"code/{NAME}", OTHER) + member(NAME) + member(NAME, OTHER) + END
    assert found(gz(tar)).content == GOOD


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (["a/b", "c"], "c"),
        (["code", "a/b/c"], "a/b/c"),
        (["code/a", "code"], "code"),
        (["a", "b"], "a"),
        (["./a", "/b"], "a"),
        (["a/code", "b/c/d"], "a/code"),
        (["../x", "a/../b", "a/b/c"], "a/b/c"),
    ],
)
def test_the_shallowest_nested_file_is_taken_and_those_under_code_last(
    names: list[str], taken: str
) -> None:
    entries = [member(f"{name}/{NAME}", name.lstrip("./").encode()) for name in names]
    result = found(gz(MANY.join(entries) + MANY + END), 7)
    assert (result.name, result.content) == (f"{taken}/{NAME}", taken.encode())
    assert len(result.warnings) == 1
    assert f"'{taken}/{NAME}'" in result.warnings[0]


@pytest.mark.parametrize("end", [b"", bytes(512), END, END + b"garbage"])
def test_a_zero_block_or_the_end_of_the_stream_ends_the_archive(end: bytes) -> None:
    assert found(gz(member(f"a/{NAME}") + end)).content == GOOD
    with pytest.raises(HyperparametersNotFoundError):
        found(gz(member("a") + end))


@pytest.mark.parametrize("zeros", [512, 1024])
@pytest.mark.parametrize("before", [b"", member("a")])
def test_what_follows_a_zero_block_is_not_read(before: bytes, zeros: int) -> None:
    with pytest.raises(HyperparametersNotFoundError):
        found(gz(before + bytes(zeros) + member(NAME) + END))


@pytest.mark.parametrize("extension", [pax(record("path", b"x")), long_name(b"x")])
def test_a_zero_block_ends_the_archive_after_an_extension_header_too(extension: bytes) -> None:
    with pytest.raises(HyperparametersNotFoundError, match="among its 1 member "):
        found(gz(member("a") + extension + bytes(512) + member(NAME) + END))


@pytest.mark.parametrize("tar", [END, bytes(10240)])
def test_an_empty_archive_has_no_members(tar: bytes) -> None:
    for archive in (tar, gz(tar)):
        with pytest.raises(HyperparametersNotFoundError, match="among its 0 members"):
            found(archive)


def test_not_found_names_the_first_twenty_members_escaped_and_cut() -> None:
    entries = [long_name(b"long-" + b"x" * 5000) + header(b"-"), member("new\nline")]
    entries += [member(f"file-{number}", b"") for number in range(30)]
    with pytest.raises(HyperparametersNotFoundError) as caught:
        found(gz(b"".join(entries) + END))
    message = str(caught.value)
    assert isinstance(caught.value, FileNotFoundError)
    assert "among its 32 members" in message
    assert "'new\\nline'" in message
    assert "file-17" in message
    assert "file-18" not in message
    assert "long-" + "x" * 194 + "…'" in message
    assert len(message) < 900


# --- pax, GNU and base-256

EXTENSIONS: Dict[str, bytes] = {
    "pax path": pax(record("path", NAME.encode())) + member("-"),
    "pax path with dot": pax(record("path", b"./" + NAME.encode())) + member("-"),
    "solaris pax": pax(record("path", NAME.encode()), b"X") + member("-"),
    "global path": pax(record("path", NAME.encode()), b"g") + member("-"),
    "path over global path": pax(record("path", b"other"), b"g")
    + pax(record("path", NAME.encode()))
    + member("-"),
    "two pax headers": pax(record("path", NAME.encode()))
    + pax(record("mtime", b"1"))
    + member("-"),
    "path taken back": pax(record("path", b"")) + member(NAME),
    "global path taken back": pax(record("path", b"x"), b"g")
    + pax(record("path", b""))
    + member(NAME),
    "unknown records": pax(record("comment", b"a=b\nc") + record("VENDOR.x", b"\0")) + member(NAME),
    "records and NULs": pax(record("comment", b"x") + bytes(40)) + member(NAME),
    "no records": pax(b"") + member(NAME),
    "comment in Latin-1": pax(record("comment", b"\xfc")) + member(NAME),
    "GNU long name": long_name(NAME.encode()) + member("-"),
    "GNU long link before": long_name(b"x" * 200, b"K") + member(NAME),
    "pax size": pax(record("size", b"%d" % len(GOOD))) + header(NAME.encode(), 0) + padded(GOOD),
    "pax size with zeros": pax(record("size", b"%030d" % len(GOOD)))
    + header(NAME.encode())
    + padded(GOOD),
    "pax size of the one before": pax(record("size", b"700")) + header(b"x") + bytes(1024),
    "pax size on a link": pax(record("size", b"700")) + header(b"x", 0, b"2"),
    "base-256 size": header(NAME.encode(), size_field=b"\x80" + len(GOOD).to_bytes(11, "big"))
    + padded(GOOD),
    "size without NUL": header(NAME.encode(), size_field=b"%012o" % len(GOOD)) + padded(GOOD),
    "size with blanks": header(NAME.encode(), size_field=b"%11o " % len(GOOD)) + padded(GOOD),
    "v7": header(NAME.encode(), len(GOOD), b"\0", magic=b"") + padded(GOOD),
    "GNU magic keeps times where ustar has a prefix": header(
        NAME.encode(), len(GOOD), magic=b"ustar  \0", rest=b"%011o\0" % 1
    )
    + padded(GOOD),
    "ustar prefix": header(NAME.encode(), len(GOOD), prefix=b".") + padded(GOOD),
    "not UTF-8": header(b"\xff\xfe", 3) + padded(b"abc"),
    "empty name": header(b"", 3) + padded(b"abc"),
}


@pytest.mark.parametrize("tar", EXTENSIONS.values(), ids=EXTENSIONS)
def test_extensions_are_understood(tar: bytes) -> None:
    for before in (b"", MANY):
        for size in (1, 511, 65536):
            assert found(gz(before + tar + member(NAME) + END), size).content == GOOD


def test_a_global_path_applies_to_all_following_members() -> None:
    tar = MANY + pax(record("path", b"./" + NAME.encode()), b"g") + member("other")
    assert found(gz(tar)).content == GOOD


@pytest.mark.parametrize("kind", LINKS.values(), ids=LINKS)
def test_links_and_folders_with_a_size_are_passed_over_after_many(kind: bytes) -> None:
    for entry in (header(b"x", 700, kind), header(NAME.encode(), 700, kind)):
        assert found(gz(MANY + entry + member(NAME) + END)).content == GOOD


def test_bytes_after_the_nul_of_a_name_are_ignored() -> None:
    leftover = header(NAME.encode() + b"\0" + b"old-name", len(GOOD)) + padded(GOOD)
    other = header(b"x\0" + NAME.encode(), len(OTHER)) + padded(OTHER)
    for before in (b"", MANY):
        assert found(gz(before + other + leftover + END)).content == GOOD


def test_a_prefix_puts_a_file_into_a_folder() -> None:
    entry = header(NAME.encode(), len(GOOD), prefix=b"a/b") + padded(GOOD)
    assert found(gz(entry)).name == f"a/b/{NAME}"


def test_a_pax_size_never_applies_to_an_extension_header() -> None:
    hidden = member(NAME, OTHER)
    tar = (
        pax(record("size", b"%d" % (len(hidden))))
        + long_name(b"blob")
        + header(b"-", 0)
        + hidden
        + member(NAME)
        + END
    )
    assert found(gz(tar)).content == GOOD


def test_a_pax_record_applies_only_to_the_next_file() -> None:
    tar = pax(record("path", b"x/" + NAME.encode()) + record("size", b"3")) + header(b"-")
    with pytest.raises(HyperparametersNotFoundError, match="'x', 'b'"):
        found(gz(pax(record("path", b"x")) + member("a") + member("b")))
    assert found(gz(tar + padded(b"abc") + member(NAME) + END)).content == GOOD


def test_a_pax_name_wins_over_a_gnu_name() -> None:
    entry = pax(record("path", NAME.encode())) + long_name(b"other") + member("-")
    assert found(gz(entry + member(NAME, OTHER))).content == GOOD


@pytest.mark.parametrize(
    ("records", "modified"),
    [
        (record("mtime", b"1700000000.75"), 1_700_000_000),
        (record("mtime", b"-5"), -5),
        (record("mtime", b"not a time"), EPOCH_OF_TESTS),
        (record("mtime", b""), EPOCH_OF_TESTS),
        (b"", EPOCH_OF_TESTS),
    ],
)
def test_the_modification_time_is_that_of_the_records_if_it_is_valid(
    records: bytes, modified: int
) -> None:
    assert found(gz(pax(records) + member(NAME))).modified == modified


@pytest.mark.parametrize(
    ("time_field", "modified"),
    [(b"x" * 12, 0), (b" " * 12, 0), (b"\x80" + b"\xff" * 11, 0), (b"\xff" * 12, -1)],
)
def test_an_invalid_modification_time_is_the_epoch(time_field: bytes, modified: int) -> None:
    entry = header(NAME.encode(), len(GOOD), time_field=time_field) + padded(GOOD)
    assert found(gz(entry)).modified == modified


DAMAGED: Dict[str, bytes] = {
    "checksum": header(b"x", checksum=1234),
    "checksum no number": header(b"x")[:148] + b"12345678" + header(b"x")[156:],
    "another magic": header(b"x").replace(b"ustar", b"USTAR", 1),
    "negative size": header(b"x", size_field=b"\xff" * 12),
    "size beyond off_t": header(b"x", size_field=b"\x80" + b"\xff" * 11),
    "size no number": header(b"x", size_field=b"12x45678901\0"),
    "size with a sign": header(b"x", size_field=b"-1         \0"),
    "pax size no number": pax(record("size", b"1e3")) + header(b"x"),
    "pax size negative": pax(record("size", b"-1")) + header(b"x"),
    "pax size beyond off_t": pax(record("size", b"9" * 19)) + header(b"x"),
    "pax size of many digits": pax(record("size", b"9" * 5000)) + header(b"x"),
    "record without newline": pax(b"9 path=xx") + header(b"x"),
    "record longer than the body": pax(b"99 path=x\n") + header(b"x"),
    "record of no length": pax(b"path=x\n") + header(b"x"),
    "record of length nought": pax(b"0 path=x\n") + header(b"x"),
    "record that ends in its length": pax(b"3 x=\n") + header(b"x"),
    "record without equals sign": pax(b"7 path\n") + header(b"x"),
    "record without keyword": pax(b"6 =ab\n") + header(b"x"),
    "pax header and no file": pax(record("path", b"x")),
    "long name and no file": long_name(b"x"),
    "half a header": header(b"x")[:300],
    "half a body": header(b"x", 700) + bytes(512),
    "half an extension": pax(b"x" * 700)[:800],
    "half a sparse map": header(b"x", 0, b"S", magic=b"ustar  \0", rest=bytes(137) + b"\1"),
    "padding cut": header(b"x", 3) + b"abc",
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_damage_is_reported_with_the_compressed_offset_even_after_a_nested_file(
    damage: bytes,
) -> None:
    for before, size in itertools.product((b"", MANY), (1, 65536)):
        archive = gz(member(f"a/{NAME}") + before + damage)
        with pytest.raises(CorruptArchiveError, match=r"compressed offset \d+") as caught:
            found(archive, size)
        offset = re.search(r"compressed offset (\d+)", str(caught.value))
        assert offset is not None
        assert 20 < int(offset.group(1)) <= len(archive)


def test_an_old_checksum_of_signed_bytes_is_accepted() -> None:
    name = "ü".encode()
    signed = sum(header(name)) - sum(header(name)[148:156]) + 8 * 32 - 256 * 2
    assert found(gz(header(name, checksum=signed) + member(NAME))).content == GOOD


def test_an_archive_cut_anywhere_raises_only_the_projects_errors() -> None:
    archive = gz(pax(record("path", b"x" * 150)) + member("-", b"y" * 600) + member(NAME) + END)
    whole = 0
    for length in range(len(archive)):
        try:
            assert found(archive[:length], 7).content == GOOD
            whole += 1
        except PayloadError as error:
            assert isinstance(error, CorruptArchiveError), length  # noqa: PT017
            assert whole == 0, length
    assert whole > 8  # the end of the tar, and the trailer of gzip
