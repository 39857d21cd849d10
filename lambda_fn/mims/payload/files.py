"""Samples → payload files, each parsed back and compared with the samples."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Iterator, List

from mims.errors import PayloadError, PayloadTooLargeError
from mims.formats.bodies import FORMATS, read_body
from mims.formats.content_types import ContentType
from mims.limits import REQUEST_BYTES
from mims.samples import Samples
from mims.settings import FLAT, Settings

METADATA = "metadata.json"


@dataclass(frozen=True)
class PayloadFile:
    """One file of the payload archive: its path there, and the body of a request."""

    path: str
    content_type: ContentType
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def generate_sample_payload(samples: Samples, settings: Settings) -> Iterator[PayloadFile]:
    """Yield the payload files: one a content type, or, in the flat layout, one a sample.

    Raises
    ------
    InvalidSettingsError
        A content type cannot carry a field's value; the message names the field.
    PayloadTooLargeError
        A file is over the limit of a request.
    """
    if settings.layout == FLAT:
        (content_type,) = settings.content_types
        digits = max(4, len(str(samples.count)))
        for index in range(samples.count):
            path = f"sample_payload_{index + 1:0{digits}}{content_type.extension}"
            yield PayloadFile(path, content_type, encode(samples.one(index), content_type))
        return
    for content_type in settings.content_types:
        path = f"{content_type.folder}/sample_payload{content_type.extension}"
        yield PayloadFile(path, content_type, encode(samples, content_type))


def encode(samples: Samples, content_type: ContentType) -> bytes:
    """Return the samples as one body of that content type."""
    form = FORMATS[content_type.media_type]
    carried = replace(
        samples,
        values=tuple(
            tuple(form.carried(field, value, content_type) for value in values)
            for field, values in zip(samples.fields, samples.values)
        ),
    )
    pieces: List[bytes] = []
    size = 0
    for piece in form.write(carried, content_type):
        size += len(piece)
        if size > REQUEST_BYTES:
            raise PayloadTooLargeError(
                f"The payload file of {content_type} for {samples.count:,} samples of "
                f"{len(samples.fields):,} fields is over {REQUEST_BYTES:,} bytes, the most that a "
                "request to an endpoint may have. Lower SAMPLE_COUNT (sample_count)."
            )
        pieces.append(piece)
    body = b"".join(pieces)
    if not _gives_back(body, carried, content_type):
        raise PayloadError(
            f"The payload file of {content_type} does not give back its samples when it is parsed. "
            "This is a defect of the generator; please report it."
        )
    return body


def _gives_back(body: bytes, carried: Samples, content_type: ContentType) -> bool:
    try:
        names, rows = read_body(body, content_type)
    except ValueError:
        return False
    return (
        names in (None, carried.names)
        and len(rows) == carried.count
        and all(row == expected for row, expected in zip(rows, carried.rows()))
    )
