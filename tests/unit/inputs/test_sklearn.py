"""Pickled models → fields: real ones of many versions, and small ones for every rule."""

from __future__ import annotations

import collections
import importlib.util
import json
import os
import pickle
import random
import sys
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import pytest
from mims.fields import CATEGORICAL, NUMERIC, TEXT, Field
from mims.inputs import encoders, shared_lists, sklearn
from mims.inputs.member import HEAD, MemberBytes, Told, UnreadableError
from mims.inputs.sources import SKLEARN

from tests.unit.inputs.readings import MIB, peak_of

SOURCES = Path(__file__).resolve().parents[2] / "models" / "sources" / "pickled"
FOLDERS = sorted(folder.name for folder in SOURCES.iterdir())
READABLE = [name for name in FOLDERS if not name.endswith("-lz4")]
BOOSTERS = ("xgboost", "lightgbm", "catboost")


def told_by(content: bytes, name: str = "model.pkl", size: int = 65536) -> Optional[Told]:
    pieces = (content[at : at + size] for at in range(0, len(content), size))
    return sklearn.read(MemberBytes(name, pieces))


def model_of(name: str) -> Tuple[str, bytes, Dict[str, Any]]:
    """Return the file's name, its bytes and what must be read from it."""
    library = name.partition("-")[0]
    if library in BOOSTERS and importlib.util.find_spec(f"mims.inputs.{library}") is None:
        pytest.skip(f"the reader of {library} is not there")
    folder = SOURCES / name
    (path,) = [path for path in folder.iterdir() if path.name != "expect.json"]
    expected = json.loads((folder / "expect.json").read_text(encoding="utf-8"))
    return path.name, path.read_bytes(), expected


def summary(told: Optional[Told]) -> Dict[str, Any]:
    """Return what a reader found, in the form of `expect.json`."""
    assert told is not None
    fields: List[Dict[str, Any]] = []
    for field in told.fields:
        fields.append({"name": field.name, "type": field.type})
        if field.categories and told.source == "sklearn":
            fields[-1]["categories"] = list(field.categories)
    return {
        "source": told.source,
        "made_up": told.made_up,
        "count": len(told.fields),
        "transformer": told.transformer,
        "fields": [] if told.made_up else fields,
    }


@pytest.mark.parametrize("name", READABLE)
def test_real_models_give_the_inputs_that_the_library_reports(name: str) -> None:
    path, content, expected = model_of(name)
    assert sklearn.wants(path, content[:HEAD])
    assert content.startswith(SKLEARN.heads)
    for size in (1, 7, 65536):
        assert summary(told_by(content, path, size)) == expected


