"""Which of a model's files names its fields, whatever their order, and the warnings about it."""

from __future__ import annotations

import itertools
import json
from types import SimpleNamespace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import pytest
from mims import find_inputs, generate
from mims.errors import (
    ArchiveLimitError,
    CorruptArchiveError,
    HyperparametersNotFoundError,
    InvalidHyperparametersError,
    NoInputFieldsError,
)
from mims.fields import Field
from mims.inputs import findings, search
from mims.inputs.member import MemberBytes, Told, UnreadableError
from mims.inputs.model_inputs import ModelInputs
from mims.inputs.sources import SOURCES
from mims.settings import read_settings

from tests.archives import END, NAME, Counted, chunked, gz, header, member, noise, padded

Files = Mapping[str, bytes]


def read(stream: MemberBytes) -> Optional[Told]:
    """Read a made-up kind of model file: its content is JSON that says what it names."""
    content = json.loads(stream.whole())
    if content["source"] == "nothing":
        return None
    if "unreadable" in content:
        raise UnreadableError(content["unreadable"], content["source"])
    fields = tuple(
        Field(
            name,
            content.get("type", "numeric"),
            tuple(content.get("shape", ())),
            categories=tuple(content.get("categories", {}).get(name, ())),
            mask=content.get("mask", ""),
        )
        for name in content.get("names", ())
    )
    more = {
        key: content[key]
        for key in ("made_up", "transformer", "why", "form", "untyped")
        if key in content
    }
    return Told(content["source"], fields, **more)


