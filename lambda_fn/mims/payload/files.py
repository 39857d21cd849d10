"""Samples → payload files, each of which is parsed and compared with the samples."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Iterator, List

from mims.deadline import Check, checked, no_deadline
from mims.errors import (
    InvalidHyperparametersError,
    InvalidSettingsError,
    PayloadError,
    PayloadTooLargeError,
)
from mims.formats.format import Format
from mims.formats.registry import read_body
from mims.formats.table import Table, tabulate
from mims.limits import CELLS, LISTS, PAYLOAD_FILES_BYTES, REQUEST_BYTES, SAMPLES
from mims.samples import Samples
from mims.setting_layers import PAYLOAD_SETTINGS
from mims.setting_table import FLAT
from mims.settings import Settings
from mims.wording import counted

METADATA = "metadata.json"
STEM = "sample_payload"
_FEWEST_DIGITS = 4
FLAT_PATH = re.compile(rf"{STEM}_[0-9]{{{_FEWEST_DIGITS},{len(str(SAMPLES))}}}(\.[a-z0-9]+)\Z")


@dataclass(frozen=True)
class PayloadFile:
    """One file of the payload archive: its path there, and the body of a request."""

    path: str
    content_type: Format
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def contract_path(content_type: Format) -> str:
    """Return the path of a content type's file in the layout contract."""
    return f"{content_type.folder}/{STEM}{content_type.extension}"


def flat_path(number: int, count: int, extension: str) -> str:
    """Return the path of a file in the layout flat, by its number, from 1 to `count`."""
    return f"{STEM}_{number:0{max(_FEWEST_DIGITS, len(str(count)))}}{extension}"


def generate_sample_payload(
    samples: Samples, settings: Settings, check: Check = no_deadline
) -> Iterator[PayloadFile]:
    """Yield the payload files: one for each content type or, in the flat layout, each sample.

    `check` is called at least every half second of work; what it raises passes through.

    Raises
    ------
    InvalidSettingsError
        A content type cannot carry a field's value; the message names the field.
    PayloadTooLargeError
        A file is over the limit of a request, or all files together are over theirs.
    """
    size = 0
    for file in _files(samples, settings, check):
        size += len(file.content)
        if size > PAYLOAD_FILES_BYTES:
            raise _too_large_together()
        yield file


def _files(samples: Samples, settings: Settings, check: Check) -> Iterator[PayloadFile]:
    if settings.layout == FLAT:
        (content_type,) = settings.content_types
        if samples.fewest_bytes() > PAYLOAD_FILES_BYTES:
            raise _too_large_together()
        for index in range(samples.count):
            path = flat_path(index + 1, samples.count, content_type.extension)
            yield PayloadFile(path, content_type, encode(samples.one(index), content_type, check))
        return
    for content_type in settings.content_types:
        content = encode(samples, content_type, check)
        yield PayloadFile(contract_path(content_type), content_type, content)


def encode(samples: Samples, content_type: Format, check: Check = no_deadline) -> bytes:
    """Return the samples as one body of that content type; raises as `generate_sample_payload`."""
    check()
    if content_type.one_field and len(samples.fields) != 1:
        raise InvalidSettingsError(
            f"The content type {content_type} carries a model's only input, but this model has "
            f"{len(samples.fields):,}. Use format=inputs, or another content type."
        )
    if _fewest_bytes(samples, content_type) > REQUEST_BYTES:
        raise _too_large(samples, content_type)
    check()
    if samples.list_count() > LISTS:
        raise PayloadTooLargeError(
            f"{samples.count:,} samples of the {len(samples.fields):,} fields consist of more than "
            f"{LISTS:,} nested lists. Lower SAMPLE_COUNT (sample_count), or give shapes "
            "without dimensions of 1."
        )
    check()
    table = tabulate(samples, content_type.carry, str(content_type), content_type.flat, check)
    pieces: List[bytes] = []
    size = 0
    for piece in content_type.write(table):
        check()
        size += len(piece)
        if size > REQUEST_BYTES:
            raise _too_large(samples, content_type)
        pieces.append(piece)
    body = b"".join(pieces)
    pieces.clear()
    check()
    try:
        gives_back = _gives_back(body, table, content_type, check)
    except ValueError as error:
        if content_type.templates:
            by_model = any(name.startswith(PAYLOAD_SETTINGS) for name in content_type.templates)
            refused = InvalidHyperparametersError if by_model else InvalidSettingsError
            raise refused(
                f"The templates of {content_type} do not make valid JSON of this model's fields "
                f"({error}). Correct {' and '.join(content_type.templates)}."
            ) from None
        gives_back = False
    if not gives_back:
        raise PayloadError(
            f"The payload file of {content_type} does not give back its samples when it is parsed. "
            "This is a defect of the generator; please report it."
        )
    return body


def _fewest_bytes(samples: Samples, content_type: Format) -> int:
    """Return the fewest bytes that a body of that type can take, without making it."""
    if samples.value_count() > CELLS:
        return 2 * samples.value_count()
    fewest = samples.fewest_bytes()
    if content_type.flat and content_type.holds_names:
        fewest += sum(field.size * len(field.name) for field in samples.fields)
    if content_type.binary:
        return 4 * samples.value_count()  # 32-bit floats
    if content_type.numbers_alone:
        missing = sum(None in values for values in samples.values)
        fewest += 3 * (samples.value_count() - samples.count * missing)  # a number, ":" and " "
    return fewest


def _gives_back(body: bytes, table: Table, content_type: Format, check: Check) -> bool:
    names, rows = read_body(body, content_type, table.fields, check)
    check()
    if rows is None:
        return True
    return (
        names in (None, table.names)
        and len(rows) == table.count
        and all(row == expected for row, expected in checked(zip(rows, table.rows()), check))
    )


def _too_large(samples: Samples, content_type: Format) -> PayloadTooLargeError:
    return PayloadTooLargeError(
        f"The payload file of {content_type} for {counted(samples.count, 'sample')} of "
        f"{counted(len(samples.fields), 'field')} is over {REQUEST_BYTES:,} bytes, the most that a "
        "request to an endpoint may have. Lower SAMPLE_COUNT (sample_count)."
    )


def _too_large_together() -> PayloadTooLargeError:
    return PayloadTooLargeError(
        f"The payload files are together over {PAYLOAD_FILES_BYTES:,} bytes before compression. "
        "Lower SAMPLE_COUNT (sample_count), or name fewer content types."
    )
