"""The payload generator's core: the bytes of a model archive and settings in, a payload out.

It needs the standard library alone, and knows no clock, environment, network or disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, List, Tuple

from mims.formats.content_types import ContentType, wire_types
from mims.inputs.field_lists import derive_fields
from mims.inputs.hyperparameters import Member, parse_hyperparameters
from mims.inputs.search import extract_hyperparameters
from mims.limits import SERVERLESS_BYTES
from mims.payload.archive import create_payload_archive
from mims.payload.files import PayloadFile, generate_sample_payload
from mims.payload.metadata import describe
from mims.sampling import make_samples
from mims.settings import CONTRACT, Settings


@dataclass(frozen=True)
class Payload:
    """A `payload.tar.gz` and what is in it; `content_types` are those that go over the wire."""

    archive: bytes
    content_types: Tuple[str, ...]
    field_count: int
    sample_count: int
    warnings: Tuple[str, ...]


def generate(chunks: Iterable[bytes], settings: Settings) -> Payload:
    """Return the payload for the model archive whose bytes are `chunks`.

    >>> generate([open("model.tar.gz", "rb").read()], Settings()).archive  # doctest: +SKIP

    Raises
    ------
    PayloadError
        One of its classes, for whatever is wrong with the archive, its hyperparameters or the
        settings. What `chunks` itself raises passes through unchanged.
    """
    return generate_from(extract_hyperparameters(chunks, settings.limits), settings)


def generate_from(member: Member, settings: Settings) -> Payload:
    """Return the payload for a model whose `hyperparameters.json` is `member`."""
    hyperparameters = parse_hyperparameters(member)
    fields = derive_fields(hyperparameters)
    samples = make_samples(fields.fields, hyperparameters, settings, member.modified)
    warnings = [*member.warnings, *fields.warnings, *samples.warnings]
    sizes: Dict[ContentType, int] = {}
    files = _measured(generate_sample_payload(samples, settings), sizes)
    metadata = {}
    if settings.layout == CONTRACT:
        files = list(files)
        metadata = describe(files, samples, hyperparameters, warnings + _size_warnings(sizes))
    archive = create_payload_archive(files, metadata)
    return Payload(
        archive,
        tuple(wire_types(settings.content_types)),
        len(samples.fields),
        samples.count,
        (*warnings, *_size_warnings(sizes)),
    )


def _measured(files: Iterable[PayloadFile], sizes: Dict[ContentType, int]) -> Iterable[PayloadFile]:
    """Pass the files on, and note the largest size, in bytes, of each content type."""
    for file in files:
        sizes[file.content_type] = max(len(file.content), sizes.get(file.content_type, 0))
        yield file


def _size_warnings(sizes: Dict[ContentType, int]) -> List[str]:
    return [
        f"The payload file of {content_type} has {size:,} bytes, more than the "
        f"{SERVERLESS_BYTES:,} that a serverless endpoint takes. For one, lower SAMPLE_COUNT "
        "(sample_count)."
        for content_type, size in sizes.items()
        if size > SERVERLESS_BYTES
    ]