@pytest.fixture(autouse=True)
def _sources(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = SimpleNamespace(name="xgboost", load=lambda: SimpleNamespace(read=read))
    monkeypatch.setattr(
        findings,
        "sources_for",
        lambda path, _head: (
            [made_up] if path.endswith((".told", "-model", "MLmodel", ".pb")) else []
        ),
    )
    monkeypatch.setattr(search, "_ENDINGS", (b"",))


def told(source: str, *names: str, **more: Any) -> bytes:
    return json.dumps({"source": source, "names": names, **more}).encode()


def inputs_of(
    files: Files, environment: Optional[Dict[str, str]] = None, tail: bytes = END
) -> ModelInputs:
    tar = b"".join(member(name, content) for name, content in files.items()) + tail
    return find_inputs([gz(tar)], read_settings(environment or {}))


def names(inputs: ModelInputs) -> List[str]:
    return [field.name for field in inputs.fields]


UNSIGNED = told("mlflow", why="has no signature")
LISTED = b'{"tab_field_list": ["h"]}'
WEAK = b'{"feature_names": ["h"]}'


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"m.told": told("xgboost", "a")}, ("xgboost", "m.told", ["a"])),
        ({"m.told": told("xgboost", "a"), NAME: LISTED}, ("hyperparameters", NAME, ["h"])),
        ({"m.told": told("xgboost", "a"), f"x/{NAME}": LISTED},
         ("hyperparameters", f"x/{NAME}", ["h"])),
        # Under code/, and as a mere list of names, it ranks as a feature list.
        ({"m.told": told("xgboost", "a"), f"code/{NAME}": LISTED}, ("xgboost", "m.told", ["a"])),
        ({"m.told": told("xgboost", "a"), NAME: WEAK}, ("xgboost", "m.told", ["a"])),
        ({"m.told": told("xgboost", "f0", made_up=True), NAME: WEAK},
         ("hyperparameters", NAME, ["h"])),
        ({NAME: WEAK}, ("hyperparameters", NAME, ["h"])),
        ({f"code/{NAME}": LISTED}, ("hyperparameters", f"code/{NAME}", ["h"])),
        # MLflow's signature before the model in it, a model before a list.
        ({"model.told": told("sklearn", "a"), "x/MLmodel": told("mlflow", "b")},
         ("mlflow", "x/MLmodel", ["b"])),
        ({"l.told": told("feature_list", "a"), "m.told": told("onnx", "b")},
         ("onnx", "m.told", ["b"])),
        # Of equals: a predictor, outside code/, the shallowest, model*, the first path.
        ({"a.told": told("sklearn", "a", transformer=True), "b.told": told("sklearn", "b")},
         ("sklearn", "b.told", ["b"])),
        ({"code/model.told": told("sklearn", "a"), "x/y/b.told": told("sklearn", "b")},
         ("sklearn", "x/y/b.told", ["b"])),
        ({"x/model.told": told("sklearn", "a"), "z.told": told("sklearn", "b")},
         ("sklearn", "z.told", ["b"])),
        ({"a.told": told("sklearn", "a"), "model2.told": told("sklearn", "b")},
         ("sklearn", "model2.told", ["b"])),
        ({"b.told": told("sklearn", "a"), "B.told": told("sklearn", "b")},
         ("sklearn", "B.told", ["b"])),
        # What SageMaker's XGBoost container loads.
        ({"model.told": told("xgboost", "a"), "xgboost-model": told("xgboost", "b")},
         ("xgboost", "xgboost-model", ["b"])),
        # The highest version, as TensorFlow Serving loads it.
        ({"e/2/saved_model.pb": told("tensorflow", "a"),
          "e/10/saved_model.pb": told("tensorflow", "b")},
         ("tensorflow", "e/10/saved_model.pb", ["b"])),
        # A list, or a transformer, names the inputs of a model that knows only their number.
        ({"m.told": told("xgboost", "f0", "f1", made_up=True),
          "l.told": told("feature_list", "a", "b"), "k.told": told("feature_list", "a")},
         ("feature_list", "l.told", ["a", "b"])),
        ({"m.told": told("sklearn", "x0", "x1", made_up=True),
          "t.told": told("sklearn", "a", "b", transformer=True)},
         ("sklearn", "t.told", ["a", "b"])),
        ({"m.told": told("xgboost", "f0", made_up=True), "l.told": told("feature_list", "a", "b")},
         ("xgboost", "m.told", ["f0"])),
        ({"m.told": told("onnx", "x", shape=[2], made_up=True),
          "l.told": told("feature_list", "a", "b")}, ("feature_list", "l.told", ["a", "b"])),
        # An example in place of a signature ranks as the signature would.
        ({"MLmodel": UNSIGNED, "e.told": told("mlflow", "f0", "f1", made_up=True, form="example"),
          "l.told": told("feature_list", "a", "b")}, ("feature_list", "l.told", ["a", "b"])),
        ({"MLmodel": UNSIGNED, "e.told": told("mlflow", "f0", "f1", made_up=True, form="example"),
          "m.told": told("sklearn", "a", "b")}, ("sklearn", "m.told", ["a", "b"])),
        ({"MLmodel": UNSIGNED, "e.told": told("mlflow", "f0", "f1", made_up=True, form="example"),
          "l.told": told("feature_list", "a")}, ("mlflow", "e.told", ["f0", "f1"])),
        ({"MLmodel": UNSIGNED, "e.told": told("mlflow", "a", "b", form="example"),
          "m.told": told("sklearn", "x0", made_up=True)}, ("mlflow", "e.told", ["a", "b"])),
    ],
)  # fmt: skip
def test_what_names_the_fields_whatever_the_order_of_the_members(
    files: Files, expected: Tuple[str, str, List[str]]
) -> None:
    for ordered in itertools.permutations(files.items()):
        inputs = inputs_of(dict(ordered))
        assert (inputs.source, inputs.member, names(inputs)) == expected


