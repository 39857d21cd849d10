"""Types, shapes and missing values in each body, byte for byte; and templates."""

from __future__ import annotations

import json
from typing import Any, Dict, Type

import pytest
from mims.errors import InvalidHyperparametersError, InvalidSettingsError, PayloadTooLargeError
from mims.formats.registry import parse_content_types, read_body
from mims.payload.check import check_payload_archive
from mims.settings import read_settings

from tests.archives import payload_of, unpacked

FIELDS: Dict[str, Any] = {
    "n": "int64",
    "x": "float",
    "b": "boolean",
    "c": {"type": "category", "categories": [1, 2]},
    "t": "varchar(10)",
    "d": "datetime64[ns]",
    "day": "date",
    "v": {"type": "array", "shape": [2]},
}
ROW = '[0, 0.0, false, 1, "DEFAULT_TEXT", "2026-01-15T08:30:00", "2026-01-15", [0.0, 0.0]]'


def body(content_type: str, fields: Any = None, **settings: Any) -> str:
    content = json.dumps({"field_info": FIELDS if fields is None else fields}).encode()
    given = read_settings({}, {"content_types": content_type, **settings})
    archive = payload_of(content, given).archive
    check_payload_archive(archive)
    (content,) = (file for name, file in unpacked(archive).items() if name != "metadata.json")
    return content.decode()


NAMED = json.dumps(dict(zip(FIELDS, json.loads(ROW))))
BODIES = {
    "application/json": '{"instances": [%s]}' % NAMED,
    "application/json; format=lists": f"[{ROW}]",
    "application/json; format=rows": '{"instances": [%s]}' % ROW,
    "application/json; format=split": '{"columns": %s, "data": [%s]}'
    % (json.dumps(list(FIELDS)), ROW),
    "application/json; format=task": '{"inputs": %s}' % NAMED,
    "application/jsonl": NAMED,
    "application/x-ndjson; format=features": '{"features": %s}' % ROW,
    "text/csv": "n,x,b,c,t,d,day,v_0,v_1\n"
    "0,0.0,false,1,DEFAULT_TEXT,2026-01-15T08:30:00,2026-01-15,0.0,0.0",
    "text/csv; header=absent": ("0,0.0,0,1,DEFAULT_TEXT,2026-01-15T08:30:00,2026-01-15,0.0,0.0"),
}


@pytest.mark.parametrize("content_type", BODIES)
def test_every_type_in_its_own_form(content_type: str) -> None:
    assert body(content_type) == BODIES[content_type]


VECTOR = {"v": {"type": "tensor", "shape": [2, 2]}}
NESTED = "[[0.0, 0.0], [0.0, 0.0]]"


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json; format=lists", f"[{NESTED}, {NESTED}]"),
        ("application/json; format=rows", '{"instances": [%s, %s]}' % (NESTED, NESTED)),
        ("application/json; format=tensor", '{"inputs": [%s, %s]}' % (NESTED, NESTED)),
        ("application/json; format=task", '{"inputs": [%s, %s]}' % (NESTED, NESTED)),
        ("application/json; format=inputs", '{"inputs": {"v": [%s, %s]}}' % (NESTED, NESTED)),
        ("text/libsvm; index=0", "\n".join(["0 0:0.0 1:0.0 2:0.0 3:0.0"] * 2)),
    ],
)
def test_a_single_field_with_a_shape(content_type: str, expected: str) -> None:
    assert body(content_type, VECTOR, sample_count=2) == expected


def test_the_tasks_body_is_bare_for_one_sample() -> None:
    text = {"inputs": "text"}
    task = "application/json; format=task"
    assert body(task, text) == '{"inputs": "DEFAULT_TEXT"}'
    assert body(task, text, sample_count=2) == '{"inputs": ["DEFAULT_TEXT", "DEFAULT_TEXT"]}'
    assert body(task, VECTOR) == '{"inputs": %s}' % NESTED


