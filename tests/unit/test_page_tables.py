"""The tables on the pages agree with the code."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any, Dict, List, Tuple, Type

from mims import errors, generate
from mims.aws.events import FAMILIES, batch_operations
from mims.aws.locations import Destination, payload_location
from mims.aws.request import Request
from mims.aws.results import ANSWER_BYTES, Result
from mims.errors import PayloadError
from mims.fields import TYPES, parse_type
from mims.formats.format import Format
from mims.formats.registry import FORMATS
from mims.inputs.sources import FEATURE_LIST_NAMES, RANKS
from mims.limits import (
    CHECKED_FIELDS,
    FIRST_PART,
    HELD_BYTES,
    KIB,
    MIB,
    PAYLOAD_FILES_BYTES,
    RAISED_BYTES,
    RAISED_WIDE_BYTES,
    READ_ON_BYTES,
    READER_STEPS,
    REQUEST_BYTES,
    SERVERLESS_BYTES,
    WARNING_CHARACTERS,
    WARNINGS,
    Limits,
)
from mims.payload.members import read_members
from mims.setting_table import SETTINGS
from mims.settings import read_settings

from tests.pages import ROOT, blocks, section, table, text_of

SETTINGS_PAGE = text_of("docs/settings.md")
FIELDS_PAGE = text_of("docs/fields.md")
FUNCTION_PAGE = text_of("docs/function.md")


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def codes(cell: str) -> List[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_pages_have_the_limits_of_the_code() -> None:
    first, steps = f"first {FIRST_PART // KIB} KiB", f"{READER_STEPS:,} steps"
    raised, wide = f"{RAISED_BYTES // MIB} MiB", f"({RAISED_WIDE_BYTES // MIB} MiB if it is not all"
    warnings = f"at most {WARNINGS}, of {WARNING_CHARACTERS} characters"
    together, fields = f"{PAYLOAD_FILES_BYTES // MIB} MiB", f"{CHECKED_FIELDS:,} fields"
    told = {
        FIELDS_PAGE: [
            first,
            f"{HELD_BYTES // MIB} MiB held or {steps}",
            f"as much as {READ_ON_BYTES // MIB} MiB",
            f"It may have {Limits().hyperparameters_bytes // MIB} MiB",
        ],
        SETTINGS_PAGE: [
            f"the file may have {raised} {wide}",
            f"over {REQUEST_BYTES:,} bytes",
            f"Over {SERVERLESS_BYTES // MIB} MiB",
            f"together may have {together} before compression; a payload may have {fields}",
        ],
        FUNCTION_PAGE: [first, warnings, f"the {ANSWER_BYTES:,} bytes"],
    }
    for page, phrases in told.items():
        unbroken = " ".join(page.split())
        assert [phrase for phrase in phrases if phrase not in unbroken] == []


def test_the_table_of_settings_is_the_table_of_settings() -> None:
    rows = [
        {
            "variable": code(setting.variable),
            "request key": code(setting.key),
            "value": setting.wanted,
            "default": code(setting.default),
            "meaning": setting.meaning,
        }
        for setting in SETTINGS
    ]
    shown = table(section(SETTINGS_PAGE, "Every setting"))
    assert [row for row in shown if "SPECIAL_FIELD" not in row["variable"]] == rows


# The model whose bodies the page shows, with two samples.
FIELDS = {"age": "numeric", "visits": "integer", "plan": "categorical"}
VALUES = {"age": [42.5, 17], "visits": [3, 0], "plan": ["pro", "basic"]}
TENSOR = {"pixels": {"type": "array", "shape": [2]}}
TENSOR_VALUES = {"pixels": [[0.5, 1], [0, 0.25]]}
CONTENT_TEMPLATE = '{"data": $records}'
RECORD_TEMPLATE = '{"x": $features, "tag": "${plan}"}'
MODEL = [(ROOT / "tests/models/archives/xgboost/model.tar.gz").read_bytes()]


def body_shown(content_type: Format) -> str:
    """Return the cell of a content type's body, for the model that the page describes."""
    fields: Dict[str, Any] = FIELDS
    values: Dict[str, Any] = VALUES
    if content_type.one_field:
        fields, values = TENSOR, TENSOR_VALUES
    elif content_type.numbers_alone:
        fields = {name: kind for name, kind in FIELDS.items() if name != "plan"}
        values = {name: VALUES[name] for name in fields}
    variables = {
        "CONTENT_TYPES": str(content_type),
        "FIELDS": json.dumps(fields),
        "FIELD_DEFAULTS": json.dumps(values),
        "SAMPLE_COUNT": "1" if content_type.one_sample else "2",
    }
    templates = {"content_template": CONTENT_TEMPLATE, "record_template": RECORD_TEMPLATE}
    for name in content_type.templates:
        variables[name.upper()] = templates[name]
    archive = generate(MODEL, read_settings(variables)).archive
    (body,) = [
        member.content
        for member in read_members(archive)
        if member.name.endswith(content_type.extension) and member.name != "metadata.json"
    ]
    if content_type.binary:
        shape = re.search(rb"'shape': (\([^)]*\))", body)
        assert shape
        return f"a float32 matrix of the shape `{shape.group(1).decode()}`"
    return "<br>".join(code(line) for line in body.decode().split("\n"))