def test_of_one_path_twice_the_first_counts() -> None:
    tar = b"".join(member("./m.told", told("onnx", name)) for name in "ab") + END
    assert names(find_inputs([gz(tar)], read_settings({}))) == ["a"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"m.told": told("xgboost", "f0", "f1", made_up=True)}, ["'m.told'", "2", "made up"]),
        ({"a.told": told("onnx", "a"), "b.told": told("onnx", "b")}, ["'a.told'", "'b.told'"]),
        ({"m.told": told("onnx", "f0", made_up=True), "l.told": told("feature_list", "a", "b")},
         ["'l.told' names 2", "takes 1"]),
        ({"m.told": told("onnx", "a", "b"), NAME: LISTED}, ["1 value", "takes 2 inputs"]),
        ({"m.told": told("onnx", "a"), NAME: b'{"tab_field_list": ["h", "i"]}'},
         ["2 values", "takes 1 input,"]),
        ({"m.told": told("onnx", "f0", made_up=True)}, ["inputs, 1: the name f0 is made up"]),
        ({"a.told": told("onnx", unreadable="is cut short"), "b.told": told("onnx", "b")},
         ["'a.told'", "is cut short", "'b.told'"]),
        # The file that the XGBoost container loads is missed before any other of XGBoost's.
        ({"xgboost-model": told("xgboost", unreadable="is cut short"),
          "a.told": told("xgboost", "b")},
         ["'xgboost-model' would have named", "is cut short", "'a.told' named them"]),
        ({"a.told": told("xgboost", unreadable="is cut short"), "b.told": told("xgboost", "b")},
         ["'a.told' would have named"]),
        ({"a.told": told("mlflow", "b", "c", "d", untyped=["b", "d"])},
         ["No known type is given for 'b', 'd': they count as text."]),
        ({"MLmodel": UNSIGNED, "e.told": told("mlflow", "f0", "f1", made_up=True, form="example")},
         ["'e.told'", "2", "made up"]),
        ({"MLmodel": UNSIGNED, "e.told": told("mlflow", "f0", "f1", made_up=True, form="example"),
          "l.told": told("feature_list", "a")}, ["'l.told' names 1 input", "takes 2"]),
        ({f"x/{NAME}": LISTED}, [f"'x/{NAME}'"]),
        ({"xgboost-model": told("xgboost", "h"), NAME: LISTED},
         ["XGBoost container", f"with {NAME} there", "leave it out"]),
        ({"xgboost-model": told("xgboost", "f0", made_up=True), "l.told": told("feature_list", "a"),
          NAME: b"{}"},
         ["XGBoost container", f"with {NAME} and l.told there", "these files in a sub-folder."]),
        ({"xgboost-model": told("xgboost", "f0", made_up=True)}, ["json, in a sub-folder"]),
    ],
)  # fmt: skip
def test_warnings_about_the_choice(files: Files, words: Sequence[str]) -> None:
    warnings = inputs_of(files).warnings
    assert any(all(word in warning for word in words) for warning in warnings), warnings


@pytest.mark.parametrize(
    "files",
    [
        {"a.told": told("onnx", "a"), "b.told": told("onnx", "a")},
        {"m.told": told("sklearn", "b"), "t.told": told("sklearn", "a", transformer=True)},
        {"m.told": told("onnx", "h"), NAME: LISTED},
        {"a.told": told("onnx", "a"), "b.told": told("onnx", unreadable="is cut short")},
        {
            "xgboost-model": told("xgboost", "b"),
            "a.told": told("xgboost", unreadable="is cut short"),
            "code/inference.py": b"",
        },
        {"m.told": told("onnx", "b"), "l.told": told("feature_list", "b", untyped=["b"])},
        {"xgboost-model": told("xgboost", "h"), "code/a.told": told("xgboost", "h"), NAME: LISTED},
        # The models within a predictor of AutoGluon's take what it makes from its inputs.
        {"learner.told": told("autogluon", "a"), "models/X/b.told": told("xgboost", "b", "c")},
        {
            "xgboost-model": told("xgboost", "f0", made_up=True),
            "x/l.told": told("feature_list", "a"),
        },
    ],
)
def test_what_causes_no_warning(files: Files) -> None:
    assert inputs_of(files).warnings == ()


def test_if_nothing_names_the_fields_the_error_says_what_was_looked_into() -> None:
    files = {
        "m.told": told("sklearn", why="was fitted without names"),
        "n.told": told("onnx", unreadable="is cut short"),
    }
    with pytest.raises(HyperparametersNotFoundError) as caught:
        inputs_of(files)
    for words in ("'m.told' was fitted without names", "'n.told' is cut short", "FIELDS"):
        assert words in str(caught.value)
    with pytest.raises(NoInputFieldsError, match=r"names no input field.*'n\.told' is cut short"):
        inputs_of({**files, NAME: b'{"eta": "0.3"}'})


def test_a_file_that_turns_out_to_be_something_else_is_listed_but_gives_no_warning() -> None:
    files = {"a.told": told("nothing"), "m.told": told("onnx", "a")}
    assert inputs_of(files).warnings == ()
    with pytest.raises(
        HyperparametersNotFoundError, match=r"Looked into: 'a\.told' is not a file that"
    ):
        inputs_of({"a.told": files["a.told"]})


def test_a_list_among_the_hyperparameters_that_differs_from_another_gives_a_warning() -> None:
    files = {"a.told": told("feature_list", "a"), NAME: b'{"full_field_list": ["p", "q"]}'}
    taken = inputs_of(files)
    assert names(taken) == ["a"]
    (warning,) = taken.warnings
    assert "'a.told'" in warning
    assert f"'{NAME}'" in warning


