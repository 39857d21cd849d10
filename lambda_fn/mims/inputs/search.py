"""Chunks of a model archive → its member `hyperparameters.json`.

Nothing is extracted, and nothing is asked of the archive's source after the wanted member is whole.
"""

from __future__ import annotations

from typing import Iterable, List, NamedTuple, Optional, Tuple

from mims.archive.inflate import TarStream
from mims.archive.members import Walk
from mims.errors import ArchiveLimitError, HyperparametersNotFoundError, shown
from mims.inputs.hyperparameters import FILE_NAME, Member
from mims.limits import SHOWN_NAMES, Limits

_FILE_NAME = FILE_NAME.encode()
_NAME_BYTES_IN_MESSAGES = 1024  # more than a message shows; a name may have a megabyte


def extract_hyperparameters(chunks: Iterable[bytes], limits: Optional[Limits] = None) -> Member:
    """Return the member `hyperparameters.json` of the model archive whose bytes are `chunks`.

    The first regular file of that name at the archive's root ends the search at once. Otherwise,
    at the archive's end, the shallowest nested one is taken, those under `code/` last.

    Parameters
    ----------
    chunks
        The archive in order, in pieces of any size. Where they can be iterated again (a list, not
        a generator), a faster inflate engine may be used.

    Raises
    ------
    CorruptArchiveError, ArchiveLimitError, HyperparametersNotFoundError
        As their names say. What `chunks` itself raises passes through unchanged.
    """
    limits = limits or Limits()
    stream = TarStream(chunks)
    walk = Walk(stream, limits)
    try:
        return _search(walk, limits)
    finally:
        walk.close()


def nested_rank(folders: Tuple[str, ...]) -> Tuple[bool, int]:
    """Rank a nested file by the folders it lies in: the lowest is taken."""
    return folders[:1] == ("code",), len(folders)


def nested_warning(name: str) -> str:
    """Say that a nested file was taken."""
    return (
        f"The model has no {FILE_NAME} at its root; '{shown(name)}' was used. "
        "Pack it at the root, so that no other file can be taken for it."
    )


def not_found(
    count: int, names: Iterable[str], linked: bool = False
) -> HyperparametersNotFoundError:
    """Return the error for a model without hyperparameters: `count` members, the first `names`."""
    listed = ", ".join(f"'{shown(name)}'" for name in names)
    more = ", …" if count > SHOWN_NAMES else ""
    hint = (
        " A link, folder or sparse file of that name is never used: pack a regular file." * linked
    )
    return HyperparametersNotFoundError(
        f"The model holds no {FILE_NAME} among its {count} members"
        f"{f' ({listed}{more})' if listed else ''}.{hint} "
        f"Have the training job write {FILE_NAME} into its model folder."
    )


def too_large_hyperparameters(name: str, size: int, limit: int) -> ArchiveLimitError:
    """Return the error for a `hyperparameters.json` larger than its limit."""
    return ArchiveLimitError(
        f"'{shown(name)}' has {size:,} bytes, over the limit of {limit:,} "
        "(MAX_HYPERPARAMETERS_BYTES). Raise the limit, or keep bulk data elsewhere."
    )


def _search(walk: Walk, limits: Limits) -> Member:
    best: Optional[_Candidate] = None
    names: List[str] = []
    not_regular = False
    for entry in walk.entries((_FILE_NAME,), first=SHOWN_NAMES):
        if len(names) < SHOWN_NAMES:
            names.append(_text(entry.name[:_NAME_BYTES_IN_MESSAGES]))
        if not entry.name.endswith(_FILE_NAME):
            continue
        parts = [part for part in entry.name.split(b"/") if part not in (b"", b".")]
        if parts[-1] != _FILE_NAME or b".." in parts:
            continue
        if not entry.regular:
            not_regular = True
            continue
        folders = tuple(_text(part) for part in parts[:-1])
        name = "/".join((*folders, FILE_NAME))
        if not folders:
            if entry.size > limits.hyperparameters_bytes:
                raise too_large_hyperparameters(name, entry.size, limits.hyperparameters_bytes)
            return Member(name, walk.content(entry), entry.modified)
        rank = nested_rank(folders)
        if best is None or rank < best.rank:
            fits = entry.size <= limits.hyperparameters_bytes
            content = walk.content(entry) if fits else None
            best = _Candidate(rank, name, entry.size, content, entry.modified)
    if best is None:
        raise not_found(walk.count, names, not_regular)
    if best.content is None:
        raise too_large_hyperparameters(best.name, best.size, limits.hyperparameters_bytes)
    return Member(best.name, best.content, best.modified, (nested_warning(best.name),))


class _Candidate(NamedTuple):
    rank: Tuple[bool, int]
    name: str
    size: int
    content: Optional[bytes]
    modified: int


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
