"""Recipes: which one counts, what it gives, and what wins over it."""

from __future__ import annotations

import json
import pickle
from typing import Any, Dict, List, Optional

import pytest
from mims import Payload, find_inputs_in_files, generate, generate_from
from mims.errors import InvalidHyperparametersError, InvalidSettingsError
from mims.fields import Field
from mims.formats.registry import parse_content_types
from mims.inputs.hyperparameters import Hyperparameters
from mims.inputs.model_inputs import ModelInputs
from mims.payload.check import check_payload_archive
from mims.recipes import AUTO, NONE, RECIPES, Recipe
from mims.settings import read_settings

from tests.archives import packed, payload_of

MIXED = {
    "field_info": {"n": "float", "i": "int", "c": "category", "t": "text", "d": "date"},
}


def made(
    environment: Optional[Dict[str, str]] = None,
    request: Optional[Dict[str, Any]] = None,
    hyperparameters: Any = None,
    **payload_settings: Any,
) -> Payload:
    content = {**(hyperparameters or MIXED)}
    if payload_settings:
        content["payload_settings"] = payload_settings
    return payload_of(json.dumps(content).encode(), read_settings(environment or {}, request))


def sample(payload: Payload) -> str:
    (reported,) = check_payload_archive(payload.archive).payloads
    return reported.first_sample


def types(payload: Payload) -> List[str]:
    return [str(p.content_type) for p in check_payload_archive(payload.archive).payloads]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_each_recipe_names_content_types_that_are_supported(recipe: Recipe) -> None:
    for body in recipe.bodies:
        assert [str(found) for found in parse_content_types(body, "x")] == [body]


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("xgboost", "0.0,0,0,0,0"),
        ("lightgbm", "0.0,0,0,DEFAULT_TEXT,1970-01-01"),
        ("catboost", "0.0,0,0,DEFAULT_TEXT,1970-01-01"),
        ("sklearn", '[[0.0, 0, "DEFAULT_TEXT", "DEFAULT_TEXT", "1970-01-01"]]'),
        ("pytorch", "[[0.0, 0, 0, 0, 0]]"),
        ("autogluon", "n,i,c,t,d\n0.0,0,DEFAULT_TEXT,DEFAULT_TEXT,1970-01-01"),
        ("mlflow", '{"dataframe_split": {"columns": ["n", "i", "c", "t", "d"], "data": '
         '[[0.0, 0, "DEFAULT_TEXT", "DEFAULT_TEXT", "1970-01-01"]]}}'),
    ],
)  # fmt: skip
def test_what_a_recipe_makes(recipe: str, expected: str) -> None:
    given = read_settings({"RECIPE": recipe.upper()})
    payload = payload_of(json.dumps(MIXED).encode(), given, 0)
    assert (sample(payload), payload.recipe) == (expected, recipe)
    assert check_payload_archive(payload.archive).recipe == recipe


def test_a_category_that_is_true_gives_a_warning_if_the_server_takes_only_numbers() -> None:
    content = json.dumps(
        {"field_info": {"c": {"type": "enum", "categories": [True, 2]}, "b": "bool"}}
    ).encode()
    values = {"FIELD_DEFAULTS": '{"c": true, "b": true}'}
    payload = payload_of(content, read_settings({"RECIPE": "xgboost", **values}))
    assert sample(payload) == "true,1"
    (warning,) = payload.warnings
    assert "other values, which stay: 'c'." in warning
    realistic = read_settings({"RECIPE": "xgboost", "REALISTIC_VALUES": "true"})
    assert sample(payload_of(content, realistic)) == "2,0"


def inputs(*fields: Field, form: str = "", family: Optional[str] = None) -> ModelInputs:
    return ModelInputs(
        fields, family or "mlflow", "m", 0, Hyperparameters(), family, family, form=form
    )


X = Field("x", "numeric", (2,))