def test_empty_lists_give_way_to_the_models_own_files() -> None:
    empty = b'{"tab_field_list": [], "cat_field_list": ["label"]}'
    assert names(inputs_of({NAME: empty, "m.told": told("onnx", "a")})) == ["a"]
    with pytest.raises(NoInputFieldsError):
        inputs_of({NAME: empty})


def test_a_hyperparameters_file_that_cannot_be_used() -> None:
    with pytest.raises(InvalidHyperparametersError):
        inputs_of({NAME: b"{", "m.told": told("onnx", "a")})
    with pytest.raises(InvalidHyperparametersError):
        inputs_of({f"x/{NAME}": b"{", "m.told": told("onnx", "a")})
    beside = inputs_of({f"code/{NAME}": b"{", "m.told": told("onnx", "a")})
    assert (names(beside), len(beside.warnings)) == (["a"], 1)
    small = {"MAX_HYPERPARAMETERS_BYTES": "3"}
    with pytest.raises(ArchiveLimitError):
        inputs_of({f"x/{NAME}": LISTED, "m.told": told("onnx", "a")}, small)
    assert names(inputs_of({f"code/{NAME}": LISTED, "m.told": told("onnx", "a")}, small)) == ["a"]


def test_a_root_file_that_names_fields_ends_the_search_and_another_does_not() -> None:
    tail = noise(400_000)
    archive = gz(member("first", noise(300)) + member(NAME, LISTED) + member("last", tail) + END)
    chunks = Counted(chunked(archive, 10_000))
    assert names(find_inputs(chunks, read_settings({}))) == ["h"]
    assert chunks.asked == 1
    archive = gz(member(NAME, WEAK) + member("last", tail) + member("m.told", told("onnx", "a")))
    assert names(find_inputs([archive], read_settings({}))) == ["a"]


def test_with_fields_in_the_settings_only_the_first_part_is_read() -> None:
    tail = noise(400_000)
    settings = b'{"tab_field_list": ["h"], "payload_settings": {"sample_count": 2}}'
    archive = gz(member("a.told", told("onnx", "x")) + member(NAME, settings) + member("z", tail))
    chunks = Counted(chunked(archive, 10_000))
    given = read_settings({"FIELDS": "a, b"})
    inputs = find_inputs(chunks, given)
    assert (inputs.source, inputs.member, names(inputs)) == ("settings", None, ["a", "b"])
    assert (chunks.asked, inputs.warnings) == (1, ())
    assert generate(chunks, given).sample_count == 2
    # Nothing after it is read: neither the file, nor the damaged part.
    archive = gz(member("z", tail) + member(NAME, settings) + END)
    chunks = Counted(chunked(archive, 10_000))
    assert generate(chunks, given).sample_count == 1
    assert chunks.asked == 27
    damaged = gz(member("z", noise(1000)) + END)[:500]
    (warning,) = find_inputs([damaged], given).warnings
    assert "truncated" in warning
    assert find_inputs([b"no archive"], given).warnings
    # The same for invalid hyperparameters; but invalid settings in them are still an error.
    for content in (b"", b'{"secret"', b"[]", b"\xff"):
        payload = generate([gz(member(NAME, content) + END)], given)
        assert payload.field_count == 2
        (warning,) = payload.warnings
        assert warning.startswith(f"'{NAME}' ")
        assert warning.endswith("The fields are those of the settings.")
        assert "secret" not in warning
        with pytest.raises(InvalidHyperparametersError):
            generate([gz(member(NAME, content) + END)])
    with pytest.raises(InvalidHyperparametersError, match=r"payload_settings\.nothing"):
        generate([gz(member(NAME, b'{"payload_settings": {"nothing": 1}}') + END)], given)


@pytest.mark.parametrize("size", [1000, 100_000, 10**6])
def test_hyperparameters_may_ask_for_the_family_of_fields_of_the_settings(size: int) -> None:
    settings = b'{"payload_settings": {"recipe": "auto"}}'
    parts = (
        member(NAME, settings),
        member("z", noise(400_000)),
        member("MLmodel", told("nothing")),
        END,
    )
    chunks = chunked(gz(b"".join(parts)), size)
    for given in (chunks, iter(chunks)):
        payload = generate(given, read_settings({"FIELDS": "a, b"}))
        assert (payload.family, payload.recipe, payload.all_warnings) == ("mlflow", "mlflow", [])