def test_the_open_inference_protocol_says_the_type_of_each_input() -> None:
    fields = {**FIELDS, "plan": {"type": "enum", "categories": ["a", "b"]}}
    inputs = json.loads(body("application/json; format=v2", fields, sample_count=2))["inputs"]
    assert [(tensor["datatype"], tensor["shape"]) for tensor in inputs] == [
        ("INT64", [2]), ("FP64", [2]), ("BOOL", [2]), ("INT64", [2]), ("BYTES", [2]),
        ("BYTES", [2]), ("BYTES", [2]), ("FP64", [2, 2]), ("BYTES", [2]),
    ]  # fmt: skip
    assert inputs[0]["data"] == [0, 0]
    assert inputs[7]["data"] == [0.0] * 4
    with pytest.raises(InvalidSettingsError, match=r"missing value.*'x'"):
        body("application/json; format=v2", field_values={"x": None})


def test_large_integers_keep_every_digit() -> None:
    number = 2**63 + 1
    values = {"field_values": {"n": [str(number), number]}, "sample_count": 2}
    for content_type in ("application/json; format=lists", "text/csv", "text/csv; header=absent"):
        assert body(content_type, {"n": "bigint"}, **values).count(str(number)) == 2
    assert f"1:{number}" in body("text/libsvm", {"n": "bigint"}, **values)


def test_missing_values() -> None:
    missing = {"field_values": {"x": [None, 1.5]}, "sample_count": 2}
    fields = {"x": "float", "y": "float"}
    for content_type, expected in {
        "application/json; format=lists": "[[null, 0.0], [1.5, 0.0]]",
        "text/csv": "x,y\n,0.0\n1.5,0.0",
        "text/libsvm": "0 2:0.0\n0 1:1.5 2:0.0",
        "application/json; format=record": "",
    }.items():
        if expected:
            assert body(content_type, fields, **missing) == expected
    assert body("text/csv; header=absent", {"x": "float"}, field_values={"x": None}) == '""'
    npy = payload_of(
        json.dumps({"field_info": fields}).encode(),
        read_settings({}, {"content_types": "application/x-npy", **missing}),
    )
    assert "None, 0.0" in check_payload_archive(npy.archive).payloads[0].first_sample


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        ("int", "7", True), ("int", 7.0, True), ("int", "7.5", False), ("int", "x", False),
        ("bool", "true", True), ("bool", 0, True), ("bool", "1", True), ("bool", "yes", False),
        ("bool", 2, False), ("float", "1e3", True), ("float", "nan", False), ("date", 7, True),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_its_field_is_named_with_it(
    kind: str, value: Any, fits: bool
) -> None:
    if fits:
        assert body("application/json", {"f": kind}, field_values={"f": value})
        return
    with pytest.raises(InvalidSettingsError, match=f"'f' .*'{value}'"):
        body("application/json", {"f": kind}, field_values={"f": value})
    content = json.dumps({"field_info": {"f": {"type": kind, "default": value}}}).encode()
    with pytest.raises(InvalidHyperparametersError) as caught:
        payload_of(content)
    assert str(value) not in str(caught.value)


def test_values_of_a_field_with_a_shape() -> None:
    lists = "application/json; format=lists"
    fields = {"v": {"type": "vector", "shape": [2]}, "w": "float"}
    both = body(lists, fields, field_values={"v": [[1, 2], [3, 4]]}, sample_count=2)
    assert both == "[[[1.0, 2.0], 0.0], [[3.0, 4.0], 0.0]]"
    assert body(lists, fields, field_values={"v": [5, 6]}) == "[[[5.0, 6.0], 0.0]]"
    assert body(lists, fields, field_values={"v": 7}) == "[[[7.0, 7.0], 0.0]]"
    for misfit in ([1], [1, 2, 3], [[1, 2], [3]], [[[1, 2]]]):
        with pytest.raises(InvalidSettingsError, match=r"'v'.*shape"):
            body(lists, fields, field_values={"v": misfit})
    given = read_settings({"SPECIAL_FIELD_v": "[1, 2]", "CONTENT_TYPES": lists})
    archive = payload_of(json.dumps({"field_info": fields}).encode(), given).archive
    assert "[[1.0, 2.0], 0.0]" in check_payload_archive(archive).payloads[0].first_sample


