"""Environment and request → settings: precedence, each setting's values, and what is refused."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict

import pytest
from mims.errors import InvalidSettingsError
from mims.limits import Limits
from mims.setting_table import SETTINGS, setting_names
from mims.settings import GivenSettings, Settings, read_settings

JSON_AND_CSV = "application/json,text/csv"


def resolved(environment: Dict[str, str], request: Any = None) -> Settings:
    """Return the settings for a model that says nothing itself."""
    return read_settings(environment, request).resolve({})


def types(settings: Settings) -> str:
    return ",".join(map(str, settings.content_types))


def test_the_defaults() -> None:
    assert read_settings({}) == GivenSettings()
    settings = resolved({})
    assert types(settings) == "application/json"
    assert settings.default_numeric_value == 0.0
    assert settings.default_text_value == "DEFAULT_TEXT"
    assert settings.default_categorical_value is None
    assert (settings.field_values, settings.field_defaults) == ((), {})
    assert (settings.layout, settings.sample_count, settings.realistic_values) == (
        "contract",
        1,
        False,
    )


def test_every_setting_has_an_attribute_and_its_default_is_one_of_its_values() -> None:
    attributes = {field.name for field in dataclasses.fields(Settings)}
    told_apart = {"fields", "recipe", "field_values"}
    for setting in SETTINGS:
        if not setting.limit:
            assert setting.attribute in attributes | told_apart, setting
        if setting.variable:
            given = read_settings({setting.variable: setting.default})
            assert (given.resolve({}), given.limits) == (resolved({}), Limits()), setting


def test_empty_variables_count_as_unset_except_special_fields() -> None:
    assert read_settings(dict.fromkeys(setting_names(), "")) == GivenSettings()
    settings = resolved({"SPECIAL_FIELD_a": "", "SPECIAL_FIELD_": "x"})
    assert [dict(given.values) for given in settings.field_values] == [{"a": ""}]


def test_the_request_wins_over_the_environment_and_that_over_the_defaults() -> None:
    environment = {
        "CONTENT_TYPES": "text/csv",
        "DEFAULT_NUMERIC_VALUE": "1",
        "DEFAULT_TEXT_VALUE": "t",
        "DEFAULT_CATEGORICAL_VALUE": "c",
        "PAYLOAD_LAYOUT": "flat",
        "SAMPLE_COUNT": "2",
        "REALISTIC_VALUES": "true",
        "FIELD_DEFAULTS": '{"a": [1, "b"]}',
        "MAX_HYPERPARAMETERS_BYTES": "3",
        "MAX_ARCHIVE_BYTES": "4",
        "MAX_MEMBERS": "5",
    }
    from_environment = resolved(environment)
    assert types(from_environment) == "text/csv"
    assert from_environment.default_numeric_value == 1.0
    assert from_environment.default_text_value == "t"
    assert from_environment.default_categorical_value == "c"
    assert from_environment.layout == "flat"
    assert from_environment.sample_count == 2
    assert from_environment.realistic_values is True
    assert from_environment.field_defaults == {"a": [1, "b"]}
    assert read_settings(environment).limits == Limits(3, 4, 5)
    request = {
        "content_types": "application/json",
        "default_numeric_value": 2,
        "default_text_value": "T",
        "default_categorical_value": "C",
        "layout": "contract",
        "sample_count": 3,
        "realistic_values": False,
        "field_values": {"a": "x", "b": 7, "c": [True, "y"]},
    }
    both = resolved(environment, request)
    assert types(both) == "application/json"
    assert (both.default_numeric_value, both.default_text_value) == (2.0, "T")
    assert (both.default_categorical_value, both.layout, both.sample_count) == ("C", "contract", 3)
    assert both.realistic_values is False
    assert [given.values for given in both.field_values] == [request["field_values"]]
    assert both.field_defaults == {"a": [1, "b"]}
    assert resolved(environment, dict.fromkeys(request)) == from_environment


def test_there_is_no_categorical_default_unless_one_is_given() -> None:
    assert resolved({"DEFAULT_TEXT_VALUE": "t"}).default_categorical_value is None
    own = resolved({"DEFAULT_CATEGORICAL_VALUE": "0"}, {"default_text_value": "t"})
    assert (own.default_text_value, own.default_categorical_value) == ("t", "0")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" Application/JSON ,, TEXT/CSV,", JSON_AND_CSV),
        ("text/csv,text/csv; header=present,text/csv;charset=UTF-8", "text/csv"),
        ("application/json; format=instances", "application/json"),
        ('text/csv ; HEADER = "absent" ; charset=utf-8', "text/csv; header=absent"),
        ("text/csv;header=absent,text/csv", "text/csv; header=absent,text/csv"),
        ("application/json;format=RECORDS;", "application/json; format=records"),
        ("text/libsvm,application/x-npy", "text/libsvm,application/x-npy"),
    ],
)
def test_content_types(text: str, expected: str) -> None:
    assert types(resolved({"CONTENT_TYPES": text})) == expected
    assert types(resolved({}, {"content_types": text.split(",")})) == expected


@pytest.mark.parametrize(
    "value",
    [
        "application/xml",
        "text",
        "text/csv; header=maybe",
        "text/csv; format=record",
        "application/json; format",
        "application/json; =",
        "text/csv; charset=latin-1",
        "text/csv; header=present; header=absent",
        "application/jsonlines; format=records",
        " , ",
    ],
)
def test_an_unknown_content_type_or_parameter_lists_what_is_supported(value: str) -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        read_settings({"CONTENT_TYPES": value})
    message = str(caught.value)
    assert value.strip(" ,") in message
    assert message.startswith("CONTENT_TYPES")
    for supported in ("text/csv; header=present|absent", "application/x-npy", "dataframe_split"):
        assert supported in message


GOOD: Dict[str, Any] = {"true": True, "TRUE": True, " 1 ": True, "no": False, "False": False}


@pytest.mark.parametrize("value", GOOD)
def test_booleans(value: str) -> None:
    assert resolved({"REALISTIC_VALUES": value}).realistic_values is GOOD[value]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *[
            ("DEFAULT_NUMERIC_VALUE", value)
            for value in (
                "x",
                "nan",
                "inf",
                "-Infinity",
                "1e999",
                "1_0",
                "0x1",
                "true",
                "1,5",
                "\u0663",
            )
        ],
        ("DEFAULT_TEXT_VALUE", "\ud800"),
        ("DEFAULT_CATEGORICAL_VALUE", "a\udcff"),
        ("PAYLOAD_LAYOUT", "nested"),
        *[("SAMPLE_COUNT", value) for value in ("0", "-1", "10001", "1.0", "x", "9" * 30)],
        ("REALISTIC_VALUES", "maybe"),
        *[("FIELD_DEFAULTS", value) for value in ("x", "[]", '"a"', "7", "null", "[" * 100_000)],
        ("FIELD_DEFAULTS", '{"a": %s}' % ("9" * 5000)),
        *[
            ("FIELD_DEFAULTS", f'{{"a": {value}}}')
            for value in ("{}", "[]", "[[]]", "[{}]", "NaN", "1e999", '"\\ud800"')
        ],
        *[
            (f"MAX_{limit}", value)
            for limit in ("HYPERPARAMETERS_BYTES", "ARCHIVE_BYTES", "MEMBERS")
            for value in ("0", "-1", "1e6", "x", "²")
        ],
    ],
)
def test_a_bad_variable_is_named_with_its_value(variable: str, value: str) -> None:
    with pytest.raises(InvalidSettingsError, match=variable) as caught:
        read_settings({variable: value})
    message = str(caught.value)
    assert len(message) < 600
    if value.isascii() and not value.startswith("{") and len(value) < 100:
        assert f"'{value}'" in message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("content_types", 7),
        ("content_types", ["text/csv", 7]),
        ("content_types", ""),
        ("default_numeric_value", True),
        ("default_numeric_value", float("nan")),
        pytest.param("default_numeric_value", 10**400, id="huge number"),
        ("default_numeric_value", "x"),
        ("default_numeric_value", [1]),
        ("default_text_value", ["a"]),
        ("default_text_value", False),
        pytest.param("default_text_value", 10**5000, id="huge text"),
        ("layout", 7),
        ("sample_count", 0),
        ("sample_count", 10_001),
        ("sample_count", True),
        ("sample_count", 1.5),
        ("realistic_values", 1),
        ("field_values", []),
        ("field_values", "x"),
        ("field_values", {"a": float("inf")}),
        pytest.param("field_values", {"a": 10**5000}, id="huge value"),
        ("field_values", {"a": []}),
        ("unknown", 1),
        ("field_defaults", {}),
        ("limits", {}),
        ("CONTENT_TYPES", "text/csv"),
        ("a\nb" * 1000, 1),
    ],
)
def test_a_bad_or_unknown_key_of_the_request_is_named(key: str, value: Any) -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        read_settings({}, {key: value})
    assert key[:3].encode("unicode_escape").decode() in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize("request_settings", [[], "x", 7, True])
def test_a_requests_settings_are_an_object(request_settings: Any) -> None:
    with pytest.raises(InvalidSettingsError, match="an object"):
        read_settings({}, request_settings)


def test_the_flat_layout_takes_one_content_type() -> None:
    one = {"PAYLOAD_LAYOUT": " Flat ", "CONTENT_TYPES": "application/json; format=record"}
    assert resolved({**one, "SAMPLE_COUNT": "10000"}).sample_count == 10_000
    with pytest.raises(InvalidSettingsError, match="flat takes one content type, not 2"):
        read_settings({"PAYLOAD_LAYOUT": "flat", "CONTENT_TYPES": JSON_AND_CSV})


def test_one_record_has_one_sample() -> None:
    record = {"CONTENT_TYPES": "application/json; format=record"}
    assert resolved(record).sample_count == 1
    with pytest.raises(InvalidSettingsError, match=r"format=record .*SAMPLE_COUNT"):
        read_settings({**record, "SAMPLE_COUNT": "2"})


def test_the_digest_covers_what_shapes_a_payload_and_the_version() -> None:
    environment = {
        "SPECIAL_FIELD_a": "1",
        "SPECIAL_FIELD_b": "\udcff",
        "FIELD_DEFAULTS": '{"c": 1}',
    }
    digest = read_settings(environment).sha256("1")
    shuffled = dict(reversed(list(environment.items())))
    assert digest == read_settings({**shuffled, "OTHER": "x", "MAX_MEMBERS": "9"}).sha256("1")
    assert digest != read_settings(environment).sha256("2")
    for changed in (
        {"SPECIAL_FIELD_a": "2"},
        {"FIELD_DEFAULTS": '{"c": 2}'},
        {"CONTENT_TYPES": "text/csv"},
        {"DEFAULT_NUMERIC_VALUE": "1"},
        {"DEFAULT_TEXT_VALUE": "1"},
        {"DEFAULT_CATEGORICAL_VALUE": "1"},
        {"PAYLOAD_LAYOUT": "flat"},
        {"SAMPLE_COUNT": "2"},
        {"REALISTIC_VALUES": "1"},
    ):
        assert digest != read_settings({**environment, **changed}).sha256("1"), changed
    assert digest != read_settings(environment, {"field_values": {"a": "1"}}).sha256("1")