@pytest.mark.parametrize(
    ("recipe", "fields", "form", "expected"),
    [
        ("mlflow", (X,), "tensors", '{"inputs": {"x": [[0.0, 0.0]]}}'),
        ("mlflow", (X,), "tensor", '{"inputs": [[0.0, 0.0]]}'),
        ("mlflow", (X,), "columns", '{"dataframe_split": {"columns": ["x"], "data": '
         "[[[0.0, 0.0]]]}}"),
        ("tensorflow", (X,), "", '{"instances": [[0.0, 0.0]]}'),
        ("tensorflow", (X, Field("y", "integer")), "",
         '{"instances": [{"x": [0.0, 0.0], "y": 0}]}'),
        ("huggingface", (Field("inputs", "text"),), "", '{"inputs": "DEFAULT_TEXT"}'),
        ("huggingface", (Field("question", "text"), Field("context", "text")), "",
         '{"inputs": {"question": "DEFAULT_TEXT", "context": "DEFAULT_TEXT"}}'),
        ("autogluon", (Field("0", "integer"), Field("1", "boolean")), "", "0,1\n0,false"),
        ("autogluon", (Field("0", "integer"), Field("1", "boolean")), "numbered", "0,0"),
        ("triton", (Field("x", "numeric", (2,), "FP32"),), "",
         '{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [0.0, 0.0]}]}'),
    ],
)  # fmt: skip
def test_a_recipe_goes_by_the_models_signature(
    recipe: str, fields: Any, form: str, expected: str
) -> None:
    payload = generate_from(inputs(*fields, form=form), read_settings({"RECIPE": recipe}))
    assert sample(payload) == expected
    automatic = generate_from(
        inputs(*fields, form=form, family=recipe), read_settings({"RECIPE": AUTO})
    )
    assert (automatic.archive == payload.archive, automatic.recipe) == (False, recipe)
    assert sample(automatic) == expected


CSV, JSON = "text/csv", "application/json"


@pytest.mark.parametrize(
    ("environment", "payload_settings", "request_", "expected", "recipe"),
    [
        # A recipe ranks with the source that names it: its own settings win, lower sources lose.
        ({"RECIPE": "sklearn", "CONTENT_TYPES": CSV}, {}, {}, [CSV], "sklearn"),
        ({"CONTENT_TYPES": CSV}, {}, {"recipe": "mlflow"},
         ["application/json; format=dataframe_split"], "mlflow"),
        ({"CONTENT_TYPES": CSV}, {"recipe": "sklearn"}, {}, ["application/json; format=lists"],
         "sklearn"),
        ({"RECIPE": "xgboost"}, {"content_types": JSON}, {}, [JSON], "xgboost"),
        ({"RECIPE": "xgboost"}, {}, {"content_types": JSON}, [JSON], "xgboost"),
        ({}, {"recipe": "xgboost"}, {"content_types": JSON}, [JSON], "xgboost"),
        # Only the highest recipe counts, and `none` switches recipes off.
        ({"RECIPE": "xgboost"}, {"recipe": "sklearn"}, {}, ["application/json; format=lists"],
         "sklearn"),
        ({"RECIPE": "xgboost"}, {"recipe": "none"}, {}, [JSON], None),
        ({"RECIPE": "xgboost"}, {"recipe": "mlflow"}, {"recipe": "none"}, [JSON], None),
        ({"RECIPE": "xgboost", "CONTENT_TYPES": CSV}, {}, {"recipe": "none"}, [CSV], None),
        ({"RECIPE": ""}, {}, {}, [JSON], None),
    ],
)  # fmt: skip
def test_which_recipe_counts(
    environment: Dict[str, str],
    payload_settings: Dict[str, Any],
    request_: Dict[str, Any],
    expected: List[str],
    recipe: Optional[str],
) -> None:
    payload = made(environment, request_, None, **payload_settings)
    assert (types(payload), payload.recipe) == (expected, recipe)


def test_defaults_that_are_given_win_over_a_recipes() -> None:
    text = made({"RECIPE": "xgboost", "DEFAULT_TEXT_VALUE": "7"})
    assert sample(text) == "0.0,0,0,7,0"
    (warning,) = made({"RECIPE": "xgboost"}, {"field_values": {"t": "word", "c": "3"}}).warnings
    assert "'t'" in warning
    assert "'c'" not in warning
    (warning,) = made({"RECIPE": "xgboost", "DEFAULT_CATEGORICAL_VALUE": "word"}).warnings
    assert "'c'" in warning
    assert "'t'" not in warning
    assert sample(made({"DEFAULT_CATEGORICAL_VALUE": "A"}, {"recipe": "xgboost"})) == "0.0,0,0,0,0"
    listed = {"field_info": {"c": {"type": "category", "categories": ["A", "B"]}}}
    assert sample(made({}, None, listed)) == '{"instances": [{"c": "A"}]}'
    assert sample(made({"RECIPE": "lightgbm"}, None, listed)) == "0"
    assert sample(made({"DEFAULT_CATEGORICAL_VALUE": "B"}, None, listed)) == (
        '{"instances": [{"c": "B"}]}'
    )
    for given, as_json in ((True, "true"), (1, "1"), (2.5, "2.5"), ("1", '"1"')):
        payload = made({}, {"default_categorical_value": given}, listed)
        assert sample(payload) == f'{{"instances": [{{"c": {as_json}}}]}}'