@pytest.mark.parametrize("name", READABLE)
def test_a_list_that_is_cut_short_is_not_used(name: str) -> None:
    path, content, expected = model_of(name)
    for end in range(0, len(content), max(1, len(content) // 60)):
        try:
            told = told_by(content[:end], path)
        except UnreadableError:
            continue
        assert told is None or not told.fields or summary(told) == expected, end


@pytest.mark.parametrize("name", READABLE)
def test_flipped_bytes_end_in_an_answer_or_an_error(name: str) -> None:
    path, content, _ = model_of(name)
    chance = random.Random(name)
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 3)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        sklearn.wants(path, bytes(damaged[:HEAD]))
        try:
            told = told_by(bytes(damaged), path)
        except UnreadableError:
            continue
        assert told is None or isinstance(told, Told)


def test_lz4_is_an_error_that_names_it() -> None:
    content = (SOURCES / "sklearn-1.9.1-line-lz4" / "model.joblib").read_bytes()
    assert sklearn.wants("model.joblib", content[:HEAD])
    with pytest.raises(UnreadableError, match="lz4"):
        told_by(content)


# Small objects of classes that need not be installed.


class Objects:
    """Makes objects of any class, and pickles them as if it were installed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._holders: Dict[str, ModuleType] = {}

    def _holder(self, module: str) -> ModuleType:
        if module not in self._holders:
            self._holders[module] = ModuleType(module)
            self._monkeypatch.setitem(sys.modules, module, self._holders[module])
        return self._holders[module]

    def made(self, path: str, **attributes: Any) -> Any:
        module, _, name = path.rpartition(".")
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            self._holder(".".join(parts[:end]))
        holder = self._holder(module).__dict__
        if name not in holder:
            holder[name] = type(name, (), {"__module__": module})
        instance = holder[name]()
        instance.__dict__.update(attributes)
        return instance

    def line(self, names: Sequence[str] = (), count: int = 0) -> Any:
        """Return a predictor with these names, or this number of inputs."""
        told: Dict[str, Any] = {"feature_names_in_": list(names)} if names else {}
        if count or names:
            told["n_features_in_"] = count or len(names)
        return self.made("sklearn.linear_model.Line", alpha=1.0, **told)

    def scaler(self, names: Sequence[str] = (), count: int = 0) -> Any:
        told: Dict[str, Any] = {"feature_names_in_": list(names)} if names else {}
        if count or names:
            told["n_features_in_"] = count or len(names)
        return self.made("sklearn.preprocessing.Scaler", **told)

    def pipeline(self, *steps: Any) -> Any:
        named = [(f"step {index}", step) for index, step in enumerate(steps)]
        return self.made("sklearn.pipeline.Pipeline", steps=named, verbose=False)


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> Objects:
    return Objects(monkeypatch)


def tell(value: Any, name: str = "model.pkl") -> Told:
    """Return what is read from a value that is pickled by each protocol."""
    told = [told_by(pickle.dumps(value, protocol), name) for protocol in range(6)]
    assert all(one == told[0] for one in told), told
    assert told[0] is not None
    return told[0]


def names(told: Told) -> List[str]:
    return [field.name for field in told.fields]


def test_an_estimators_names_count_before_its_number(objects: Objects) -> None:
    told = tell(objects.line(["a", "b"]))
    assert told == Told("sklearn", (Field("a", NUMERIC), Field("b", NUMERIC)))


@pytest.mark.parametrize("count", [999, 2_046, 2_050, 5_000, 20_000])
def test_a_long_list_is_read_to_its_end(objects: Objects, count: int) -> None:
    """Reading may end while a list is being built, but never with half of its names."""
    expected = [f"c{index}" for index in range(count)]
    assert names(tell(objects.line(expected))) == expected
    assert names(tell({"model": objects.line(count=count), "features": expected})) == expected


def test_names_are_made_up_if_only_the_number_is_known(objects: Objects) -> None:
    told = tell(objects.line(count=3))
    assert (names(told), told.made_up) == (["x0", "x1", "x2"], True)


def test_a_name_twice_counts_once(objects: Objects) -> None:
    assert names(tell(objects.line(["a", "b", "a"]))) == ["a", "b"]


@pytest.mark.parametrize("names_in", [["a", ""], ["a", None], ["a", "\ud800"], ["a", ["b"]]])
def test_invalid_names_are_not_used(objects: Objects, names_in: List[Any]) -> None:
    told = told_by(pickle.dumps(objects.line(names_in), 4))
    assert told is not None
    assert told.made_up


def test_an_estimator_without_either_says_so(objects: Objects) -> None:
    told = tell(objects.line())
    assert not told.fields
    assert told.why == "gives neither the names nor the number of its inputs"


@pytest.mark.parametrize(
    ("path", "transformer"),
    [
        ("sklearn.preprocessing._data.MinMaxScaler", True),
        ("sklearn.impute._base.SimpleImputer", True),
        ("sklearn.decomposition._pca.PCA", True),
        ("sklearn.feature_selection._rfe.RFE", True),
        ("sklearn.compose._column_transformer.ColumnTransformer", True),
        ("sklearn.compose._target.TransformedTargetRegressor", False),
        ("sklearn.svm._classes.SVC", False),
    ],
)
def test_transformers_are_distinguished_from_predictors(
    objects: Objects, path: str, transformer: bool
) -> None:
    assert tell(objects.made(path, n_features_in_=2)).transformer is transformer


def test_the_first_step_of_a_pipeline_gives_the_inputs(objects: Objects) -> None:
    told = tell(objects.pipeline(objects.scaler(["a", "b"]), objects.line(["c"])))
    assert (names(told), told.transformer) == (["a", "b"], False)


def test_a_later_step_never_gives_the_inputs(objects: Objects) -> None:
    told = tell(objects.pipeline(objects.scaler(), objects.line(["c"])))
    assert not told.fields
    told = tell(objects.pipeline(objects.scaler(count=2), objects.line(["c"])))
    assert names(told) == ["x0", "x1"]


def test_a_step_that_is_passed_through_is_ignored(objects: Objects) -> None:
    told = tell(objects.pipeline("passthrough", objects.line(["c"])))
    assert names(told) == ["c"]


def test_a_pipeline_that_ends_in_a_transformer_is_one(objects: Objects) -> None:
    inner = objects.pipeline(objects.scaler(["a"]), objects.scaler())
    assert tell(inner).transformer
    assert not tell(objects.pipeline(inner, objects.line())).transformer


def test_texts_are_one_field(objects: Objects) -> None:
    words = objects.made("sklearn.feature_extraction.text.CountVectorizer", vocabulary_={"a": 1})
    told = tell(objects.pipeline(words, objects.line(count=1)))
    counts = objects.made("sklearn.feature_extraction.text.TfidfTransformer", n_features_in_=2)
    assert names(tell(objects.pipeline(counts, objects.line()))) == ["x0", "x1"]
    assert told == Told("sklearn", (Field("text", TEXT),))
    union = objects.made("sklearn.pipeline.FeatureUnion", transformer_list=[("words", words)])
    assert tell(objects.pipeline(union, objects.line())).fields == told.fields
    assert tell((words, objects.line(count=1))).fields == told.fields


def test_encoded_columns_are_categorical(objects: Objects) -> None:
    encoder = objects.made(
        "sklearn.preprocessing._encoders.OrdinalEncoder", categories_=[["low", "high"], [1, 2.5]]
    )
    hot = objects.made(
        "sklearn.preprocessing._encoders.OneHotEncoder", categories_=[["x", None, float("nan")]]
    )
    words = objects.made("sklearn.feature_extraction.text.TfidfVectorizer")
    columns = objects.made(
        "sklearn.compose._column_transformer.ColumnTransformer",
        feature_names_in_=["a", "b", "c", "d", "e", "f"],
        transformers_=[
            ("numbers", objects.scaler(), [0]),
            ("codes", encoder, ["c", "b"]),
            ("hot", objects.pipeline(objects.scaler(), hot), slice(3, 4)),
            ("words", words, "e"),
            ("rest", "drop", [5]),
        ],
    )
    told = tell(objects.pipeline(columns, objects.line()))
    assert told.fields == (
        Field("a", NUMERIC),
        Field("b", CATEGORICAL, categories=(1, 2.5)),
        Field("c", CATEGORICAL, categories=("low", "high")),
        Field("d", CATEGORICAL, categories=("x",)),
        Field("e", TEXT),
        Field("f", NUMERIC),
    )


def test_an_encoder_for_only_some_of_the_columns_gives_no_types(objects: Objects) -> None:
    encoder = objects.made(
        "feature_engine.encoding.OneHotEncoder", feature_names_in_=["a", "b"], variables=["a"]
    )
    assert [field.type for field in tell(encoder).fields] == [NUMERIC, NUMERIC]
    encoder = objects.made(
        "sklearn.preprocessing._encoders.OneHotEncoder", n_features_in_=1, categories_=[["x"]]
    )
    assert tell(encoder).fields == (Field("x0", CATEGORICAL, categories=("x",)),)


@pytest.mark.parametrize("columns", [[False, True], [1], [-1], ["b"], slice(1, None)])
def test_columns_are_given_in_many_ways(objects: Objects, columns: Any) -> None:
    encoder = objects.made("sklearn.preprocessing._encoders.OneHotEncoder", categories_=[["x"]])
    transformer = objects.made(
        "sklearn.compose._column_transformer.ColumnTransformer",
        feature_names_in_=["a", "b"],
        transformers_=[("hot", encoder, columns)],
    )
    kinds = [field.type for field in tell(transformer).fields]
    assert kinds == [NUMERIC, CATEGORICAL]


COLUMN_TRANSFORMER = "sklearn.compose._column_transformer.ColumnTransformer"


def test_columns_of_a_transformer_within_another_are_typed(objects: Objects) -> None:
    hot = objects.made("sklearn.preprocessing._encoders.OneHotEncoder", categories_=[["x"]])
    inner = objects.made(
        COLUMN_TRANSFORMER,
        feature_names_in_=["c", "a"],
        transformers_=[("hot", hot, ["a"]), ("numbers", objects.scaler(), [0])],
    )
    outer = objects.made(
        COLUMN_TRANSFORMER,
        feature_names_in_=["a", "b", "c"],
        transformers_=[("both", inner, ["c", "a"]), ("rest", "passthrough", ["b"])],
    )
    assert tell(objects.pipeline(outer, objects.line())).fields == (
        Field("a", CATEGORICAL, categories=("x",)),
        Field("b", NUMERIC),
        Field("c", NUMERIC),
    )


@pytest.mark.parametrize("is_nested", [False, True])
def test_the_number_of_looks_at_columns_that_many_entries_share_is_limited(
    objects: Objects, monkeypatch: pytest.MonkeyPatch, is_nested: bool
) -> None:
    looked_at: List[int] = []
    real = encoders._positions

    def positions(columns: Any, names: Dict[str, int]) -> List[int]:
        looked_at.append(len(columns))
        return real(columns, names)

    monkeypatch.setattr(encoders, "_positions", positions)
    monkeypatch.setattr(shared_lists, "_VALUES", 1_000)
    part = objects.made("sklearn.preprocessing._encoders.OneHotEncoder", categories_=[])
    columns = [f"c{index}" for index in range(50)]
    for _ in range(3 if is_nested else 1):
        part = objects.made(
            COLUMN_TRANSFORMER,
            feature_names_in_=columns,
            transformers_=[("part", part, columns)] * 500,
        )
    told = told_by(pickle.dumps(part, 4))
    assert told is not None
    assert {field.type for field in told.fields} == {CATEGORICAL}
    assert sum(looked_at) <= 1_000 * 4  # the object is looked into a few times


def test_an_encoder_that_many_pipelines_share_is_looked_at_once(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: List[Any] = []
    real = encoders.is_vectorizer

    def is_vectorizer(value: Any) -> bool:
        looked_at.append(value)
        return real(value)

    monkeypatch.setattr(encoders, "is_vectorizer", is_vectorizer)
    part = objects.scaler()
    for _ in range(4):
        part = objects.pipeline(*[part] * 100)
    columns = objects.made(
        COLUMN_TRANSFORMER, feature_names_in_=["a"], transformers_=[("part", part, ["a"])] * 100
    )
    assert told_by(pickle.dumps(columns, 4)) is not None
    assert len(looked_at) < 100


def test_the_deadline_is_looked_at_for_each_of_many_lists(objects: Objects) -> None:
    checks: List[None] = []
    lists = {f"columns{index}": ["a", "b"] for index in range(200)}
    content = pickle.dumps({"model": objects.line(count=3), **lists}, 4)
    member = MemberBytes("model.pkl", [content], lambda: checks.append(None))
    assert sklearn.read(member) is not None
    assert len(checks) >= 200


def test_models_that_share_many_names_take_bounded_memory(objects: Objects) -> None:
    shared = [f"c{index}" for index in range(5_000)]
    lines = [objects.line(count=1) for _ in range(1_000)]
    for line in lines:
        line.feature_names_in_ = shared
    told, peak = peak_of(sklearn, [pickle.dumps(lines, 4)], path="model.pkl")
    assert names(told) == shared
    assert peak < 64 * MIB


def test_a_search_gives_the_inputs_of_its_best_estimator(objects: Objects) -> None:
    best = objects.pipeline(objects.scaler(["a"]), objects.line())
    path = "sklearn.model_selection._search.GridSearchCV"
    told = tell(objects.made(path, estimator=objects.line(), best_estimator_=best))
    assert (names(told), told.transformer) == (["a"], False)
    told = tell(objects.made(path, best_estimator_=best, feature_names_in_=["own"]))
    assert names(told) == ["own"]


def test_calibrated_and_voting_estimators_give_the_inputs_of_their_first(objects: Objects) -> None:
    one = objects.made("sklearn.calibration._CalibratedClassifier", estimator=objects.line(["a"]))
    told = tell(objects.made("sklearn.calibration.Calibrated", calibrated_classifiers_=[one]))
    assert names(told) == ["a"]
    told = tell(objects.made("sklearn.ensemble.Voting", estimators_=[objects.line(["a"])]))
    assert names(told) == ["a"]


def test_estimators_that_narrow_their_inputs_are_not_looked_into(objects: Objects) -> None:
    told = tell(objects.made("sklearn.ensemble.BaggingClassifier", estimators_=[objects.line("a")]))
    assert not told.fields
    told = tell(objects.made("sklearn.ensemble.Voting", n_features_in_=3, estimators_=[]))
    assert len(told.fields) == 3


@pytest.mark.parametrize("key", ["features", "feature_names", "train_columns", "feature_cols"])
def test_names_next_to_a_model_are_its_names(objects: Objects, key: str) -> None:
    told = tell({key: ["a", "b"], "model": objects.line(count=2), "labels": ["c", "d"]})
    assert (names(told), told.made_up, told.source) == (["a", "b"], False, "sklearn")


def test_a_wrong_number_of_names_is_not_used(objects: Objects) -> None:
    told = tell({"model": objects.line(count=2), "features": ["a", "b", "c"]})
    assert (names(told), told.made_up) == (["x0", "x1"], True)


def test_the_models_own_names_come_first(objects: Objects) -> None:
    told = tell({"features": ["a", "b"], "model": objects.line(["own", "names"])})
    assert names(told) == ["own", "names"]


def test_dictionaries_by_other_names_are_looked_into(objects: Objects) -> None:
    told = tell(objects.made("sklearn.utils._bunch.Bunch", cols=["a"], fit=objects.line(count=1)))
    assert names(told) == ["a"]
    told = tell(collections.OrderedDict(features=["a"], model=objects.line(count=1)))
    assert names(told) == ["a"]


def test_a_predictor_goes_before_a_transformer(objects: Objects) -> None:
    pair = {"scaler": objects.scaler(["a", "b"]), "model": objects.line(count=2)}
    assert (names(tell(pair)), tell(pair).transformer) == (["a", "b"], False)
    pair["model"] = objects.line(count=3)
    assert tell(pair).made_up
    assert names(tell([objects.scaler(["a"]), objects.line(["b"])])) == ["b"]


def test_names_next_to_a_model_of_an_unknown_library_are_its_names(objects: Objects) -> None:
    told = tell({"model": objects.made("acme.nets.Net"), "features": ["a"], "classes": ["b"]})
    assert names(told) == ["a"]


def test_a_dictionary_without_a_model_gives_no_inputs() -> None:
    assert told_by(pickle.dumps({"features": ["a"], "n": 1})) is None
    assert told_by(pickle.dumps(["a", "b"])) is None
    assert told_by(pickle.dumps(7)) is None


def test_the_models_own_code_is_looked_into(objects: Objects) -> None:
    told = tell(objects.made("__main__.Wrapper", threshold=0.5, clf=objects.line(["a"])))
    assert names(told) == ["a"]
    told = tell(objects.made("custom.Model", net=object, feature_names=["a", "b"]))
    assert names(told) == ["a", "b"]
    assert told_by(pickle.dumps(objects.made("custom.Other", words=["a", "b"]))) is None


def test_objects_that_contain_each_other_come_to_an_end(objects: Objects) -> None:
    one, other = objects.made("custom.One"), objects.made("custom.Other")
    one.other, other.one = other, one
    one.many = [[[one] * 50] * 50] * 50
    assert told_by(pickle.dumps(one)) is None


def learner(objects: Objects, made_by: str = "DefaultLearner", **attributes: Any) -> Any:
    """Return a learner of AutoGluon's; what its feature generator has is given in `attributes`."""
    own = {key: attributes.pop(key) for key in ("_original_features",) if key in attributes}
    types = {key: attributes.pop(key) for key in ("type_map_raw", "type_group_map_special")
             if key in attributes}  # fmt: skip
    metadata = objects.made("autogluon.common.features.feature_metadata.FeatureMetadata", **types)
    made = "autogluon.features.generators.auto_ml_pipeline.AutoMLPipelineFeatureGenerator"
    generator = objects.made(made, **attributes, feature_metadata_in=metadata)
    path = f"autogluon.tabular.learner.default_learner.{made_by}"
    return objects.made(path, label="y", feature_generator=generator, **own)


def test_a_learner_of_autogluon_gives_the_columns_that_its_server_expects(objects: Objects) -> None:
    kinds = ("int", "float", "bool", "datetime", "category", "object", "object", "object")
    raw = dict(zip("abcdefgh", kinds))
    special = collections.defaultdict(list, text=["g"], datetime_as_object=["h"])
    told = tell(
        learner(
            objects,
            features_in=[*"abcdefgh", "9"],
            type_map_raw={**raw, "9": "timedelta64[ns]"},
            type_group_map_special=special,
            _original_features=["unused", *"abcdefgh", 9],
        )
    )
    assert (told.source, told.made_up, told.form) == ("autogluon", False, "numbered")
    assert [(field.name, field.type) for field in told.fields] == [
        *(("unused", "numeric"), ("a", "integer"), ("b", "numeric"), ("c", "boolean")),
        *(("d", "datetime"), ("e", "categorical"), ("f", "categorical"), ("g", "text")),
        *(("h", "datetime"), ("9", "text")),
    ]


def test_a_learner_of_autogluon_without_all_columns_gives_the_useful_ones(objects: Objects) -> None:
    told = tell(learner(objects, features_in=["b", "a"]))
    assert (names(told), told.form) == (["b", "a"], "")


def test_every_column_of_a_wide_learner_of_autogluon_has_its_type(objects: Objects) -> None:
    columns = [f"column {number}" for number in range(3000)]
    raw = {name: ("int", "object")[at % 2] for at, name in enumerate(columns)}
    told = tell(learner(objects, features_in=columns, type_map_raw=raw))
    assert names(told) == columns
    assert {field.type for field in told.fields[::2]} == {"integer"}
    assert {field.type for field in told.fields[1::2]} == {"categorical"}


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({}, "does not say which columns"),
        ({"features_in": ["a"], "type_group_map_special": {"image_path": ["a"]}}, "takes images"),
        ({"features_in": ["a"], "made_by": "TabularPredictor"}, "other than its learner"),
    ],
)
def test_a_file_of_autogluon_without_inputs_says_why(
    attributes: Dict[str, Any], why: str, objects: Objects
) -> None:
    told = tell(learner(objects, **attributes))
    assert (told.source, told.fields) == ("autogluon", ())
    assert why in told.why


