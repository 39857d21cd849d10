"""Fields and settings → values: what wins, what is matched, and what is refused."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

import pytest
from mims.errors import InvalidHyperparametersError, InvalidSettingsError
from mims.fields import Field
from mims.inputs.hyperparameters import Hyperparameters
from mims.limits import INTEGER_DIGITS
from mims.samples import Samples
from mims.sampling import make_samples
from mims.settings import read_settings

AGE, CITY, NOTE = Field("age", "numeric"), Field("city", "categorical"), Field("note", "text")
MODIFIED = 1_768_465_800


def make(
    *fields: Field,
    environment: Optional[Mapping[str, str]] = None,
    request: Any = None,
    modified: int = MODIFIED,
    **hyperparameters: Any,
) -> Samples:
    settings = read_settings(environment or {}, request).resolve({})
    return make_samples(fields, Hyperparameters(hyperparameters), {}, settings, modified)


def values(samples: Samples) -> Dict[str, Any]:
    (row,) = samples.rows()
    return dict(zip(samples.names, row))


def test_defaults_by_type() -> None:
    samples = make(AGE, CITY, NOTE)
    assert values(samples) == {"age": 0.0, "city": "DEFAULT_TEXT", "note": "DEFAULT_TEXT"}
    assert samples.sources == ("default",) * 3
    environment = {"DEFAULT_NUMERIC_VALUE": "7", "DEFAULT_TEXT_VALUE": "t"}
    samples = make(AGE, CITY, NOTE, environment={**environment, "DEFAULT_CATEGORICAL_VALUE": "0"})
    assert values(samples) == {"age": 7.0, "city": "0", "note": "t"}
    assert isinstance(values(samples)["age"], float)


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        (None, "DEFAULT_TEXT [M]"),
        ("Paris is {mask}.", "Paris is {mask}. [M]"),
        ("It is [M].", "It is [M]."),
        ("", "DEFAULT_TEXT [M]"),
    ],
)
def test_a_text_for_a_fill_mask_model_contains_the_mask(
    default: Optional[str], expected: str
) -> None:
    field = Field("inputs", "text", mask="[M]")
    environment = {} if default is None else {"DEFAULT_TEXT_VALUE": default}
    samples = make(field, environment=environment)
    assert (values(samples), samples.sources) == ({"inputs": expected}, ("default",))
    given = make(field, environment={"SPECIAL_FIELD_inputs": "as it is", **environment})
    assert values(given) == {"inputs": "as it is"}
    # A request's empty text, and a recipe's number.
    assert values(make(field, request={"default_text_value": ""})) == {"inputs": "[M]"}
    recipe = read_settings({"RECIPE": "pytorch"}).resolve({})
    (row,) = make_samples([field], Hyperparameters({}), {}, recipe, MODIFIED).rows()
    assert row == [0]


@pytest.mark.parametrize(
    ("kind", "known", "setting", "given"),
    [
        ("text", "gold", {"DEFAULT_TEXT_VALUE": "t"}, "t"),
        ("integer", 3, {"DEFAULT_NUMERIC_VALUE": "7"}, 7),
        ("numeric", 3.0, {"DEFAULT_NUMERIC_VALUE": "7"}, 7.0),
        ("boolean", True, {}, True),
    ],
)
def test_a_value_that_the_model_is_known_to_take_is_the_default_if_none_is_set(
    kind: str, known: Any, setting: Dict[str, str], given: Any
) -> None:
    field = Field("x", kind, known=known)
    samples = make(field)
    assert (values(samples), samples.sources) == ({"x": known}, ("default",))
    assert values(make(field, environment=setting)) == {"x": given}
    assert values(make(field, environment={"FIELD_DEFAULTS": '{"x": 1}'})) == {
        "x": {"text": "1", "boolean": True}.get(kind, 1)
    }
    recipe = read_settings({"RECIPE": "xgboost"}).resolve({})
    (row,) = make_samples([field], Hyperparameters({}), {}, recipe, MODIFIED).rows()
    assert row == [0 if kind == "text" else known]


def test_what_wins() -> None:
    field = Field("age", "numeric", example=3)
    training: Dict[str, Any] = {"imputation_dict": {"age": 2}}
    environment = {"REALISTIC_VALUES": "true"}

    def taken(field: Field = field, request: Any = None, **more: Any) -> tuple[Any, str]:
        samples = make(field, environment={**environment, **more}, request=request, **training)
        return values(samples)["age"], samples.sources[0]

    defaults: Dict[str, Any] = {"FIELD_DEFAULTS": '{"age": 4}'}
    special: Dict[str, Any] = {"SPECIAL_FIELD_AGE": "5"}
    assert taken(AGE, request={"realistic_values": False}) == (0.0, "default")
    assert taken(AGE) == (2.0, "training")
    assert taken() == (3.0, "field_info")
    assert taken(**defaults) == (4.0, "field_default")
    assert taken(**defaults, **special) == (5.0, "special_field")
    assert taken(request={"field_values": {"age": 6}}, **special) == (6.0, "special_field")
    assert taken(request={"field_values": {"x": 6}}, **special) == (5.0, "special_field")


@pytest.mark.parametrize("falsy", [0, False, ""])
def test_an_example_that_is_falsy_is_a_value(falsy: Any) -> None:
    samples = make(Field("note", "text", example=falsy))
    assert (values(samples)["note"], samples.sources) == (
        {"0": "0", "False": "false", "": ""}[str(falsy)],
        ("field_info",),
    )


@pytest.mark.parametrize(
    ("names", "variables", "applied", "warned"),
    [
        (["a.b"], {"a.b": "1"}, {"a.b": "1"}, 0),
        (["a.b"], {"a_b": "1"}, {"a.b": "1"}, 0),
        (["Risk.Age-1"], {"RISK_AGE_1": "1"}, {"Risk.Age-1": "1"}, 0),
        (["größe"], {"GR__E": "1"}, {"größe": "1"}, 0),
        (["a_b", "a.b"], {"a_b": "1"}, {"a_b": "1"}, 0),  # the exact name
        (["a-b", "a.b"], {"a_b": "1"}, {}, 1),  # two fields for a variable
        (["a_b", "a.b"], {"A_B": "1"}, {}, 1),
        (["a.b"], {"a_b": "1", "A_B": "2"}, {}, 1),  # two variables for a field
        (["a_b"], {"a_b": "1", "A_B": "2"}, {"a_b": "1"}, 1),
        (["a"], {"b": "1"}, {}, 1),
        (["a"], {"a": ""}, {"a": ""}, 0),
        (["a"], {}, {}, 0),
    ],
)
def test_variables_are_matched_to_fields(
    names: List[str], variables: Dict[str, str], applied: Dict[str, str], warned: int
) -> None:
    samples = make(
        *(Field(name, "text") for name in names),
        environment={f"SPECIAL_FIELD_{name}": value for name, value in variables.items()},
    )
    assert values(samples) == {name: applied.get(name, "DEFAULT_TEXT") for name in names}
    assert len(samples.warnings) == warned
    for warning in samples.warnings:
        assert any(f"SPECIAL_FIELD_{name}" in warning for name in variables)


def test_warnings_do_not_depend_on_the_order_of_the_environment() -> None:
    variables = {f"SPECIAL_FIELD_{name}": "1" for name in ("x", "y", "a_b", "A_B", "c_d")}
    fields = [Field(name, "text") for name in ("a.b", "c.d", "c-d", "e")]
    request = {"field_values": {"q": "1", "p": "2"}}
    swapped = {"field_values": {"p": "2", "q": "1"}}
    one = make(*fields, environment=variables, request=request)
    other = make(*fields, environment=dict(reversed(list(variables.items()))), request=swapped)
    assert one.warnings == other.warnings
    assert len(one.warnings) == 4


def test_a_request_names_a_field_that_the_model_lacks() -> None:
    assert "'x'" in make(AGE, request={"field_values": {"x": 1}}).warnings[0]
    assert make(AGE, environment={"FIELD_DEFAULTS": '{"x": 1}'}).warnings == ()


def test_field_defaults_reach_any_name() -> None:
    names = ["a.b", "größe, m", "x\ny", '"']
    environment = {"FIELD_DEFAULTS": '{"a.b": "1", "größe, m": 2.5, "x\\ny": true, "\\"": 3}'}
    samples = make(*(Field(name, "text") for name in names), environment=environment)
    assert list(values(samples).values()) == ["1", "2.5", "true", "3"]


def test_lists_are_repeated_over_the_samples() -> None:
    environment = {"FIELD_DEFAULTS": '{"age": [1, "2", 3.5], "note": ["x", "y"]}'}
    fields = (AGE, NOTE, Field("city", "categorical", categories=("p", "q")))
    request = {"sample_count": 5, "realistic_values": True, "field_values": {"note": ["z"]}}
    samples = make(*fields, environment=environment, request=request)
    columns = [[row[index] for row in samples.rows()] for index in range(3)]
    assert columns == [[1.0, 2.0, 3.5, 1.0, 2.0], ["z"] * 5, ["p", "q", "p", "q", "p"]]
    assert list(samples.rows())[4] == [2.0, "z", "p"]
    assert list(samples.one(4).rows()) == [[2.0, "z", "p"]]
    assert samples.count == 5


@pytest.mark.parametrize(
    ("modified", "timestamp"),
    [
        (MODIFIED, "2026-01-15 08:30:00"),
        (0, "1970-01-01 00:00:00"),
        (-1, "1969-12-31 23:59:59"),
        (-60_000_000_000, "0068-09-03 13:20:00"),
        (2**62, "1970-01-01 00:00:00"),
        (-(2**95), "1970-01-01 00:00:00"),
    ],
)
def test_a_timestamp_is_the_files_time(modified: int, timestamp: str) -> None:
    environment = {
        "SPECIAL_FIELD_note": "{timestamp}|{now}|{0}|%s|{timestamp}",
        "FIELD_DEFAULTS": '{"city": ["at {timestamp}", "x"]}',
        "DEFAULT_TEXT_VALUE": "{timestamp}",
    }
    samples = make(NOTE, CITY, Field("a", "text"), environment=environment, modified=modified)
    assert values(samples) == {
        "note": f"{timestamp}|{{now}}|{{0}}|%s|{timestamp}",
        "city": f"at {timestamp}",
        "a": "{timestamp}",
    }


RISKS = {"city": {"Rome": 0.1, "Oslo": 0.2}}


@pytest.mark.parametrize(
    ("field", "hyperparameters", "expected"),
    [
        (AGE, {"imputation_dict": {"age": 41}}, [41.0]),
        (AGE, {"imputation_dict": '{"age": "41.5"}'}, [41.5]),
        (AGE, {"imputation_dict": {"age": float("nan")}}, [0.0]),
        (AGE, {"imputation_dict": {"age": None}}, [0.0]),
        (AGE, {"imputation_dict": {"age": 10**400}}, [0.0]),
        (AGE, {"imputation_dict": "None", "risk_tables": None}, [0.0]),
        (CITY, {"risk_tables": RISKS}, ["Rome", "Oslo"]),
        (CITY, {"risk_tables": {"city": {"bins": RISKS["city"], "default_bin": 0.3}}},
         ["Rome", "Oslo"]),
        (CITY, {"risk_tables": {"city": {}}}, ["DEFAULT_TEXT"]),
        (CITY, {"risk_tables": {"city": 7}}, ["DEFAULT_TEXT"]),
        (CITY, {"imputation_dict": {"city": "x"}}, ["DEFAULT_TEXT"]),
        (NOTE, {"risk_tables": {"note": {"x": 1}}}, ["DEFAULT_TEXT"]),
        (Field("city", "categorical", categories=("p", None, 1)), {}, ["p", 1]),
        (Field("city", "categorical", categories=("p",)), {"risk_tables": RISKS}, ["Rome", "Oslo"]),
    ],
)  # fmt: skip
def test_realistic_values_are_what_training_recorded(
    field: Field, hyperparameters: Dict[str, Any], expected: List[Any]
) -> None:
    request = {"realistic_values": True, "sample_count": len(expected)}
    samples = make(field, request=request, **hyperparameters)
    assert [row[0] for row in samples.rows()] == expected
    assert samples.sources == ("default" if expected[0] in (0.0, "DEFAULT_TEXT") else "training",)
    off = make(field, request={"sample_count": 2}, **hyperparameters)
    assert off.sources == ("default",)


@pytest.mark.parametrize(
    ("field", "recorded", "expected"),
    [
        (Field("x", "boolean"), ["yes", 2, 1], [True]),
        (Field("x", "numeric"), ["a", [1.0], 2], [2.0]),
        (Field("x", "numeric", (2,)), [[1.0], [1.0, 2.0, 3.0], [1.0, 2.0]], [[1.0, 2.0]]),
        (Field("x", "integer", (2,)), [[1.5, 2], [3, "a"]], [[1, 2]]),
        (Field("x", "integer"), [2**60 + 1, 7.9], [2**60 + 1, 7]),
        (Field("x", "text"), [{"a": 1}, ["a"]], ["DEFAULT_TEXT"]),
    ],
)
def test_recorded_values_that_do_not_fit_their_field_are_left_out(
    field: Field, recorded: List[Any], expected: List[Any]
) -> None:
    request = {"realistic_values": True, "sample_count": len(expected)}
    settings = read_settings({}, request).resolve({})
    samples = make_samples([field], Hyperparameters(), {"x": recorded}, settings, 0)
    assert [row[0] for row in samples.rows()] == expected


def test_codes_are_those_that_training_recorded() -> None:
    field = Field("x", "categorical", categories=(0,))
    settings = read_settings({}, {"realistic_values": True, "sample_count": 4}).resolve({})
    samples = make_samples([field], Hyperparameters(), {"x": [2, 1, 0]}, settings, 0)
    assert [row[0] for row in samples.rows()] == [2, 1, 0, 2]
    samples = make_samples([field], Hyperparameters(), {}, settings, 0)
    assert ([row[0] for row in samples.rows()], samples.sources) == ([0] * 4, ("default",))


def test_an_imputed_value_is_that_of_every_element() -> None:
    field = Field("x", "integer", (2, 2))
    samples = make(field, request={"realistic_values": True}, imputation_dict={"x": "3.5"})
    assert values(samples) == {"x": [[3, 3], [3, 3]]}


def test_a_string_spells_an_integer_of_as_many_digits_as_json_may_have() -> None:
    digits = "9" * INTEGER_DIGITS
    samples = make(Field("n", "integer"), request={"field_values": {"n": digits}})
    assert values(samples) == {"n": int(digits)}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("9007199254740993.0", 9007199254740993),
        ("-9223372036854775807.00", -9223372036854775807),
        ("1e23", 10**23),
        ("1.5E+1", 15),
        ("120e-1", 12),
        (" 5. ", 5),
        ("-.0", 0),
        ("0e999", 0),
        ("0" * 5_000 + "1.0", 1),
    ],
)
def test_a_decimal_that_spells_an_integer_keeps_every_digit(written: str, value: int) -> None:
    samples = make(Field("n", "integer"), request={"field_values": {"n": written}})
    assert values(samples) == {"n": value}


@pytest.mark.parametrize("written", ["0.99999999999999999999", "9007199254740992.5", "1e-400"])
def test_a_fraction_that_a_float_would_lose_is_not_whole(written: str) -> None:
    with pytest.raises(InvalidSettingsError, match="whole number"):
        make(Field("n", "integer"), request={"field_values": {"n": written}})


def test_the_default_of_integers_keeps_every_digit() -> None:
    samples = make(
        AGE, Field("n", "integer"), environment={"DEFAULT_NUMERIC_VALUE": f"{2**53 + 1}"}
    )
    assert values(samples) == {"age": float(2**53), "n": 2**53 + 1}


@pytest.mark.parametrize("key", ["imputation_dict", "risk_tables"])
def test_recorded_values_that_are_not_an_object_are_refused_only_if_they_are_used(key: str) -> None:
    recorded: Dict[str, Any] = {key: ["secret"]}
    assert make(AGE, **recorded).sources == ("default",)
    with pytest.raises(InvalidHyperparametersError, match=key) as caught:
        make(AGE, request={"realistic_values": True}, **recorded)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["x", "nan", "Infinity", "", "{timestamp}", "1_000", "\u0663", [1, "x"]]
)
def test_a_value_for_a_numeric_field_must_be_a_finite_number(value: Any) -> None:
    with pytest.raises(InvalidSettingsError, match="'age'") as caught:
        make(AGE, request={"field_values": {"age": value}})
    if value not in ("{timestamp}", [1, "x"]):
        assert f"'{value}'" in str(caught.value)


@pytest.mark.parametrize("source", ["special", "default", "info", "training"])
def test_text_that_is_not_unicode_is_refused_without_showing_a_hyperparameters_value(
    source: str,
) -> None:
    half = "secret\ud83d"
    field = Field("city", "categorical", example=half if source == "info" else None)
    environment = {"SPECIAL_FIELD_CITY": half} if source == "special" else {}
    if source == "default":
        with pytest.raises(InvalidSettingsError, match="'city'"):
            make(field, environment={"FIELD_DEFAULTS": '{"city": "\\ud83d"}'})
        return
    error = InvalidSettingsError if source == "special" else InvalidHyperparametersError
    with pytest.raises(error, match="'city'") as caught:
        make(
            field,
            environment=environment,
            request={"realistic_values": True},
            risk_tables={"city": {half: 1}},
        )
    assert ("secret" in str(caught.value)) == (source == "special")


@pytest.mark.parametrize("example", [{"secret": 1}, [], [[1]], float("nan"), "secret"])
def test_an_example_that_does_not_fit_is_refused_without_showing_it(example: Any) -> None:
    with pytest.raises(InvalidHyperparametersError, match=r"'age'.*field_info") as caught:
        make(Field("age", "numeric", example=example))
    assert "secret" not in str(caught.value)