def test_a_category_is_the_number_that_training_gave_it() -> None:
    hyperparameters = {
        "tab_field_list": ["n"],
        "cat_field_list": ["c", "b"],
        "imputation_dict": {"n": 2.5},
        "risk_tables": {"c": {"bins": {"Rome": 0.25, "Oslo": 0.5}}, "b": {"x": 1}},
    }
    realistic = {"REALISTIC_VALUES": "true", "SAMPLE_COUNT": "2", "PAYLOAD_LAYOUT": "flat"}
    numbers = made({**realistic, "RECIPE": "xgboost"}, None, hyperparameters)
    assert sample(numbers) == "2.5,0.25,1"
    words = made({**realistic, "CONTENT_TYPES": "text/csv; header=absent"}, None, hyperparameters)
    assert sample(words) == "2.5,Rome,x"


def test_auto_without_a_family_uses_the_contracts_defaults_and_says_so() -> None:
    payload = made({"RECIPE": "auto"})
    assert (types(payload), payload.recipe, payload.family) == ([JSON], None, None)
    assert "auto" in payload.warnings[0]
    strange = generate_from(inputs(X, family="onnx"), read_settings({"RECIPE": "auto"}))
    assert (strange.recipe, strange.family) == (None, "onnx")


def test_a_pickle_that_cannot_be_read_shows_no_family_unless_it_names_a_library() -> None:
    words = pickle.dumps({f"word{index}": index for index in range(100)}, 4)[:-100]
    model = b"\x80\x04csklearn.svm._classes\nSVC\n)\x81}U"
    for content, family in ((words, "pytorch"), (model, "sklearn")):
        archive = packed(
            ("hyperparameters.json", json.dumps(MIXED).encode()),
            ("vocabulary.pkl", content),
            ("model.pth", b"x"),
        )
        payload = generate([archive], read_settings({"RECIPE": "auto"}))
        assert (payload.family, payload.recipe) == (family, family)


def test_a_model_whose_own_server_reads_none_of_the_content_types_gives_a_warning() -> None:
    seen = inputs(X, family="xgboost")
    (warning,) = generate_from(seen, read_settings({})).warnings
    assert "RECIPE=xgboost" in warning
    for fitting in ("text/csv; header=absent", "text/libsvm; index=0", "text/csv,text/libsvm"):
        assert generate_from(seen, read_settings({"CONTENT_TYPES": fitting})).warnings == ()
    assert generate_from(seen, read_settings({"RECIPE": "sklearn"})).warnings == ()
    assert generate_from(inputs(X, family="onnx"), read_settings({})).warnings == ()


def test_the_error_for_an_unknown_recipe_lists_all() -> None:
    with pytest.raises(InvalidSettingsError, match=r"'xg'.*xgboost.*auto.*none"):
        read_settings({"RECIPE": "xg"})
    assert read_settings({}, {"recipe": NONE}).recipe_name({}) == NONE


@pytest.mark.parametrize(
    "payload_settings",
    [
        7,
        ["text/csv"],
        {"content_type": "text/secret"},
        {"content_types": "text/secret"},
        {"recipe": "secret"},
        {"sample_count": "secret"},
        {"field_values": {"n": "secret"}},
        {"field_values": {"n": {"secret": 1}}},
        {"fields": "secret,,{"},
        {"content_types": "application/json; format=template", "content_template": "secret"},
        {"content_types": "text/csv, application/json", "layout": "flat"},
    ],
)
def test_payload_settings_that_are_wrong_name_the_key_and_never_the_value(
    payload_settings: Any,
) -> None:
    content = json.dumps({**MIXED, "payload_settings": payload_settings}).encode()
    if payload_settings == {"fields": "secret,,{"}:
        assert payload_of(content).field_count == 2
        return
    with pytest.raises(InvalidHyperparametersError) as caught:
        payload_of(content)
    assert "secret" not in str(caught.value)
    assert "payload_settings" in str(caught.value)


@pytest.mark.parametrize("value", [{"secret": 1}, "secret \ud800", [], float("inf")])
def test_a_field_whose_value_in_payload_settings_is_none_is_named(value: Any) -> None:
    with pytest.raises(InvalidHyperparametersError) as caught:
        made(field_values={"i": 1, "t": value})
    assert "payload_settings.field_values: 't' is invalid; it must be a string" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_values_in_payload_settings_rank_between_the_request_and_the_environment() -> None:
    payload = made(
        {"SPECIAL_FIELD_n": "1", "SPECIAL_FIELD_i": "1", "SPECIAL_FIELD_t": "1"},
        {"field_values": {"n": 3}, "recipe": "xgboost"},
        field_values={"n": 2, "i": 2},
    )
    assert sample(payload) == "3.0,2,0,1,0"


