"""The search through a model's files, one after another, until its input fields are known."""

from __future__ import annotations

from typing import Callable, Iterable, Iterator

from mims.archive.inflate import TarStream
from mims.archive.members import Walk
from mims.deadline import Check, no_deadline
from mims.errors import ArchiveLimitError, CorruptArchiveError
from mims.inputs import families
from mims.inputs.findings import Findings
from mims.inputs.hyperparameters import FILE_NAME, Hyperparameters
from mims.inputs.model_files import ModelFile, archive_files
from mims.inputs.model_inputs import Consult, ModelInputs
from mims.inputs.sources import SOURCES
from mims.limits import FIRST_PART, SHOWN_NAMES, Limits

_ENDINGS = tuple(
    ending.encode()
    for ending in dict.fromkeys(
        [
            FILE_NAME,
            *families.ENDINGS,
            *(ending for source in SOURCES for ending in source.endings),
        ]
    )
)
_HEADS = tuple(dict.fromkeys(head for source in SOURCES for head in source.heads))


def search_archive(
    chunks: Iterable[bytes], limits: Limits, consult: Consult, check: Check = no_deadline
) -> ModelInputs:
    """Return the inputs of the model whose archive's bytes are `chunks`.

    A root `hyperparameters.json` that names fields ends the search at once, unless the family is
    wanted; otherwise the archive is read to its end.

    Parameters
    ----------
    chunks
        The archive in order, in pieces of any size. If they can be iterated again (a list, not a
        generator), a faster inflate engine may be used.
    check
        Called at least every half second of work; what it raises passes through, and so does what
        `chunks` raises.

    Raises
    ------
    CorruptArchiveError, ArchiveLimitError, HyperparametersNotFoundError,
    InvalidHyperparametersError, NoInputFieldsError
        As their names say.
    """
    wishes = consult(Hyperparameters())
    only_settings = wishes.fields is not None and not wishes.family
    first_part = _FirstPart(chunks, lambda: findings.wants_family) if only_settings else None

    def check_both() -> None:
        check()
        if findings.is_reading_on and findings.has_read_on(stream.compressed_offset):
            raise _EnoughReadError

    findings = Findings(limits, consult, check_both)
    stream = TarStream(chunks if first_part is None else first_part, check_both)
    walk = Walk(stream, limits, check_both)
    try:
        for file in archive_files(walk, _ENDINGS, _HEADS, SHOWN_NAMES):
            if findings.look_at(file):
                break
    except _EnoughReadError:
        pass
    except (CorruptArchiveError, ArchiveLimitError) as error:
        if not findings.is_reading_on:
            raise
        if not (first_part is not None and first_part.is_cut):
            findings.warn_of_damage(error)
    finally:
        walk.close()
    return findings.result(walk.count, stream.garbled)


def search_files(
    files: Iterable[ModelFile], limits: Limits, consult: Consult, check: Check = no_deadline
) -> ModelInputs:
    """Return the inputs of a model whose files are in a folder; raises as `search_archive` does.

    A `hyperparameters.json` at its root should come first: it may end the search.
    """
    findings = Findings(limits, consult, check)
    count = 0
    try:
        for file in files:
            check()
            count += 1
            if findings.look_at(file):
                break
    except ArchiveLimitError as error:
        if not findings.is_reading_on:
            raise
        findings.warn_of_damage(error)
    return findings.result(count, garbled=False)


class _EnoughReadError(Exception):
    """The fields are known, and enough of the archive was read to find the family."""


class _FirstPart:
    """The beginning of an archive, whenever it is iterated; `is_cut` says that more follows.

    It is the whole archive if `wants_all` says so, since hyperparameters may ask for the family.
    """

    def __init__(self, chunks: Iterable[bytes], wants_all: Callable[[], bool]) -> None:
        self._chunks = chunks
        self._wants_all = wants_all
        self.is_cut = False

    def __iter__(self) -> Iterator[bytes]:
        left = FIRST_PART
        for chunk in self._chunks:
            if left > 0:
                yield chunk[:left]
            rest = chunk[max(left, 0) :]
            left -= len(chunk)
            if left > 0:
                continue
            self.is_cut = not self._wants_all()
            if self.is_cut:
                return
            if rest:
                yield rest
