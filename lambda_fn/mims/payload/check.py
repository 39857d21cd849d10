"""A `payload.tar.gz` → a report of what is in it, or the error that says what does not hold.

Nothing in the archive is taken on trust: bytes of any kind give a report or an error of the tree,
and one file is held at a time, whatever the headers declare.
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from mims.errors import ArchiveLimitError, InvalidSettingsError, shown
from mims.fields import NUMERIC, TEXT, Field
from mims.formats.bodies import FORMATS, read_body
from mims.formats.content_types import ContentType, parse_content_types
from mims.limits import CHECKED_FIELDS
from mims.payload.files import METADATA
from mims.payload.members import PayloadMember, check_stream, fail, read_members, require
from mims.payload.metadata import ListedFile, Metadata, is_text, read_metadata
from mims.payload.report import Report, ReportedField, ReportedPayload, first_sample
from mims.settings import CONTRACT, FLAT
from mims.values import number

_NUMBERS_ALONE = ("text/libsvm", "application/x-npy")
_FLAT_NAME = re.compile(r"sample_payload_[0-9]{4,5}(\.[a-z]+)\Z")
# What a flat file's body may be, the most particular first: nothing beside it says which.
_FLAT_TYPES = parse_content_types(
    "application/json; format=features, application/json, application/json; format=inputs, "
    "application/json; format=dataframe_records, application/json; format=dataframe_split, "
    "application/json; format=records, application/json; format=record, application/jsonlines, "
    "text/csv; header=absent, text/csv, text/libsvm, text/libsvm; index=0, application/x-npy",
    FLAT,
)


class _Table(NamedTuple):
    """A body's samples: the fields' names, where it has them, and rows of equal length."""

    names: Optional[List[str]]
    rows: List[List[Any]]


def check_payload_archive(archive: bytes) -> Report:
    """Verify a payload archive, and return what is in it.

    With a `metadata.json` in it (layout contract): the files are those that it lists, have their
    sizes and hashes, parse as their content types, and all hold the same samples, with the fields,
    types and number that it gives. Without one (layout flat): nothing but payload files of one
    content type, numbered from 1, with one sample each of the same fields. A repacked archive
    holds as well, since servers see its files alone; its report has a warning.

    Raises
    ------
    CorruptArchiveError
        Something does not hold; the message names what. (The class of a damaged model archive:
        here too the bytes are not what they should be, and trying again cannot help.)
    PayloadTooLargeError
        A payload file is over the limit of a request.
    ArchiveLimitError
        The archive is larger than any that the generator makes, or has over 250,000 fields.
    """
    check_stream(archive)
    names: List[str] = []
    described: Optional[bytes] = None
    repacked = archive[3:8] != bytes(5)  # gzip keeps a name, or a time
    for member in read_members(archive):
        names.append(member.name)
        repacked = repacked or member.repacked
        if member.name == METADATA:
            described = member.content
    require(bool(names), "there is no file in it")
    for name, following in zip(sorted(names), sorted(names)[1:]):
        require(name != following, f"'{shown(name)}' is in it twice")
    warnings = []
    if repacked or names != sorted(names):
        warnings.append(
            "The archive was packed by another program than the generator (order, times, owners "
            "or modes of its files are not the generator's): what is in it holds, but the same "
            "model and settings do not give the same bytes again."
        )
    if described is None:
        return _check_flat(archive, names, warnings)
    return _check_contract(archive, names, read_metadata(described), warnings)


def _check_contract(
    archive: bytes, names: Sequence[str], metadata: Metadata, warnings: List[str]
) -> Report:
    listed = {file.path: file for file in metadata.files}
    for name in sorted({*names} ^ {METADATA, *listed}):
        where = "is missing" if name in listed else f"is in it, but not listed in {METADATA}"
        fail(f"'{shown(name)}' {where}")
    fields = [Field(field.name, field.type) for field in metadata.fields]
    found: Dict[str, ReportedPayload] = {}
    reference: List[List[Any]] = []
    # In the order of FORMATS, which begins with those that tell numbers from texts: the values of
    # the first file are those that the others must hold.
    for media_type in FORMATS:
        if not any(file.content_type.media_type == media_type for file in metadata.files):
            continue
        for member in read_members(archive):
            file = listed.get(member.name)
            if file is None or file.content_type.media_type != media_type:
                continue
            rows = _check_file(member, file, fields, metadata.sample_count)
            reference = reference or _as_values(rows, fields, media_type)
            _check_same(rows, reference, fields, file)
            sample = first_sample(fields, rows[0], file.content_type)
            found[file.path] = ReportedPayload(
                file.path, file.content_type, 1, len(member.content), sample
            )
    return Report(
        CONTRACT,
        metadata.generator,
        metadata.fields,
        tuple(found[file.path] for file in metadata.files),
        metadata.sample_count,
        (*metadata.warnings, *warnings),
    )


def _check_file(
    member: PayloadMember, file: ListedFile, fields: Sequence[Field], count: int
) -> List[List[Any]]:
    """Return the samples of a file, which is as listed and has each value of its field's type."""
    path, size = member.name, len(member.content)
    require(
        size == file.size, f"'{path}' has {size:,} bytes, not the {shown(file.size)} of {METADATA}"
    )
    require(
        hashlib.sha256(member.content).hexdigest() == file.sha256,
        f"'{path}' has not the SHA-256 of {METADATA}",
    )
    try:
        names, rows = _read_table(member.content, file.content_type)
    except ValueError as error:
        fail(f"'{path}' is no body of {file.content_type} ({error})")
    require(
        names in (None, [field.name for field in fields]) and len(rows[0]) == len(fields),
        f"'{path}' has other fields than {METADATA}",
    )
    require(len(rows) == count, f"'{path}' has {len(rows):,} samples, not {count:,}")
    for index, field in enumerate(fields):
        fits = _fits(field, file.content_type)
        if not all(fits(row[index]) for row in rows):
            fail(f"'{path}' has a value in '{shown(field.name)}' that is not {field.type}")
    return rows