@pytest.mark.parametrize("name", ["features.pkl", "artifacts/Feature_Names.PKL", "columns.pkl"])
def test_a_pickled_list_of_texts_is_a_feature_list(name: str) -> None:
    told = tell(["a", "b"], name)
    assert (told.source, names(told)) == ("feature_list", ["a", "b"])


@pytest.mark.parametrize("value", [[], [1, None], [1, 2], ["a", 1], {"a": 1}, "text", [["a"]]])
def test_a_feature_list_of_anything_else_is_not_used(value: Any) -> None:
    assert told_by(pickle.dumps(value), "features.pkl") is None
    assert told_by(pickle.dumps(["a"]), "labels.pkl") is None


# Pickles that contain a model in its own format.


@pytest.fixture
def booster(monkeypatch: pytest.MonkeyPatch) -> List[bytes]:
    """Replace the readers of the boosters' formats, and record what they get."""
    given: List[bytes] = []

    def reader(library: str) -> Callable[[MemberBytes], Told]:
        def read(member: MemberBytes) -> Told:
            given.append(member.read(1000))
            return Told(library, (Field("f0", NUMERIC), Field("f1", NUMERIC)), made_up=True)

        return read

    for library in BOOSTERS:
        monkeypatch.setattr(f"mims.inputs.{library}.read", reader(library))
    return given


