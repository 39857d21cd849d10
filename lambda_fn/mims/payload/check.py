"""A `payload.tar.gz` → a report of what is in it, or the error that says what is wrong with it.

Nothing in the archive is trusted: any bytes give a report or a `PayloadError`, and only one file is
held at a time, whatever the headers declare.
"""

from __future__ import annotations

import hashlib
from itertools import repeat
from typing import Any, Dict, Iterator, List, Optional, Sequence

from mims.deadline import Check, checked, no_deadline
from mims.errors import ArchiveLimitError, InvalidSettingsError, shown
from mims.fields import BOOLEAN, INTEGER, NUMERIC, TEXT, Field
from mims.formats.format import Body, Format
from mims.formats.registry import FORMATS
from mims.formats.table import carried, column_names
from mims.limits import LISTS, SAMPLE_VALUES
from mims.payload.description import DescribedField, DescribedFile, Description
from mims.payload.files import FLAT_PATH, METADATA, flat_path
from mims.payload.members import (
    PayloadMember,
    check_stream,
    fail,
    read_members,
    require,
)
from mims.payload.metadata import read_metadata
from mims.payload.report import Report, ReportedPayload, first_sample
from mims.payload.tables import leaves_out, read_table
from mims.payload.values import fits, restored, same
from mims.recipes import recipe_of
from mims.setting_table import CONTRACT, FLAT
from mims.values import BOOLEANS, number
from mims.wording import counted

_NO_NUMBER = object()  # equal to nothing that a file of numbers can have


def check_payload_archive(archive: bytes, check: Check = no_deadline) -> Report:
    """Verify a payload archive, and return what is in it.

    With a `metadata.json` (layout contract), the files must be those that it lists, with their
    sizes and hashes; they must parse as their content types, and all hold the same samples, with
    the fields, types and number that it gives. Without one (layout flat), there may be only payload
    files of one content type, numbered from 1, each with one sample of the same fields. A repacked
    archive is valid too, since servers see only its files; its report has a warning.

    `check` is called at least every half second of work; what it raises passes through.

    Raises
    ------
    CorruptArchiveError
        Something is wrong; the message says what.
    PayloadTooLargeError
        A payload file is over the limit of a request.
    ArchiveLimitError
        It is larger than any archive that the generator makes, or has too many fields.
    """
    check_stream(archive, check)
    names: List[str] = []
    description: Optional[Description] = None
    repacked = archive[3:8] != bytes(5)  # the gzip header has a name or a time
    for member in read_members(archive, check):
        names.append(member.name)
        repacked = repacked or member.repacked
        if member.name == METADATA:
            require(description is None, f"'{METADATA}' is in it twice")
            description = read_metadata(member.content, check)
    require(bool(names), "there is no file in it")
    for name, following in zip(sorted(names), sorted(names)[1:]):
        require(name != following, f"'{shown(name)}' is in it twice")
    warnings = []
    if repacked or names != sorted(names):
        warnings.append(
            "The archive was packed by another program than the generator (order, times, owners "
            "or modes of its files are not the generator's): its content is valid, but the same "
            "model and settings do not give the same bytes again."
        )
    if description is None:
        return _check_flat(archive, names, warnings, check)
    return _check_contract(archive, names, description, warnings, check)


