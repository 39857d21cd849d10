"""Every registered content type, and a made-up one, is made and checked."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, Optional, Sequence

import pytest
from mims.deadline import Check
from mims.fields import Field
from mims.formats import registry
from mims.formats.format import Body, Format, joined
from mims.formats.table import Table
from mims.payload import check
from mims.payload.check import check_payload_archive
from mims.settings import read_settings

from tests.archives import payload_of

# Fields that every content type can carry; a record carries only one sample, of one field.
FIELDS = {
    "age": "int",
    "income": "double",
    "member": "bool",
    "plan": {"type": "category", "categories": [2, 3]},
    "points": {"type": "vector", "shape": [2, 2]},
}
ONE_FIELD = {"points": {"type": "vector", "shape": [2, 2]}}
TEMPLATES = {"content_template": '{"in": $records}', "record_template": '{"row": $features}'}


def request(content_type: Format, layout: str) -> Dict[str, Any]:
    asked: Dict[str, Any] = {
        "content_types": str(content_type),
        "layout": layout,
        "sample_count": 1 if content_type.one_sample and layout == "contract" else 3,
        "fields": ONE_FIELD if content_type.one_field else FIELDS,
    }
    return {**asked, **(TEMPLATES if content_type.templates else {})}


@pytest.mark.parametrize("layout", ["contract", "flat"])
@pytest.mark.parametrize("content_type", registry.FORMATS, ids=str)
def test_every_content_type_is_made_and_checked(content_type: Format, layout: str) -> None:
    asked = request(content_type, layout)
    payload = payload_of(b"{}", read_settings({}, asked))
    assert payload.content_types == (content_type.media_type,)
    report = check_payload_archive(payload.archive)
    (reported,) = report.payloads
    assert (report.layout, report.sample_count) == (layout, asked["sample_count"])
    if layout == "contract":
        assert reported.content_type == content_type
        assert [field.name for field in report.fields] == list(asked["fields"])
    else:
        # A file by itself does not show which of a body's names was used.
        assert reported.content_type.extension == content_type.extension
    assert reported.first_sample


@pytest.mark.parametrize("content_type", registry.FORMATS, ids=str)
def test_every_content_type_is_found_by_its_name_and_has_its_own_folder(
    content_type: Format,
) -> None:
    assert registry.parse_content_types(str(content_type), "x") == (content_type,)
    others = [other for other in registry.FORMATS if other is not content_type]
    assert content_type.folder not in {other.folder for other in others}


def _write(table: Table) -> Iterator[bytes]:
    rows = ("\t".join(map(str, row)).encode() for row in table.rows())
    return joined(b"", rows, b"\n", b"")


def _read(body: bytes, _fields: Optional[Sequence[Field]], _check: Check) -> Body:
    return Body(None, [line.split("\t") for line in body.decode().split("\n")])


MADE_UP = Format(
    "text/x-made-up",
    ".mu1",
    _write,
    _read,
    carry=lambda _field, value, _content_type: str(value),
    holds_names=False,
)


@pytest.mark.parametrize("layout", ["contract", "flat"])
def test_a_made_up_content_type_needs_only_its_entry(
    layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (registry, check):
        monkeypatch.setattr(module, "FORMATS", (*registry.FORMATS, MADE_UP))
    settings = {"content_types": str(MADE_UP), "layout": layout, "sample_count": 2}
    content = json.dumps({"tab_field_list": ["a", "b"]}).encode()
    report = check_payload_archive(payload_of(content, read_settings({}, settings)).archive)
    assert report.payloads[0].content_type == MADE_UP
    assert report.payloads[0].first_sample == "0.0\t0.0"
    with pytest.raises(Exception, match=r"application/jsonl.*text/x-made-up"):
        read_settings({"CONTENT_TYPES": "text/unknown"})