HANDLE = bytes(range(256)) * 40


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    ("path", "key", "handle"),
    [
        ("xgboost.core.Booster", "handle", bytearray(HANDLE)),
        ("lightgbm.basic.Booster", "handle", "tree\nversion=v3\n" * 100),
        ("lightgbm.basic.Booster", "_handle", "tree\nversion=v4\n" * 100),
        ("catboost.core.CatBoostClassifier", "__model", HANDLE),
    ],
)
def test_the_inner_format_gives_the_inputs(
    objects: Objects, booster: List[bytes], protocol: int, path: str, key: str, handle: Any
) -> None:
    library = path.partition(".")[0]
    model = objects.made(path, **{key: handle})
    told = told_by(pickle.dumps(model, protocol))
    whole = handle.encode() if isinstance(handle, str) else bytes(handle)
    assert booster == [whole[:1000]]
    assert told == Told(library, (Field("f0", NUMERIC), Field("f1", NUMERIC)), made_up=True)


def test_a_pipeline_around_a_booster_is_of_scikit_learn(
    objects: Objects, booster: List[bytes]
) -> None:
    model = objects.made("xgboost.core.Booster", handle=bytearray(HANDLE))
    wrapper = objects.made("xgboost.sklearn.XGBClassifier", _Booster=model)
    told = told_by(pickle.dumps(objects.pipeline("passthrough", wrapper)))
    assert told is not None
    assert (told.source, names(told)) == ("sklearn", ["x0", "x1"])
    told = told_by(pickle.dumps({"model": wrapper, "features": ["a", "b"]}))
    assert told is not None
    assert (told.source, names(told), told.made_up) == ("xgboost", ["a", "b"], False)
    told = told_by(pickle.dumps(objects.pipeline(objects.scaler(["a"]), wrapper)))
    assert told is not None
    assert (told.source, names(told)) == ("sklearn", ["a"])


