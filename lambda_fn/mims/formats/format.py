"""A content type, as one value that says all there is to know about a body of that type.

Nothing else knows a media type. The name of a content type is the media type with the parameters
that are not at their default; the `Content-Type` of a request is the media type alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import (
    Any,
    AnyStr,
    Callable,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from mims.deadline import Check
from mims.fields import Field
from mims.formats.table import Table, as_it_is
from mims.samples import Value


class Body(NamedTuple):
    """A body that was read back: the columns' names, if it has them, and each sample's values.

    `rows` is `None` if the values cannot be told apart from the rest (in the body of a template).
    """

    names: Optional[List[str]]
    rows: Optional[List[List[Any]]]


# Yields the body in pieces, none much larger than a sample.
Write = Callable[[Table], Iterator[bytes]]
# Reads a body back, and checks the deadline meanwhile. The fields are those that it should hold, if
# they are known: without them, some bodies leave open what is a vector and what a list of values.
# Raises ValueError, or one of the registry's _READ_ERRORS.
Read = Callable[[bytes, Optional[Sequence[Field]], Check], Body]


def joined(head: bytes, rows: Iterable[bytes], separator: bytes, tail: bytes) -> Iterator[bytes]:
    """Yield the rows with the separator between them, between head and tail."""
    return joined_pieces(head, zip(rows), separator, tail)


def joined_pieces(
    head: AnyStr, rows: Iterable[Iterable[AnyStr]], separator: AnyStr, tail: AnyStr
) -> Iterator[AnyStr]:
    """Yield rows, each of which comes in one piece or more, as `joined` does."""
    for pieces in rows:
        for piece in pieces:
            yield head + piece
            head = head[:0]
        head = separator
    yield tail


@dataclass(frozen=True)
class Format:
    """A content type: a media type and, if it has a parameter, a value of that.

    Attributes
    ----------
    media_type, extension
        `text/csv`, `.csv`.
    write, read
        How samples become a body, and how a body is read back.
    parameter
        Name and value, `("header", "absent")`; empty if the media type has none.
    is_default
        The value is the parameter's default, which is not spelled out.
    carry
        Field and value → how a body of this format holds the value (a cell's text, a 32-bit
        float). Raises `InvalidSettingsError` if it cannot hold it.
    flat
        Each element of a field with a shape is a column of its own.
    holds_names
        The body holds the columns' names.
    one_sample
        The body holds exactly one sample.
    one_field
        The body holds exactly one field.
    numbers_alone
        Every value in the body is a number.
    typed
        The body holds each value in its JSON type.
    own_types
        The body itself states the type of each column, and its values are of that type.
    binary
        The body is not text.
    templates
        The settings with the templates that `write` takes in addition to the samples: their keys
        or, once the templates are bound, their names.
    """

    media_type: str
    extension: str
    write: Callable[..., Iterator[bytes]]
    read: Read
    parameter: Tuple[str, ...] = ()
    is_default: bool = True
    carry: Callable[[Field, Value, str], Any] = as_it_is
    flat: bool = False
    holds_names: bool = True
    one_sample: bool = False
    one_field: bool = False
    numbers_alone: bool = False
    typed: bool = False
    own_types: bool = False
    binary: bool = False
    templates: Tuple[str, ...] = ()

    def __str__(self) -> str:
        return "; ".join((self.media_type, *(f"{name}={value}" for name, value in self.parameters)))

    @property
    def parameters(self) -> Tuple[Tuple[str, str], ...]:
        """The parameters that are not at their default, as pairs of name and value."""
        return () if self.is_default else ((self.parameter[0], self.parameter[1]),)

    @property
    def folder(self) -> str:
        """The folder of the payload file: `text/csv; header=absent` → `text_csv_header_absent`."""
        return re.sub("[^a-z0-9]+", "_", str(self))
