"""Each limit at its edge: checked by the declared size, before the bytes are read."""

from __future__ import annotations

from typing import Callable

import pytest
from mims.errors import ArchiveLimitError, CorruptArchiveError, HyperparametersNotFoundError
from mims.limits import Limits

from tests.archives import (
    END,
    GOOD,
    NAME,
    Counted,
    chunked,
    extract_hyperparameters,
    found,
    gz,
    header,
    long_name,
    member,
    noise,
    padded,
    pax,
    record,
)

MIB = 1024**2


def test_the_defaults() -> None:
    assert Limits() == Limits(4 * MIB, 1024**4, 1_000_000)


def test_hyperparameters_at_the_limit_and_one_byte_over() -> None:
    limits = Limits(hyperparameters_bytes=len(GOOD))
    assert found(gz(member(NAME)), limits=limits).content == GOOD
    assert found(gz(member(f"a/{NAME}")), limits=limits).content == GOOD
    limits = Limits(hyperparameters_bytes=len(GOOD) - 1)
    for name in (NAME, f"a/{NAME}"):
        with pytest.raises(ArchiveLimitError, match=r"has 27 bytes.* 26 .*MAX_HYPERPARAMETERS_BYT"):
            found(gz(member(name)), limits=limits)


def test_a_declared_size_is_checked_before_its_bytes_are_read() -> None:
    tar = header(NAME.encode(), 16 * MIB + 1) + noise(400_000)
    chunks = Counted(chunked(gz(tar), 500))
    with pytest.raises(ArchiveLimitError, match="16,777,217"):
        extract_hyperparameters(chunks)
    assert chunks.asked < 10


def test_an_oversized_nested_file_counts_only_if_it_would_be_used() -> None:
    limits = Limits(hyperparameters_bytes=30)
    large = b"x" * 31
    for better in (NAME, f"b/{NAME}"):
        for tar in (
            member(f"a/c/{NAME}", large) + member(better),
            member(better) + member(f"a/c/{NAME}", large),
        ):
            assert found(gz(tar), limits=limits).content == GOOD
    with pytest.raises(ArchiveLimitError, match=f"'a/{NAME}' has 31 bytes"):
        found(gz(member(f"a/{NAME}", large) + member(f"b/c/{NAME}")), limits=limits)
    # A root file of a wrong kind has no size that counts.
    tar = header(NAME.encode(), 10**12, b"2") + member(NAME)
    assert found(gz(tar), limits=limits).content == GOOD


def test_members_at_the_limit_and_one_over() -> None:
    tar = member("a", b"") * 4 + member(NAME)
    assert found(gz(tar), limits=Limits(members=5)).content == GOOD
    with pytest.raises(ArchiveLimitError, match=r"more than 4 members .*MAX_MEMBERS"):
        found(gz(tar), limits=Limits(members=4))
    # Extension headers are not members.
    tar = pax(record("comment", b"x")) + long_name(b"x" * 200) + header(b"-") + member(NAME)
    assert found(gz(tar), limits=Limits(members=2)).content == GOOD


def test_decompressed_bytes_at_the_limit_and_one_over() -> None:
    tar = member("a", b"x" * 700) + member(NAME)
    needed = 512 + 1024 + 512 + len(GOOD)
    assert found(gz(tar), limits=Limits(archive_bytes=needed)).content == GOOD
    with pytest.raises(ArchiveLimitError, match=r"2,074 decompressed.*MAX_ARCHIVE_BYTES"):
        found(gz(tar), limits=Limits(archive_bytes=needed - 1))
    with pytest.raises(ArchiveLimitError, match="MAX_ARCHIVE_BYTES"):
        found(gz(member("a", b"") * 100), limits=Limits(archive_bytes=10_000))
    with pytest.raises(ArchiveLimitError, match="1,099,511,627,776 decompressed"):
        found(gz(header(b"a", size_field=b"\x80" + (1024**4).to_bytes(11, "big"))))
    with pytest.raises(ArchiveLimitError, match="MAX_ARCHIVE_BYTES"):
        found(gz(pax(record("size", b"%d" % (2**63 - 1))) + header(b"a")))


@pytest.mark.parametrize(
    "extension", [pax, lambda body: pax(body, b"g"), lambda body: header(b"L", len(body), b"L")]
)
def test_an_extension_header_at_the_limit_and_one_byte_over(
    extension: Callable[[bytes], bytes],
) -> None:
    body = record("comment", b"x" * (MIB - 17))
    assert len(body) == MIB
    whole = extension(body)
    whole = whole if len(whole) > 512 else whole + body
    assert found(gz(whole + member("-") + member(NAME))).content == GOOD
    with pytest.raises(ArchiveLimitError, match=r"1,048,577 bytes.* 1,048,576"):
        found(gz(extension(record("comment", b"x" * (MIB - 16))) + END))


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K", b"X"])
def test_an_extension_header_that_claims_a_gigabyte_is_refused_unread(kind: bytes) -> None:
    with pytest.raises(ArchiveLimitError, match="1,073,741,824"):
        found(gz(header(b"-", 1024**3, kind)))
    with pytest.raises(ArchiveLimitError, match="MAX_ARCHIVE_BYTES"):
        found(gz(header(b"-", 5000, kind)), limits=Limits(archive_bytes=1000))


def test_the_map_of_a_sparse_file_is_limited_too() -> None:
    sparse = header(b"x", 0, b"S", magic=b"ustar  \0", rest=bytes(137) + b"\1")
    more = bytes(504) + b"\1" + bytes(7)
    last = bytes(512)
    assert found(gz(sparse + more * 2047 + last + member(NAME))).content == GOOD
    with pytest.raises(ArchiveLimitError, match="sparse"):
        found(gz(sparse + more * 2048 + last + member(NAME)))


def test_many_members_and_names_of_a_megabyte_are_passed_over() -> None:
    names = b"".join(long_name(b"x" * 1_000_000) + header(b"-") for _ in range(30))
    with pytest.raises(HyperparametersNotFoundError) as caught:
        found(gz(names, 1))
    assert len(str(caught.value)) < 5000
    assert found(gz(member("a", b"") * 20_000 + member(NAME), 1)).content == GOOD


def test_names_in_messages_are_escaped_and_cut() -> None:
    folder = "\u202e\n" + "x" * 100_000
    entry = long_name(f"{folder}/{NAME}".encode()) + header(b"-", 100) + padded(b"x" * 100)
    with pytest.raises(ArchiveLimitError) as caught:
        found(gz(entry), limits=Limits(hyperparameters_bytes=1))
    assert "'\\u202e\\nxxx" in str(caught.value)
    assert len(str(caught.value)) < 400
    warning = found(gz(entry)).warnings[0]
    assert "'\\u202e\\nxxx" in warning
    assert len(warning) < 400
    with pytest.raises(CorruptArchiveError):
        found(gz(entry)[:-40])