def test_names_of_an_old_booster_are_in_the_pickle(objects: Objects, booster: List[bytes]) -> None:
    model = objects.made(
        "xgboost.core.Booster",
        feature_names=["a", "b", "c", "d"],
        feature_types=["float", "int", "i", "c"],
        handle=bytearray(HANDLE),
    )
    told = told_by(pickle.dumps(model))
    assert told is not None
    kinds = [(field.type, field.categories) for field in told.fields]
    assert kinds == [("numeric", ()), ("integer", ()), ("boolean", ()), ("categorical", (0,))]
    assert booster == []


def test_the_types_of_many_old_names_are_waited_for(objects: Objects) -> None:
    count = 3_000
    model = objects.made(
        "xgboost.core.Booster",
        feature_names=[f"c{index}" for index in range(count)],
        feature_types=["int"] * count,
        handle=bytearray(HANDLE),
    )
    told = told_by(pickle.dumps(model))
    assert told is not None
    assert [field.type for field in told.fields] == ["integer"] * count


def test_a_booster_that_cannot_be_read_says_why(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(member: MemberBytes) -> None:
        raise UnreadableError("is cut short", source="xgboost")

    monkeypatch.setattr("mims.inputs.xgboost.read", read)
    model = objects.made("xgboost.core.Booster", handle=bytearray(HANDLE))
    with pytest.raises(UnreadableError, match="is cut short"):
        told_by(pickle.dumps(model))


def test_a_pickle_that_cannot_be_read_is_of_its_outermost_library(objects: Objects) -> None:
    wrapper = objects.made("xgboost.sklearn.XGBClassifier", depth=1, words=["a"] * 100)
    for value, source in (
        (wrapper, "xgboost"),
        (objects.pipeline(objects.scaler(), wrapper), "sklearn"),
        ({"a": 1, "model": wrapper}, "xgboost"),
        ({"a": 1, "b": [1] * 100}, "pickle"),  # no library: a vocabulary, say
    ):
        content = pickle.dumps(value, 4)
        with pytest.raises(UnreadableError) as error:
            told_by(content[:-20])
        assert error.value.source == source


# Which files are wanted, and how much of them is read.


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("model", pickle.dumps({"a": 1}, 4)),
        ("xgboost-model", pickle.dumps({"a": 1}, 2)),
        ("model.pkl", pickle.dumps(["a"], 0)),
        ("model.pkl", pickle.dumps({"a": 1}, 1)),
        ("model.z", zlib.compress(pickle.dumps({"a": 1}, 4))),
        ("model.joblib.bz2", b"BZh91AY&SY"),
    ],
)
def test_pickles_are_wanted(path: str, content: bytes) -> None:
    assert sklearn.wants(path, content[:HEAD])
    assert content.startswith(SKLEARN.heads)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a.txt", b"columns,of,a,table\n"),
        ("a.json", b"{}"),
        ("a.csv.bz2", b"BZh91AY&SY"),
        ("a.csv.gz", zlib.compress(b"columns,of,a,table\n")),
        ("model.pkl", b""),
        ("model.pkl", b"\x80"),
        ("model.pkl", b"\x80\x09\x95"),
        ("model.pt", b"PK\3\4"),
        ("model.py", b"(a, b) = 1, 2"),
        ("model.md", b"]()"),
    ],
)
def test_other_files_are_not_wanted(path: str, content: bytes) -> None:
    assert not sklearn.wants(path, content[:HEAD])