def test_fields_in_payload_settings_and_a_recipe_there() -> None:
    content = {"tab_field_list": ["h"], "payload_settings": {"fields": 2, "recipe": "xgboost"}}
    archive = gz(member(NAME, json.dumps(content).encode()) + END)
    payload = generate([archive])
    assert (payload.fields_from.source, payload.field_count) == ("settings", 2)
    assert (payload.recipe, payload.content_types) == ("xgboost", ("text/csv",))


AUTO = {"RECIPE": "auto"}


@pytest.mark.parametrize(
    ("kind", "category", "known"),
    [
        ("text", "gold", "gold"),
        ("text", 1, None),
        ("text", "\ud800", None),
        ("integer", 3, 3),
        ("integer", True, None),
        ("integer", 3.5, None),
        ("numeric", 3, 3.0),
        ("numeric", 10**400, None),
        ("boolean", True, True),
        ("boolean", 1, None),
        ("datetime", "2026-01-31", None),
    ],
)
def test_the_model_next_to_a_signature_gives_the_categories_that_it_knows(
    kind: str, category: Any, known: Any
) -> None:
    def known_by(**files: bytes) -> List[Any]:
        signature = {"m/MLmodel": told("mlflow", "plan", "age", type=kind)}
        named = {name.replace("__", "/") + ".told": content for name, content in files.items()}
        found = []
        for ordered in itertools.permutations({**signature, **named}.items()):
            inputs = inputs_of(dict(ordered))
            assert (inputs.source, {field.type for field in inputs.fields}) == ("mlflow", {kind})
            found.append([field.known for field in inputs.fields])
        assert all(one == found[0] for one in found)
        return found[0]

    categories = {"plan": [category, "other"]}
    model = told("sklearn", "plan", "age", categories=categories)
    assert [*map(repr, known_by(m__model=model))] == [repr(known), "None"]
    # Next to one without categories; in another folder, or of another library.
    plain = told("sklearn", "plan", "age")
    assert known_by(m__model=plain, m__x__encoder=model)[0] == known
    assert known_by(model=model, mm__model=model) == [None, None]
    assert known_by(m__model=told("xgboost", "plan", "age", categories=categories))[0] is None


def test_a_shaped_column_of_a_signature_gets_no_category() -> None:
    files = {
        "MLmodel": told("mlflow", "plan", type="text", shape=[2]),
        "model.told": told("sklearn", "plan", categories={"plan": ["gold"]}),
    }
    assert inputs_of(files).fields[0].known is None


def test_the_tokenizer_next_to_a_model_gives_the_mask() -> None:
    files = {
        "a/c.told": told("huggingface", "inputs", mask="[M]"),
        "a/t.told": told("huggingface", "inputs", mask="<m>", form="tokenizer"),
        "b/t.told": told("huggingface", "inputs", mask="<n>", form="tokenizer"),
        "t.told": told("huggingface", "inputs", mask="<o>", form="tokenizer"),
    }

    def masks(files: Files) -> List[Tuple[str, Optional[str]]]:
        inputs = [inputs_of(dict(ordered)) for ordered in itertools.permutations(files.items())]
        assert {one.warnings for one in inputs} == {()}
        return sorted({(one.fields[0].mask, one.member) for one in inputs})

    assert masks(files) == [("<m>", "a/c.told")]
    del files["a/t.told"]
    assert masks(files) == [("[M]", "a/c.told")]
    # A model of another task has none.
    files = {"c.told": told("huggingface", "inputs"), "t.told": files["t.told"]}
    assert masks(files) == [("", "c.told")]


@pytest.mark.parametrize(("source", "form"), [("huggingface", "tokenizer"), ("mlflow", "example")])
def test_a_file_that_only_completes_another_names_no_fields_and_shows_no_family(
    source: str, form: str
) -> None:
    files = {"x.told": told(source, "a", form=form), "m.pth": b"x"}
    with pytest.raises(HyperparametersNotFoundError):
        inputs_of(files)
    assert inputs_of({**files, NAME: LISTED}, AUTO).shown_family == "pytorch"