def _check_contract(
    archive: bytes,
    names: Sequence[str],
    description: Description,
    warnings: List[str],
    check: Check,
) -> Report:
    listed = {file.path: file for file in description.files}
    for name in sorted({*names} ^ {METADATA, *listed}):
        where = "is missing" if name in listed else f"is in it, but not listed in {METADATA}"
        fail(f"'{shown(name)}' {where}")
    fields = [
        Field(field.name, field.type, field.shape) for field in checked(description.fields, check)
    ]
    _check_shapes(fields, description.sample_count, check)
    found: Dict[str, ReportedPayload] = {}
    reference: Optional[List[List[Any]]] = None
    own_types = False  # of the file that the reference is read from
    # The file that keeps most of each value's type comes first: the others are compared with it.
    for file in sorted(description.files, key=lambda file: _fidelity(file.content_type)):
        for member in read_members(archive, check):
            if member.name != file.path:
                continue
            rows = _check_file(member, file, fields, description, check)
            check()
            sample = ""
            if rows is not None:
                values = restored(rows, fields, file.content_type, check)
                if reference is None:
                    reference, own_types = values, file.content_type.own_types
                else:
                    _check_same(rows, reference, fields, file, own_types, check)
                check()
                sample = first_sample(fields, values[0], file.content_type, check=check)
            else:
                sample = first_sample(fields, None, file.content_type, member.content)
            check()
            found[file.path] = ReportedPayload(
                file.path, file.content_type, 1, len(member.content), sample
            )
    return Report(
        CONTRACT,
        description.generator,
        description.fields,
        tuple(found[file.path] for file in description.files),
        description.sample_count,
        (*description.warnings, *warnings),
        description.fields_from,
        description.family,
        description.recipe,
    )


def _fidelity(content_type: Format) -> tuple:  # type: ignore[type-arg]
    """Return a key that sorts content types by how much of a value's type their bodies keep."""
    return (
        content_type.binary,
        content_type.numbers_alone,
        not content_type.typed,
        content_type.own_types,
        FORMATS.index(content_type),
    )


def _check_file(
    member: PayloadMember,
    file: DescribedFile,
    fields: Sequence[Field],
    description: Description,
    check: Check,
) -> Optional[List[List[Any]]]:
    """Return the samples of a file, if it is as listed and each value is of its field's type."""
    path, size = member.name, len(member.content)
    require(
        size == file.size, f"'{path}' has {size:,} bytes, not the {shown(file.size)} of {METADATA}"
    )
    require(
        hashlib.sha256(member.content).hexdigest() == file.sha256,
        f"'{path}' has a different SHA-256 than in {METADATA}",
    )
    try:
        names, rows = read_table(member.content, file.content_type, fields, check)
    except ValueError as error:
        fail(f"'{path}' is not a body of {file.content_type} ({error})")
    check()
    if rows is None:
        return None
    flat = file.content_type.flat
    width = sum(field.size for field in fields) if flat else len(fields)
    require(
        (names is None or names == column_names(fields, flat)) and len(rows[0]) == width,
        f"'{path}' has different fields than {METADATA}",
    )
    count = description.sample_count
    require(len(rows) == count, f"'{path}' has {counted(len(rows), 'sample')}, not {count:,}")
    recipe = recipe_of(description.recipe)
    numbers_alone = recipe is not None and recipe.numbers_alone
    for row in rows:
        columns = _columns(fields, flat)
        for value, field in checked(zip(row, columns), check):
            if not fits(value, field, file.content_type, numbers_alone, check):
                fail(f"'{path}' has a value in '{shown(field.name)}' that is not {field.type}")
    return rows


def _check_shapes(fields: Sequence[Field], count: int, check: Check) -> None:
    """Refuse samples that are larger than any that the generator makes."""
    values = sum(field.size for field in checked(fields, check))
    lists = count * sum(field.list_count for field in checked(fields, check))
    if values > SAMPLE_VALUES or lists > LISTS:
        raise ArchiveLimitError(
            f"{METADATA} in the payload archive describes samples of more than {SAMPLE_VALUES:,} "
            f"values, or {LISTS:,} nested lists. Name a payload.tar.gz that the "
            "generator made."
        )


def _columns(fields: Sequence[Field], flat: bool) -> Iterator[Field]:
    """Yield the field of each column of a body."""
    for field in fields:
        if flat and field.shape:
            yield from repeat(field._replace(shape=()), field.size)
        else:
            yield field