def test_the_columns_of_a_field_with_a_shape_need_unique_names() -> None:
    fields = {"v": {"type": "vector", "shape": [2]}, "v_1": "float"}
    assert body("application/json", fields)
    with pytest.raises(InvalidSettingsError, match="'v_1'"):
        body("text/csv", fields)


def test_a_text_that_spells_a_category_is_that_category() -> None:
    fields = {"c": {"type": "category", "categories": [1, True, "x"]}}
    rows = body(
        "application/json; format=lists",
        fields,
        field_values={"c": ["1", "true", "x", "y", 2, "2"]},
        sample_count=6,
    )
    assert rows == '[[1], [true], ["x"], ["y"], [2], ["2"]]'


def test_a_sample_of_more_values_than_a_request_can_carry_is_refused_before_it_is_made() -> None:
    fields = {"v": {"type": "tensor", "shape": [10_000, 10_000, 10_000]}}
    with pytest.raises(PayloadTooLargeError, match="shapes"):
        body("application/json", fields)
    with pytest.raises(PayloadTooLargeError):
        body("application/json; format=inputs", {"t": "text"}, sample_count=10_000,
             default_text_value="x" * 100_000)  # fmt: skip
    with pytest.raises(PayloadTooLargeError, match="together"):
        body("application/json; format=lists", {f"t{n}": "text" for n in range(1000)},
             layout="flat", sample_count=10_000)  # fmt: skip


TEMPLATE = "application/json; format=template"
AGE = {"age": "int", "the city": "text"}


@pytest.mark.parametrize(
    ("content", "record", "expected"),
    [
        ('{"instances": $records}', "$features",
         '{"instances": [[0, "DEFAULT_TEXT"], [0, "DEFAULT_TEXT"]]}'),
        ("$records", "$features_kvp",
         '[{"age": 0, "the city": "DEFAULT_TEXT"}, {"age": 0, "the city": "DEFAULT_TEXT"}]'),
        ('{"a":\n $records}', '{"prompt": "In ${the city}, ${age}: $$5",\n"n": ${age}}',
         '{"a":  [' + ", ".join(['{"prompt": "In DEFAULT_TEXT, 0: $5", "n": 0}'] * 2) + "]}"),
        ('{"text": "$records"}', "[${the city}]",
         '{"text": "[[\\"DEFAULT_TEXT\\"], [\\"DEFAULT_TEXT\\"]]"}'),
        ('{"q": "\\"$records"}', '"${features}"',
         '{"q": "\\"[\\"[0, \\\\\\"DEFAULT_TEXT\\\\\\"]\\", '
         '\\"[0, \\\\\\"DEFAULT_TEXT\\\\\\"]\\"]"}'.replace('[\\"[', '[\\"[')),
    ],
)  # fmt: skip
def test_templates(content: str, record: str, expected: str) -> None:
    made = body(TEMPLATE, AGE, content_template=content, record_template=record, sample_count=2)
    assert json.loads(made) == json.loads(expected)
    assert "\n" not in made