def test_the_table_of_content_types_shows_each_with_its_body() -> None:
    shown: Dict[str, str] = {}
    for row in table(section(SETTINGS_PAGE, "Content types")):
        for name in codes(row["content type"]):
            assert name not in shown, f"{name} stands there twice"
            shown[name] = row["body"]
    assert shown == {str(content_type): body_shown(content_type) for content_type in FORMATS}


def test_the_page_says_which_model_the_bodies_belong_to() -> None:
    told = section(SETTINGS_PAGE, "Content types")
    for text in (FIELDS, VALUES, TENSOR, TENSOR_VALUES):
        assert json.dumps(text) in told
    assert CONTENT_TEMPLATE in told
    assert RECORD_TEMPLATE in told


def test_the_table_of_types_has_every_type_and_each_spelling_is_understood() -> None:
    rows = table(section(FIELDS_PAGE, "Types"))
    assert [codes(row["type"])[0] for row in rows] == list(TYPES)
    for row in rows:
        (name,) = codes(row["type"])
        for written in codes(row["also written"]):
            parsed = parse_type(written)
            assert parsed is not None, written
            assert parsed.type == name, written


def test_the_table_of_sources_lists_all_of_them_by_rank() -> None:
    rows = table(section(FIELDS_PAGE, "Where the fields come from"))
    sources = [(codes(row["source"]) or [""])[0] for row in rows]
    assert sources[:2] == ["settings", "hyperparameters"]
    assert sorted(sources[2:]) == sorted(RANKS)
    ranks = [RANKS[source] for source in sources[2:]]
    assert ranks == sorted(ranks)


def test_the_page_lists_every_name_of_a_feature_list() -> None:
    told = section(FIELDS_PAGE, "Feature lists")
    assert [name for name in FEATURE_LIST_NAMES if f"`{name}`" not in told] == []


def error_classes() -> List[Type[PayloadError]]:
    found = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, PayloadError) and value is not PayloadError
    ]
    return sorted(found, key=lambda error: not error.permanent)


def test_the_table_of_errors_has_every_class_and_says_which_are_permanent() -> None:
    rows = table(section(FUNCTION_PAGE, "Errors"))
    shown = [(codes(row["error"])[0], row["permanent"]) for row in rows]
    assert shown == [
        (error.__name__, "yes" if error.permanent else "no") for error in error_classes()
    ]
    assert all(row["what to do"] for row in rows)


def test_the_table_of_events_is_the_list_of_families() -> None:
    rows: List[Tuple[str, List[str]]] = [
        (row["event"], re.findall(r"\[`([^`]+)\.json`\]\(\.\./events/\1\.json\)", row["examples"]))
        for row in table(section(FUNCTION_PAGE, "What starts it"))
    ]
    assert rows == [(family.description, list(family.examples)) for family in FAMILIES]


def test_the_badges_are_true() -> None:
    readme = text_of("README.md")
    assert "badge/license-MIT--0-" in readme
    assert (ROOT / "LICENSE").read_text().startswith("MIT No Attribution\n")
    assert "badge/python-3.8_or_newer-" in readme
    assert 'requires-python = ">=3.8"' in text_of("pyproject.toml")


def test_the_result_shown_has_the_keys_of_a_result() -> None:
    (shown,) = [
        block.text
        for block in blocks(section(FUNCTION_PAGE, "A result"))
        if block.language == "json"
    ]
    assert list(json.loads(shown)) == list(Result("created", "s3://models/model.tar.gz").as_dict())


def test_the_table_of_places_is_where_payloads_go() -> None:
    rows = table(section(FUNCTION_PAGE, "Where the payload goes"))
    assert len(rows) >= 6
    for row in rows:
        (key,) = codes(row["model"])
        (place,) = codes(row["payload, in the model's bucket"])
        assert payload_location(Request("models", key), Destination()).key == place


def code_of_a_task_that_ends_in(error: Type[PayloadError]) -> str:
    """Return the result code that S3 Batch Operations gets for a model with that error."""

    def fail(*_: Any) -> None:
        raise error("…")

    event = {"invocationSchemaVersion": "2.0", "tasks": [{"taskId": "1"}]}
    dispatch: Any = SimpleNamespace(result=fail)
    return str(batch_operations.answer(event, dispatch)["results"][0]["resultCode"])


def test_the_page_lists_the_errors_of_tasks_that_succeed() -> None:
    told = section(FUNCTION_PAGE, "Other answers")
    assert {name for name in codes(told) if name.endswith("Error")} == {
        error.__name__
        for error in error_classes()
        if code_of_a_task_that_ends_in(error) == "Succeeded"
    }
