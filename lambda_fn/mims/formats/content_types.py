"""The content types that a payload can be made for: media types with parameters.

The parameters say exactly which of an endpoint's bodies is meant; what goes over the wire as
`Content-Type` is the media type alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, NamedTuple, NoReturn, Tuple

from mims.errors import InvalidSettingsError, shown


class _MediaType(NamedTuple):
    extension: str
    parameters: Mapping[str, Tuple[str, ...]]  # name → values, the default first


_SUPPORTED: Dict[str, _MediaType] = {
    "application/json": _MediaType(
        ".json",
        {
            "format": (
                "instances",
                "record",
                "records",
                "dataframe_split",
                "dataframe_records",
                "inputs",
                "features",
            )
        },
    ),
    "application/jsonlines": _MediaType(".jsonl", {}),
    "text/csv": _MediaType(".csv", {"header": ("present", "absent")}),
    "text/libsvm": _MediaType(".libsvm", {"index": ("1", "0")}),
    "application/x-npy": _MediaType(".npy", {}),
}
_CHARSET = {"charset": ("utf-8",)}


@dataclass(frozen=True)
class ContentType:
    """A media type, and those of its parameters that are not at their default, sorted."""

    media_type: str
    parameters: Tuple[Tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return "; ".join((self.media_type, *(f"{name}={value}" for name, value in self.parameters)))

    def parameter(self, name: str) -> str:
        """Return a parameter's value, its default where it is not given."""
        default = _SUPPORTED[self.media_type].parameters[name][0]
        return dict(self.parameters).get(name, default)

    @property
    def extension(self) -> str:
        return _SUPPORTED[self.media_type].extension

    @property
    def folder(self) -> str:
        """The folder of its payload file: `text/csv; header=absent` → `text_csv_header_absent`."""
        return re.sub("[^a-z0-9]+", "_", str(self))


def parse_content_types(text: str, setting: str) -> Tuple[ContentType, ...]:
    """Return the content types in a comma-separated list, each once, in their order.

    >>> [str(t) for t in parse_content_types("text/csv; header=absent, application/json", "x")]
    ['text/csv; header=absent', 'application/json']

    Raises
    ------
    InvalidSettingsError
        One is not supported, or there is none; `setting` is the name that the message gives.
    """
    content_types = {_parse(item, setting): None for item in text.split(",") if item.strip()}
    if not content_types:
        raise InvalidSettingsError(
            f"{setting} names no content type. Name one or more of: {_supported()}."
        )
    return tuple(content_types)


def _parse(item: str, setting: str) -> ContentType:
    media_type, *pairs = (part.strip().lower() for part in item.split(";"))
    if media_type not in _SUPPORTED:
        _refuse(setting, item)
    choices = {**_SUPPORTED[media_type].parameters, **_CHARSET}
    given: Dict[str, str] = {}
    for pair in filter(None, pairs):
        name, _, value = (part.strip() for part in pair.partition("="))
        value = value.strip('"')
        if value not in choices.get(name, ()) or given.get(name, value) != value:
            _refuse(setting, item)
        given[name] = value
    parameters = sorted((name, value) for name, value in given.items() if value != choices[name][0])
    return ContentType(media_type, tuple(parameters))


def _refuse(setting: str, item: str) -> NoReturn:
    raise InvalidSettingsError(
        f"{setting} names '{shown(item.strip())}', which is not supported. "
        f"Supported are: {_supported()}."
    )


def _supported() -> str:
    described: List[str] = []
    for media_type, (_, parameters) in _SUPPORTED.items():
        choices = (f"; {name}={'|'.join(values)}" for name, values in parameters.items())
        described.append(media_type + "".join(choices))
    return ", ".join(described)


def wire_types(content_types: Iterable[ContentType]) -> List[str]:
    """Return the media types alone, as they go over the wire, each once."""
    return list(dict.fromkeys(content_type.media_type for content_type in content_types))