def test_a_template_for_one_sample_and_one_for_lines() -> None:
    one = {"content_template": '{"in": $record}', "record_template": "$features"}
    assert body(TEMPLATE, AGE, **one) == '{"in": [0, "DEFAULT_TEXT"]}'
    with pytest.raises(InvalidSettingsError, match="SAMPLE_COUNT"):
        body(TEMPLATE, AGE, **one, sample_count=2)
    lines = body(
        "application/jsonlines; format=template", AGE, record_template="$features", sample_count=2
    )
    assert lines == '[0, "DEFAULT_TEXT"]\n[0, "DEFAULT_TEXT"]'


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"content_template": "$records"}, "RECORD_TEMPLATE"),
        ({"record_template": "$features"}, "CONTENT_TEMPLATE"),
        ({"content_template": "{}", "record_template": "$features"}, r"neither \$records"),
        ({"content_template": "$records $features", "record_template": "1"}, "'features'"),
        ({"content_template": "$records", "record_template": "$records"}, "'records'"),
        ({"content_template": "$records", "record_template": "$age"}, "'age'"),
        ({"content_template": "$records", "record_template": "${agee}"}, "'agee'"),
        ({"content_template": "{$records", "record_template": "$features"}, "valid JSON"),
        ({"content_template": "$records", "record_template": "${age} ${age}"}, "valid JSON"),
        ({"content_template": "$records", "record_template": '"${age}"',
          "field_values": {"age": None}}, "within quotes"),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_used(settings: Dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSettingsError, match=words):
        body(TEMPLATE, AGE, **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"content_template": '{"secret" $records}'}, "payload_settings.content_template"),
        ({"content_template": "$secret"}, "payload_settings.content_template"),
        ({"record_template": "${secret}"}, "payload_settings.record_template"),
        ({"record_template": '"${age}"', "field_values": {"age": None}}, "'age' within quotes"),
    ],
)
def test_a_template_of_the_hyperparameters_is_never_quoted(
    settings: Dict[str, Any], words: str
) -> None:
    templates = {"content_template": "$records", "record_template": "$features"}
    hyperparameters = {
        "field_info": {"age": "float"},
        "payload_settings": {"content_types": TEMPLATE, **templates, **settings},
    }
    with pytest.raises(InvalidHyperparametersError, match=words) as caught:
        payload_of(json.dumps(hyperparameters).encode())
    assert "secret" not in str(caught.value)


def test_the_hyperparameters_may_give_the_template_that_the_environment_lacks() -> None:
    hyperparameters = {
        "field_info": {"age": "float"},
        "payload_settings": {"record_template": '{"a": ${age}}'},
    }
    given = read_settings({"CONTENT_TYPES": "application/jsonl; format=template"})
    archive = payload_of(json.dumps(hyperparameters).encode(), given).archive
    assert b'{"a": 0.0}' in unpacked(archive).values()
    with pytest.raises(InvalidSettingsError, match="RECORD_TEMPLATE"):
        payload_of(b'{"field_info": {"age": "float"}}', given)


@pytest.mark.parametrize(
    ("setting", "error", "words"),
    [
        ("request", InvalidSettingsError, "whole number: 'secret'.*fields"),
        ("environment", InvalidSettingsError, "whole number: 'secret'.*FIELDS"),
        (
            "payload_settings",
            InvalidHyperparametersError,
            r"number\..*payload_settings.fields",
        ),
    ],
)
def test_an_example_that_a_setting_gives_is_corrected_in_that_setting(
    setting: str, error: Type[Exception], words: str
) -> None:
    fields = {"n": {"type": "int", "example": "secret"}}
    given = read_settings(
        {"FIELDS": json.dumps(fields)} if setting == "environment" else {},
        {"fields": fields} if setting == "request" else {},
    )
    hyperparameters = {"payload_settings": {"fields": fields}} if setting.startswith("pay") else {}
    with pytest.raises(error, match=words):
        payload_of(json.dumps(hyperparameters).encode(), given)


def test_a_template_that_no_content_type_uses_gives_a_warning() -> None:
    given = read_settings({"RECORD_TEMPLATE": "$features"})
    (warning,) = payload_of(b'{"tab_field_list": ["a"]}', given).warnings
    assert "RECORD_TEMPLATE" in warning


def test_missing_values_take_no_space_but_are_counted() -> None:
    libsvm = parse_content_types("text/libsvm", "x")[0]
    with pytest.raises(ValueError, match="left out"):
        read_body(b"\n".join([b"0 250000:1"] * 1000), libsvm)
    fields = {f"f{n}": {"type": "float"} for n in range(1000)}
    with pytest.raises(PayloadTooLargeError):
        body("text/libsvm", fields, sample_count=10_000, field_values=dict.fromkeys(fields))
