"""Other ways to get `hyperparameters.json` out of a model archive in S3, and lower bounds.

Each gets the client and the object's key, and returns the member. They work as their documentation
shows: a pipe through `tarfile` stops at the member; what cannot stop reads to the end.
"""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.server import BUCKET, PACE

NAME = "hyperparameters.json"
_PIECE = 256 * 1024


class Source(NamedTuple):
    """A model archive: the client to read it with, and its key."""

    client: Any
    key: str


def download_and_unpack(source: Source) -> bytes:
    """Download the whole archive, and unpack all of it on disk."""
    with tempfile.TemporaryDirectory() as folder:
        archive = f"{folder}/model.tar.gz"
        source.client.download_file(BUCKET, source.key, archive)
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        return Path(folder, NAME).read_bytes()


def tarfile_stream(source: Source) -> bytes:
    """Read boto3's body through `tarfile` as a stream, up to the member."""
    body = source.client.get_object(Bucket=BUCKET, Key=source.key)["Body"]
    with body, tarfile.open(fileobj=body, mode="r|gz") as tar:
        return _member(tar)


def powertools(source: Source) -> bytes:
    """Read Powertools' `S3Object`, which inflates, through `tarfile` as a stream."""
    from aws_lambda_powertools.utilities.streaming.s3_object import S3Object

    with S3Object(BUCKET, source.key, boto3_client=source.client, is_gzip=True) as stream:
        return _member(tarfile.open(fileobj=stream, mode="r|"))


def smart_open(source: Source) -> bytes:
    """Read smart_open, which inflates by the key's ending, through `tarfile` as a stream."""
    import smart_open

    parameters = {"client": source.client}
    uri = f"s3://{BUCKET}/{source.key}"
    with smart_open.open(uri, "rb", transport_params=parameters) as stream:
        return _member(tarfile.open(fileobj=stream, mode="r|"))


def curl_tar(source: Source) -> bytes:
    """Pipe curl into GNU tar, which runs gzip and stops at the member."""
    url = source.client.generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": source.key}
    )
    command = f'curl --silent "$0" | tar --extract --gzip --to-stdout --occurrence=1 {NAME}'
    return subprocess.run(
        ["sh", "-c", command, url], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ).stdout


def download(source: Source) -> None:
    """Only download: read boto3's body, and discard it."""
    body = source.client.get_object(Bucket=BUCKET, Key=source.key)["Body"]
    while body.read(_PIECE):
        pass


def inflate_with_isal(pieces: Iterable[bytes]) -> None:
    """Only inflate, with isal, the whole archive in memory."""
    from isal import igzip_lib

    inflater = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    for piece in pieces:
        inflater.decompress(piece, _PIECE)
        while not inflater.needs_input and not inflater.eof:
            inflater.decompress(b"", _PIECE)
    if not inflater.eof:
        raise ValueError("the archive is incomplete")


def inflate_with_isal_at_pace(pieces: Iterable[bytes]) -> None:
    """Do the same, but wait for each piece until the paced server would have sent it."""
    inflate_with_isal(_at_pace(pieces))


def inflate_with_zlib(pieces: Iterable[bytes]) -> None:
    """Only inflate, with zlib."""
    inflater = zlib.decompressobj(31)
    for piece in pieces:
        while piece:
            inflater.decompress(piece, _PIECE)
            piece = inflater.unconsumed_tail
    if not inflater.eof:
        raise ValueError("the archive is incomplete")


def _at_pace(pieces: Iterable[bytes]) -> Iterator[bytes]:
    due = time.monotonic()
    for piece in pieces:
        due += len(piece) / PACE
        time.sleep(max(0.0, due - time.monotonic()))
        yield piece


def pieces_of(file: Path, size: int) -> list[bytes]:
    """Return a file's bytes in pieces of that size."""
    with file.open("rb") as opened:
        return list(iter(lambda: opened.read(size), b""))


def _member(tar: tarfile.TarFile) -> bytes:
    for member in tar:
        if member.name == NAME:
            content = tar.extractfile(member)
            assert content
            return content.read()
    raise ValueError(f"no {NAME}")


PEERS: dict[str, Callable[[Source], bytes | None]] = {
    "download_unpack": download_and_unpack,
    "tarfile": tarfile_stream,
    "powertools": powertools,
    "smart_open": smart_open,
    "curl_tar": curl_tar,
    "download": download,
}