def test_a_pickle_that_runs_a_command_runs_nothing(tmp_path: Path) -> None:
    was_run = tmp_path / "was-run"

    class Command:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {was_run}",)

    for protocol in range(6):
        assert told_by(pickle.dumps(Command(), protocol)) is None
        told_by(pickle.dumps({"model": Command(), "features": ["a"]}, protocol))
    assert not was_run.exists()


@pytest.mark.parametrize("bulk_behind", [True, False])
def test_names_after_bulk_are_found_and_bulk_after_names_is_not_read(
    objects: Objects, bulk_behind: bool
) -> None:
    class Bulk:
        def __reduce__(self) -> Any:
            return bytearray, (b"x" * 4_000_000,)

    bulk: Dict[str, Any] = {"estimators_": [Bulk()]}
    told_first: Dict[str, Any] = {"feature_names_in_": ["a", "b"], "n_features_in_": 2}
    order = {**told_first, **bulk} if bulk_behind else {**bulk, **told_first}
    content = pickle.dumps(objects.made("sklearn.ensemble.Forest", **order), 4)

    def chunks() -> Iterator[bytes]:
        for at in range(0, len(content), 65536):
            if at and bulk_behind:
                raise AssertionError("more was asked for")
            yield content[at : at + 65536]

    told = sklearn.read(MemberBytes("model.pkl", chunks()))
    assert told is not None
    assert names(told) == ["a", "b"]