def _check_same(
    rows: List[List[Any]],
    reference: List[List[Any]],
    fields: Sequence[Field],
    file: DescribedFile,
    own_types: bool,
    check: Check,
) -> None:
    content_type = file.content_type
    own_types = own_types or content_type.own_types
    for row, values in zip(rows, reference):
        at = 0
        for field, value in checked(zip(fields, values), check):
            width = field.size if content_type.flat and field.shape else 1
            found = row[at : at + width] if content_type.flat and field.shape else row[at]
            at += width
            expected = value
            try:
                if not content_type.own_types:  # metadata.json does not have their datatypes
                    expected = carried(
                        field,
                        value,
                        content_type.carry,
                        str(content_type),
                        content_type.flat,
                        check,
                    )
            except InvalidSettingsError:  # a string, where this file has a number
                expected = BOOLEANS.get(value, _NO_NUMBER) if isinstance(value, str) else _NO_NUMBER
            if not same(found, expected, own_types, check):
                fail(
                    f"'{file.path}' has a different value in '{shown(field.name)}' than the other "
                    "payload files"
                )


def _check_flat(archive: bytes, names: Sequence[str], warnings: List[str], check: Check) -> Report:
    extensions = set()
    for name in names:
        match = FLAT_PATH.match(name)
        if match is None:
            fail(
                f"'{shown(name)}' is in it, but no {METADATA}, and the layout flat has nothing "
                f"but {flat_path(1, 1, '')} and so on"
            )
        extensions.add(match.group(1))
    require(len(extensions) == 1, f"it has several types of files ({', '.join(extensions)})")
    extension = extensions.pop()
    for missing in sorted(
        {flat_path(place, len(names), extension) for place in range(1, len(names) + 1)} - {*names}
    ):
        fail(f"'{missing}' is missing")
    candidates = [known for known in FORMATS if known.extension == extension]
    tables: Dict[Format, Body] = {}
    largest = 0
    first = b""
    for member in read_members(archive, check):
        largest = max(largest, len(member.content))
        first = first or member.content
        found = {known: _one_sample(member.content, known, check) for known in candidates}
        tables = {
            known: tables.get(known, table)
            for known, table in found.items()
            if table is not None and _is_alike(tables.get(known, table), table, known)
        }
        require(bool(tables), f"'{member.name}' is not a sample of one type with those before it")
        candidates = list(tables)
    content_type, table = next(iter(tables.items()))
    fields: List[Field] = []
    row: Optional[List[Any]] = None
    if table.rows is not None:
        (row,) = table.rows
        columns = table.names or list(map(str, range(1, len(row) + 1)))
        fields = [_looks_like(name, value) for name, value in checked(zip(columns, row), check)]
    sample = first_sample(fields, row, content_type, first, check)
    return Report(
        FLAT,
        "",
        tuple(
            DescribedField(field.name, field.type, "", field.shape)
            for field in checked(fields, check)
        ),
        (ReportedPayload(min(names), content_type, len(names), largest, sample),),
        len(names),
        tuple(warnings),
    )


def _looks_like(name: str, value: Any) -> Field:
    """Return a field of the type that its first value looks like."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    if isinstance(value, bool):
        kind = BOOLEAN
    elif isinstance(value, int):
        kind = INTEGER
    else:
        kind = TEXT if number(value) is None else NUMERIC
    return Field(name, kind, tuple(shape))


def _one_sample(content: bytes, content_type: Format, check: Check) -> Optional[Body]:
    check()
    try:
        table = read_table(content, content_type, None, check)
    except ValueError:
        return None
    return table if table.rows is None or len(table.rows) == 1 else None


def _is_alike(first: Body, other: Body, content_type: Format) -> bool:
    if first.rows is None or other.rows is None:
        return True
    if leaves_out(content_type):
        return True  # missing values are left out, so rows may differ in width
    return first.names == other.names and len(first.rows[0]) == len(other.rows[0])