@pytest.mark.parametrize(
    ("files", "family"),
    [
        ({"MLmodel": told("mlflow", "a"), "x/config.pbtxt": b""}, "mlflow"),
        ({"m/config.pbtxt": b"", "m/1/model.told": told("onnx", "a")}, "triton"),
        ({"1/saved_model.pb": told("tensorflow", "a")}, "tensorflow"),
        ({"c.told": told("huggingface", "inputs"), "pytorch_model.bin": b"x"}, "huggingface"),
        ({"learner.pkl": b"x", "predictor.pkl": b"x", "m.told": told("lightgbm", "a")},
         "autogluon"),
        ({"predictor.pkl": b"x", "m.told": told("lightgbm", "a")}, "lightgbm"),
        ({"t.told": told("sklearn", "a", transformer=True), "m.told": told("xgboost", "a")},
         "xgboost"),
        ({"m.told": told("catboost", unreadable="is cut short"),
          NAME: LISTED}, "catboost"),
        ({"m.pth": b"x", NAME: LISTED}, "pytorch"),
        ({"m.bin": b"x", NAME: LISTED}, None),
    ],
)  # fmt: skip
def test_the_family_that_an_archive_shows(files: Files, family: Optional[str]) -> None:
    for ordered in itertools.permutations(files.items()):
        shown = inputs_of({**dict(ordered), "l.told": told("feature_list", "a")}, AUTO)
        assert shown.shown_family == family


def test_the_family_is_looked_for_up_to_an_mlmodel_or_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = member(NAME, LISTED) + member("m.told", told("xgboost", "h"))
    rest = member("z", noise(300_000)) + member("MLmodel", told("mlflow", "a"))
    archive = gz(files + rest + member("y", noise(300_000)) + END)
    chunks = Counted(chunked(archive, 10_000))
    assert find_inputs(chunks, read_settings(AUTO)).shown_family == "mlflow"
    assert chunks.asked < 40
    behind = gz(member("MLmodel", told("mlflow", "a")) + files + member("z", noise(300_000)) + END)
    passed = Counted(chunked(behind, 10_000))
    assert find_inputs(passed, read_settings(AUTO)).shown_family == "mlflow"
    assert passed.asked < 4
    monkeypatch.setattr(findings, "READ_ON_BYTES", 100_000)
    assert find_inputs(chunks, read_settings(AUTO)).shown_family == "xgboost"
    # Damage after the fields changes nothing.
    assert find_inputs([archive[:5000]], read_settings(AUTO)).shown_family == "xgboost"
    with pytest.raises(CorruptArchiveError):
        find_inputs([gz(member("m.told", told("xgboost", "h")) + rest)[:5000]], read_settings({}))


def test_a_wrong_checksum_gives_a_warning() -> None:
    archive = gz(member(NAME, LISTED) + END)
    wrong = archive[:-8] + bytes([archive[-8] ^ 1]) + archive[-7:]
    for chunks in ([wrong], iter([wrong])):  # with both engines
        inputs = find_inputs(chunks, read_settings({}))
        assert names(inputs) == ["h"]
        (warning,) = inputs.warnings
        assert "CRC" in warning
    assert find_inputs([archive], read_settings({})).warnings == ()


def test_links_and_odd_names_are_not_looked_into() -> None:
    content = told("onnx", "a")
    odd = [
        header(b"m.told", 0, b"2"),
        member("x/../m.told", content),
        header(b"m.told/", 0, b"5"),
    ]
    with pytest.raises(HyperparametersNotFoundError):
        find_inputs([gz(b"".join(odd) + END)], read_settings({}))
    sparse = header(b"m.told", len(content), b"S", magic=b"ustar  \0") + padded(content)
    with pytest.raises(HyperparametersNotFoundError):
        find_inputs([gz(sparse + END)], read_settings({}))


def test_the_list_of_sources_names_each_module_once() -> None:
    modules = [source.module for source in SOURCES]
    assert len({*modules}) == len(modules) > 0
    for source in SOURCES:
        loaded = source.load()
        assert callable(loaded.wants)
        assert callable(loaded.read)


@pytest.mark.parametrize(("seen", "family"), [("catboost", "catboost"), ("", "xgboost")])
def test_a_file_that_cannot_be_read_shows_the_family_of_its_source(seen: str, family: str) -> None:
    files = {"a.told": told(seen, unreadable="is cut short")}
    inputs = inputs_of(files, {"FIELDS": "a", "RECIPE": "auto"})
    assert inputs.shown_family == family
