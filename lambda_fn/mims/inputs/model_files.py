"""A model's files, one after another: the members of its archive, or the files of a folder."""

from __future__ import annotations

from typing import Callable, Iterator, NamedTuple, Tuple

from mims.archive.members import Entry, Walk


class ModelFile(NamedTuple):
    """A file of the model; its bytes are read only on demand, and once.

    Attributes
    ----------
    name
        Its path in the model, without `./`, `//` or a leading `/`.
    regular
        It is a regular file, not a link, folder, device or sparse file.
    size, modified
        Bytes; seconds since the epoch.
    head
        Returns as many of its first bytes as are asked for, or fewer if the file is shorter.
    chunks
        Yields its bytes.
    """

    name: str
    regular: bool
    size: int
    modified: int
    head: Callable[[int], bytes]
    chunks: Callable[[], Iterator[bytes]]


def archive_files(
    walk: Walk, endings: Tuple[bytes, ...], heads: Tuple[bytes, ...], first: int
) -> Iterator[ModelFile]:
    """Yield the members whose names have one of the endings, or whose bytes one of the heads.

    The `first` members are yielded in any case, so that a message can name them.
    """
    for entry in walk.entries(endings, heads, first):
        yield ModelFile(
            plain_path(entry.name.decode("utf-8", "surrogateescape")),
            entry.regular,
            entry.size,
            entry.modified,
            walk.peek,
            _chunks_of(walk, entry),
        )


def _chunks_of(walk: Walk, entry: Entry) -> Callable[[], Iterator[bytes]]:
    return lambda: walk.chunks(entry)


def plain_path(name: str) -> str:
    """Return a path without `./`, `//` and a leading `/`; a folder keeps the `/` at its end.

    >>> plain_path("./code//a.txt"), plain_path("./code/")
    ('code/a.txt', 'code/')
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return "/".join(parts) + "/" * (name.endswith("/") and bool(parts))
