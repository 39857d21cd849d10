"""What a content type is: one value that says all there is to know of a body of that type.

Nothing else knows a media type. Its name, with the parameters that are not at their default, says
exactly which of an endpoint's bodies is meant; what goes over the wire as `Content-Type` is the
media type alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Callable, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from mims.deadline import Check
from mims.fields import Field
from mims.formats.table import Table, as_it_is
from mims.samples import Value


class Body(NamedTuple):
    """A body read back: the columns' names, where it has them, and each sample's values.

    `rows` is `None` where a body can be read, but not which of it is whose value (a template's).
    """

    names: Optional[List[str]]
    rows: Optional[List[List[Any]]]


# Yields the body in pieces, none much larger than a sample.
Write = Callable[[Table], Iterator[bytes]]
# Reads a body back, and looks at the deadline meanwhile. The fields are those that it should hold,
# where they are known: some bodies do not tell a vector from a list of values without them. Raises
# ValueError, or one of READ_ERRORS.
Read = Callable[[bytes, Optional[Sequence[Field]], Check], Body]


def joined(head: bytes, pieces: Iterable[bytes], separator: bytes, tail: bytes) -> Iterator[bytes]:
    """Yield the pieces with the separator between them, between head and tail."""
    for piece in pieces:
        yield head + piece
        head = separator
    yield tail


@dataclass(frozen=True)
class Format:
    """A content type: a media type, with one of the values of its parameter where it has one.

    Attributes
    ----------
    media_type, extension
        `text/csv`, `.csv`.
    write, read
        How samples become a body, and how a body is read back.
    parameter
        Name and value, `("header", "absent")`; empty where the media type has none.
    is_default
        The value is the parameter's default, which is not spelled out.
    carry
        Field and value → what a body of this format holds of the value (a cell's text, a 32-bit
        float). Raises `InvalidSettingsError` where it cannot hold it.
    flat
        The elements of a field with a shape are columns of their own.
    holds_names
        The body holds the columns' names.
    one_sample
        The body holds one sample alone.
    one_field
        The body holds one field alone.
    numbers_alone
        Every value in the body is a number.
    typed
        The body holds each value in its JSON type.
    own_types
        The body says itself of which type each column is, and its values are of that type.
    binary
        The body is not text.
    templates
        The settings that hold the templates that `write` takes beside the samples: their keys, or,
        once it has them, their names.
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
        """The parameters that are not at their default, name and value each."""
        return () if self.is_default else ((self.parameter[0], self.parameter[1]),)

    @property
    def folder(self) -> str:
        """The folder of its payload file: `text/csv; header=absent` → `text_csv_header_absent`."""
        return re.sub("[^a-z0-9]+", "_", str(self))