def _fits(field: Field, content_type: ContentType) -> Any:
    """Return what says whether a value of a body is of the field's type."""
    if content_type.media_type == "text/csv":
        return _is_number if field.type == NUMERIC else _is_any
    if content_type.media_type in _NUMBERS_ALONE or field.type == NUMERIC:
        return _is_float
    return is_text


def _is_number(cell: str) -> bool:
    return number(cell) is not None


def _is_float(value: object) -> bool:
    return isinstance(value, float)


def _is_any(_value: object) -> bool:
    return True


def _as_values(rows: List[List[Any]], fields: Sequence[Field], media_type: str) -> List[List[Any]]:
    """Return the values of the samples, from what a body carries of them."""
    if media_type != "text/csv":
        return rows
    numeric = [field.type == NUMERIC for field in fields]
    return [
        [float(cell) if is_numeric else cell for cell, is_numeric in zip(row, numeric)]
        for row in rows
    ]


def _check_same(
    rows: List[List[Any]], reference: List[List[Any]], fields: Sequence[Field], file: ListedFile
) -> None:
    carried = FORMATS[file.content_type.media_type].carried
    for row, values in zip(rows, reference):
        for field, found, value in zip(fields, row, values):
            try:
                same = found == carried(field, value, file.content_type)
            except InvalidSettingsError:  # a text, where this file has a number
                same = False
            if not same:
                fail(
                    f"'{file.path}' has another value in '{shown(field.name)}' than the other "
                    "payload files"
                )


def _check_flat(archive: bytes, names: Sequence[str], warnings: List[str]) -> Report:
    extensions = set()
    for name in names:
        match = _FLAT_NAME.match(name)
        if match is None:
            fail(
                f"'{shown(name)}' is in it, but no {METADATA}, and the layout flat has nothing "
                "but sample_payload_0001 and so on"
            )
        extensions.add(match.group(1))
    require(len(extensions) == 1, f"it has several types of files ({', '.join(extensions)})")
    extension = extensions.pop()
    digits = max(4, len(str(len(names))))
    for missing in sorted(
        {f"sample_payload_{index:0{digits}}{extension}" for index in range(1, len(names) + 1)}
        - {*names}
    ):
        fail(f"'{missing}' is missing")
    candidates = [known for known in _FLAT_TYPES if known.extension == extension]
    tables: Dict[ContentType, _Table] = {}
    largest = 0
    for member in read_members(archive):
        largest = max(largest, len(member.content))
        found = {known: _one_sample(member.content, known) for known in candidates}
        tables = {
            known: tables.get(known, table)
            for known, table in found.items()
            if table is not None and _is_alike(tables.get(known, table), table)
        }
        require(bool(tables), f"'{member.name}' is no sample of one type with those before it")
        candidates = list(tables)
    content_type, table = next(iter(tables.items()))
    (row,) = table.rows
    fields = [
        Field(name, TEXT if number(value) is None else NUMERIC)
        for name, value in zip(table.names or map(str, range(1, len(row) + 1)), row)
    ]
    sample = first_sample(fields, row, content_type)
    return Report(
        FLAT,
        "",
        tuple(ReportedField(field.name, field.type, "") for field in fields),
        (ReportedPayload(min(names), content_type, len(names), largest, sample),),
        len(names),
        tuple(warnings),
    )


def _one_sample(content: bytes, content_type: ContentType) -> Optional[_Table]:
    try:
        table = _read_table(content, content_type)
    except ValueError:
        return None
    return table if len(table.rows) == 1 else None


def _is_alike(first: _Table, other: _Table) -> bool:
    return first.names == other.names and len(first.rows[0]) == len(other.rows[0])


def _read_table(content: bytes, content_type: ContentType) -> _Table:
    """Read a body, which must be a table of texts and finite floats; `ValueError` if it is not."""
    try:
        names, rows = read_body(content, content_type)
    except MemoryError:  # so do Python's older parsers refuse what is nested too deep
        raise ValueError("it is nested too deep") from None
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], list) or not rows[0]:
        raise ValueError("it has no samples")
    width = len(rows[0])
    if width > CHECKED_FIELDS:
        raise ArchiveLimitError(
            f"A payload file has {width:,} values a sample; no more than {CHECKED_FIELDS:,} fields "
            "are checked."
        )
    if names is not None and not (
        isinstance(names, list) and len(names) == width and all(map(is_text, names))
    ):
        raise ValueError("it has not one name a value")
    for row in rows:
        if not isinstance(row, list) or len(row) != width:
            raise ValueError("its samples are not equally long")
        for value in row:
            if not is_text(value) and not (isinstance(value, float) and math.isfinite(value)):
                raise ValueError("a value is neither a text nor a finite number with a point")
    return _Table(names, rows)