@pytest.mark.parametrize(
    ("environment", "request_settings", "payload_settings"),
    [
        (
            {"CONTENT_TYPES": "text/csv, application/json"},
            {"layout": "flat"},
            {"content_types": "text/csv"},
        ),
        (
            {"CONTENT_TYPES": "text/csv, application/json"},
            {"layout": "flat"},
            {"recipe": "autogluon"},
        ),
        (
            {"CONTENT_TYPES": "application/json; format=record"},
            {"sample_count": 2},
            {"content_types": "text/csv"},
        ),
        (
            {"SAMPLE_COUNT": "2"},
            {"content_types": "application/json; format=record"},
            {"sample_count": 1},
        ),
    ],
)
def test_payload_settings_may_resolve_a_conflict_of_environment_and_request(
    environment: Dict[str, str], request_settings: Dict[str, Any], payload_settings: Dict[str, Any]
) -> None:
    assert made(environment, request_settings, **payload_settings).archive
    with pytest.raises(InvalidSettingsError, match=r"takes one content type|carries one sample"):
        made(environment, request_settings)


def test_a_conflict_within_one_source_is_an_error_before_anything_is_read() -> None:
    two = "text/csv, application/json"
    with pytest.raises(InvalidSettingsError, match="takes one content type"):
        read_settings({"PAYLOAD_LAYOUT": "flat", "CONTENT_TYPES": two})
    with pytest.raises(InvalidSettingsError, match="takes one content type"):
        read_settings(
            {"RECIPE": "auto", "CONTENT_TYPES": "text/csv"},
            {"layout": "flat", "content_types": two},
        )


@pytest.mark.parametrize("layout", ["request", "environment"])
def test_the_recipe_of_the_model_may_resolve_it_too(layout: str) -> None:
    environment, request = {"CONTENT_TYPES": "text/csv, application/json"}, {"recipe": "auto"}
    if layout == "request":
        request["layout"] = "flat"
    else:
        environment["PAYLOAD_LAYOUT"] = "flat"
    given = read_settings(environment, request)
    assert generate_from(inputs(Field("a", "numeric"), family="mlflow"), given).recipe == "mlflow"
    with pytest.raises(InvalidSettingsError, match="takes one content type"):
        generate_from(inputs(Field("a", "numeric"), family="onnx"), given)


def test_payload_settings_as_the_strings_that_sagemaker_passes() -> None:
    content = {
        "field_info": json.dumps(MIXED["field_info"]),
        "payload_settings": json.dumps({"sample_count": "2", "recipe": "xgboost"}),
    }
    payload = payload_of(json.dumps(content).encode())
    assert (payload.sample_count, payload.recipe) == (2, "xgboost")


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("CONTENT_TYPE", "CONTENT_TYPES"), ("content_types", "CONTENT_TYPES"),
        ("SAMPLECOUNT", "SAMPLE_COUNT"), ("DEFAULT_NUMERIC", "DEFAULT_NUMERIC_VALUE"),
        ("Recipe", "RECIPE"), ("RECIPES", "RECIPE"), ("FIELD", "FIELDS"),
        ("special_field_age", "SPECIAL_FIELD_<name>"), ("SPECIAL_FIELD", "SPECIAL_FIELD_<name>"),
        ("SPECIAL_FIELD_", "SPECIAL_FIELD_<name>"), ("SPECIAL_FIELDS_a", "SPECIAL_FIELD_<name>"),
        ("SPECIL_FIELD_a", "SPECIAL_FIELD_<name>"), ("special_fild_a", "SPECIAL_FIELD_<name>"),
    ],
)  # fmt: skip
def test_a_misspelt_variable_is_a_warning_in_the_result_but_not_in_the_metadata(
    variable: str, meant: str
) -> None:
    payload = made({variable: "secret"})
    (warning,) = payload.all_warnings
    assert variable in warning
    assert meant in warning
    assert "secret" not in warning
    assert payload.warnings == ()


@pytest.mark.parametrize(
    "variable",
    ["PATH", "HOME", "AWS_REGION", "PAYLOAD_BUCKET", "MAX", "LANG", "SPECIAL_FIELD_x", "SPECIAL"],
)
def test_other_variables_are_left_alone(variable: str) -> None:
    assert read_settings({variable: "x"}).warnings == ()


def test_find_inputs_in_files_uses_the_settings_too() -> None:
    given = read_settings({"FIELDS": "3"})
    assert find_inputs_in_files([], given).source == "settings"
    # A fault in the file next to them is a warning, as in an archive.
    for content, limit in ((b"{", ""), (b"{}", "1")):
        given = read_settings({"FIELDS": "3", "MAX_HYPERPARAMETERS_BYTES": limit})
        payload = payload_of(content, given)
        assert payload.field_count == 3
        (warning,) = payload.warnings
        assert "'hyperparameters.json'" in warning
