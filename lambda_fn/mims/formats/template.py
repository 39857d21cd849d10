"""`format=template`: a JSON body that the user designs, with SageMaker Clarify's placeholders.

https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-processing-job-data-format-tabular-request-jsonlines.html

A placeholder becomes JSON or, within the quotes of a string, escaped text. `$$` is a dollar sign.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from mims.deadline import Check, checked
from mims.errors import (
    InvalidHyperparametersError,
    InvalidSettingsError,
    PayloadError,
    shown,
)
from mims.fields import Field
from mims.formats.format import Body, Format, joined_pieces
from mims.formats.json_rows import VALUES_A_PIECE, object_pieces, pieces, row_size
from mims.formats.json_text import as_json, dumps, loads
from mims.formats.table import Table

CONTENT_TEMPLATE, RECORD_TEMPLATE = "content_template", "record_template"
_RECORDS, _RECORD = "records", "record"
_FEATURES, _FEATURES_KVP = "features", "features_kvp"

_TOKEN = re.compile(
    r'\\.|"|\$\$|\$\{(?P<braced>[^}]*)\}|\$(?P<bare>[A-Za-z_][A-Za-z0-9_]*)|[\r\n]+', re.DOTALL
)


class _Piece(NamedTuple):
    """A piece of a template: text as it stands, or a placeholder, within a string or not."""

    text: str
    placeholder: bool = False
    quoted: bool = False
    braced: bool = False


class Template(NamedTuple):
    """A template, cut into pieces, and the setting that gave it.

    `is_hyperparameter` says that it comes from the model's hyperparameters, which are never quoted.
    """

    setting: str
    pieces: Tuple[_Piece, ...]
    is_hyperparameter: bool = False

    def names(self) -> List[str]:
        return [piece.text for piece in self.pieces if piece.placeholder]


class Templates(NamedTuple):
    """The template of a body, if it is needed, and that of a record."""

    content: Optional[Template]
    record: Template


def parse_content_template(text: str, setting: str) -> Template:
    """Return the template of a body, which holds `$records` or `$record`.

    Raises
    ------
    InvalidSettingsError
        It has neither, or another placeholder.
    """
    template = _parse(text, setting)
    for name in template.names():
        if name not in (_RECORDS, _RECORD):
            _misplaced(template, name, "$records and $record")
    if not template.names():
        raise InvalidSettingsError(
            f"{setting} has neither $records nor $record, so the body would hold no sample. "
            "Write one of them where the records go."
        )
    return template


def parse_record_template(text: str, setting: str) -> Template:
    """Return the template of a record; the fields that it may name are not known yet."""
    template = _parse(text, setting)
    for piece in template.pieces:
        if piece.placeholder and not piece.braced and piece.text not in (_FEATURES, _FEATURES_KVP):
            _misplaced(template, piece.text, "$features, $features_kvp and ${field name}")
    return template


def takes_one_sample(template: Template) -> bool:
    """Say whether a body of the template holds exactly one sample (`$record`)."""
    return _RECORD in template.names()


def _parse(text: str, setting: str) -> Template:
    pieces: List[_Piece] = []
    quoted = False
    at = 0
    for match in _TOKEN.finditer(text):
        token = match.group()
        pieces.append(_Piece(text[at : match.start()]))
        at = match.end()
        name = match.group("braced")
        braced = name is not None
        if name is None:
            name = match.group("bare")
        if name is not None:
            pieces.append(_Piece(name, placeholder=True, quoted=quoted, braced=braced))
        elif token == "$$":
            pieces.append(_Piece("$"))
        elif token[0] in "\r\n":
            pieces.append(_Piece(" "))  # a body is one line
        else:
            quoted = quoted != (token == '"')
            pieces.append(_Piece(token))
    pieces.append(_Piece(text[at:]))
    return Template(setting, tuple(piece for piece in pieces if piece.text or piece.placeholder))


def _misplaced(template: Template, name: str, known: str) -> None:
    raise InvalidSettingsError(
        f"{template.setting} has the placeholder '{shown(name)}', which it does not take. It takes "
        f"{known}."
    )


def write_document(templates: Templates, table: Table) -> Iterator[bytes]:
    """Yield the body of the content template."""
    assert templates.content is not None
    render = _renderer(templates.record, table.fields)
    for piece in templates.content.pieces:
        if not piece.placeholder:
            yield piece.text.encode("utf-8")
            continue
        records = (render(row) for row in table.rows())
        if piece.text == _RECORDS:
            written = joined_pieces("[", records, ", ", "]")
        else:
            written = joined_pieces("", records, "", "")
        for part in written:
            yield (_escaped(part) if piece.quoted else part).encode("utf-8")


def write_lines(templates: Templates, table: Table) -> Iterator[bytes]:
    """Yield the record of each sample, one on each line."""
    render = _renderer(templates.record, table.fields)
    records = (render(row) for row in table.rows())
    return (part.encode("utf-8") for part in joined_pieces("", records, "\n", ""))


def _renderer(template: Template, fields: Sequence[Field]) -> Callable[[List[Any]], Iterator[str]]:
    """Return a function that turns a sample's values into a record, in pieces."""
    names = [field.name for field in fields]
    index_of = {name: index for index, name in enumerate(names)}
    for name in template.names():
        if name not in index_of and name not in (_FEATURES, _FEATURES_KVP):
            if template.is_hyperparameter:
                raise InvalidHyperparametersError(
                    f"The hyperparameter {template.setting} has a placeholder that is not the name "
                    "of an input field of this model. Have the training job write it so that each "
                    "names a field, or is $features or $features_kvp."
                )
            raise InvalidSettingsError(
                f"{template.setting} has the placeholder '{shown(name)}', which is not the "
                f"name of an input field of this model (it has {len(names):,}). Name a field, or "
                "use $features or $features_kvp."
            )

    is_wide = row_size(fields) > VALUES_A_PIECE

    # Piece by piece: a record may have all fields a thousand times, and is never held whole.
    def render(row: List[Any]) -> Iterator[str]:
        for piece in template.pieces:
            if not piece.placeholder:
                yield piece.text
                continue
            is_field = piece.braced and piece.text in index_of
            given = row[index_of[piece.text]] if is_field else row
            if is_field and piece.quoted and given is None:
                raise _missing_within_quotes(template, piece.text)
            if is_field and piece.quoted and isinstance(given, str):
                yield _escaped(given)
                continue
            is_object = not is_field and piece.text == _FEATURES_KVP
            written: Iterable[bytes]
            if is_wide:
                written = object_pieces(names, row) if is_object else pieces(given)
            else:
                written = (dumps(dict(zip(names, row)) if is_object else given),)
            parts = map(bytes.decode, written)
            yield from map(_escaped, parts) if piece.quoted else parts

    return render


def _missing_within_quotes(template: Template, name: str) -> PayloadError:
    kind = InvalidHyperparametersError if template.is_hyperparameter else InvalidSettingsError
    return kind(
        f"{template.setting} has the field '{shown(name)}' within quotes, where its missing value "
        "(null) cannot stand. Write its placeholder without quotes, or give the field a value."
    )


def _escaped(text: str) -> str:
    return as_json(text)[1:-1]


def _read_document(body: bytes, _fields: Optional[Sequence[Field]], _check: Check) -> Body:
    loads(body)
    return Body(None, None)


def read_lines_of_a_template(body: bytes, _fields: Optional[Sequence[Field]], check: Check) -> Body:
    """Read lines, of which nothing can be checked except that they are JSON."""
    for line in checked(body.split(b"\n"), check):
        loads(line)
    return Body(None, None)


FORMATS = (
    Format(
        "application/json",
        ".json",
        write_document,
        _read_document,
        ("format", "template"),
        is_default=False,
        holds_names=False,
        typed=True,
        templates=(CONTENT_TEMPLATE, RECORD_TEMPLATE),
    ),
)
