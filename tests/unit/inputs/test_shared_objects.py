"""What many objects of a pickle share is read once: the work does not multiply."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from mims.inputs import (
    arrays,
    containers,
    encoders,
    estimators,
    shared_lists,
    sklearn,
)
from mims.inputs.nodes import Global, Instance
from mims.inputs.shared_lists import Lists

from tests.unit.inputs.readings import outcome

ENCODER = Global("sklearn.preprocessing._encoders", "OneHotEncoder")
PIPELINE = Global("sklearn.pipeline", "Pipeline")
LINE = Global("sklearn.linear_model", "Line")


def instance(made_by: Global, **attributes: Any) -> Instance:
    made = Instance(made_by)
    made.attributes = attributes
    return made


def index_of(count: int) -> Instance:
    """Return a pandas RangeIndex: a few bytes of a pickle that stand for many names."""
    described = {"start": 0, "stop": count, "step": 1}
    arguments = (Global("pandas", "RangeIndex"), described)
    return Instance(Global("pandas", "_new_Index"), arguments)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> List[int]:
    """Return the lengths of all lists that are read."""
    lengths: List[int] = []

    def listed(value: Any) -> Any:
        values = arrays.listed(value)
        lengths.append(len(values or ()))
        return values

    for module in (shared_lists, encoders):
        monkeypatch.setattr(module, "listed", listed)
    return lengths


def test_categories_that_many_columns_share_are_read_once_and_given_so_often(
    looked_at: List[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_lists, "_VALUES", 50_000)
    names = [f"c{number}" for number in range(1_000)]
    categories = list(range(1_000))
    encoder = instance(ENCODER, feature_names_in_=names, categories_=[categories] * 1_000)
    found = containers.found_in(encoder)
    assert found is not None
    fields = found.told.fields
    assert len(fields) == 1_000
    assert fields[0].categories == tuple(categories)
    assert sum(len(field.categories) for field in fields) <= 50_000
    assert sum(looked_at) == 3_000  # the names, the lists of categories, the categories


def test_categories_that_many_encoders_share_are_held_once(looked_at: List[int]) -> None:
    categories = list(range(10_000))
    encoders_ = [
        instance(ENCODER, feature_names_in_=["a"], categories_=[categories]) for _ in range(50)
    ]
    assert containers.found_in(encoders_) is not None
    assert looked_at.count(10_000) == 1


def test_names_that_many_keys_share_are_read_once(looked_at: List[int]) -> None:
    names = [f"n{number}" for number in range(1_000)]
    keys: Dict[str, Any] = {f"features{number}": names for number in range(100)}
    found = containers.found_in({**keys, "model": instance(LINE, n_features_in_=3)})
    assert found is not None
    assert looked_at.count(1_000) == 1


def test_a_list_that_names_nothing_is_read_once(looked_at: List[int]) -> None:
    values = ["a"] * 1_000 + [None]
    lines = [instance(LINE, feature_names_in_=values) for _ in range(100)]
    containers.found_in(lines)
    assert looked_at.count(1_001) == 1


def test_numbers_that_stand_for_many_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_lists, "_VALUES", 10_000)
    lists = Lists()
    read = [lists.names(index) for index in [index_of(1_000) for _ in range(100)]]
    assert sum(map(bool, read)) == 10
    assert not lists.categories(index_of(1_000))


def test_the_deadline_is_looked_at_for_each_list() -> None:
    checks: List[None] = []
    lists = Lists(lambda: checks.append(None))
    kept = [["a"] for _ in range(100)]
    assert all(lists.names(value) for value in kept)
    assert len(checks) >= 100


def test_parts_that_an_index_shares_are_looked_into_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: List[Any] = []
    real = arrays._listed

    def listed(value: Any, depth: int, seen: Any) -> Any:
        calls.append(value)
        return real(value, depth, seen)

    monkeypatch.setattr(arrays, "_listed", listed)
    part: Any = instance(Global("pandas.x", "Y"))
    for _ in range(7):
        part = instance(Global("pandas.x", "Y"), **{f"a{number}": part for number in range(4)})
    assert arrays.listed(part) is None
    assert len(calls) <= 8


def test_lists_that_a_damaged_pickle_shares_are_looked_into_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: List[Any] = []
    real = containers._source_of

    def source_of(outermost: Any, depth: int, seen: Any) -> str:
        calls.append(outermost)
        return real(outermost, depth, seen)

    monkeypatch.setattr(containers, "_source_of", source_of)
    value: List[Any] = [None] * 30
    for _ in range(3):
        value = [value] * 30
    assert containers.source_of(value) == ""
    assert len(calls) <= 1 + 3 * 30 + 30


def test_a_pipeline_that_is_its_own_step_is_read() -> None:
    pipeline = instance(PIPELINE, feature_names_in_=["a"])
    pipeline.attributes["steps"] = [("itself", pipeline)]
    found = containers.found_in(pipeline)
    assert found is not None
    assert found.names == ("a",)
    # The same as bytes: the list of steps takes the pipeline from the memo.
    content = (
        b"\x80\x04\x8c\x10sklearn.pipeline\x8c\x08Pipeline\x93)\x81\x94}(\x8c\x05steps]("
        b"\x8c\x06itselfh\x00\x86e\x8c\x11feature_names_in_](\x8c\x01aeub."
    )
    told = outcome(sklearn, content, path="model.pkl")
    assert [field.name for field in told.fields] == ["a"]


def test_steps_that_many_pipelines_share_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_lists, "_VALUES", 10_000)
    steps = [("step", instance(LINE))] * 1_000
    looked_at: List[int] = []
    real = estimators.pipeline_steps

    def pipeline_steps(pipeline: Instance) -> List[Any]:
        looked_at.append(len(pipeline.attributes.get("steps", ())))
        steps: List[Any] = real(pipeline)
        return steps

    monkeypatch.setattr(estimators, "pipeline_steps", pipeline_steps)
    containers.found_in([instance(PIPELINE, steps=steps) for _ in range(500)])
    assert looked_at.count(1_000) <= 4 * 10
