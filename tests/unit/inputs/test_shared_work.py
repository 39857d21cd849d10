"""Work on what files, columns and variables share does not multiply; the deadline is looked at."""

from __future__ import annotations

import json
import struct
from typing import Any, List

import pytest
from mims import find_inputs, generate, sampling, wording
from mims.fields import Field
from mims.inputs import (
    catboost,
    lightgbm,
    mlflow,
)
from mims.inputs.feature_lists import read as read_list
from mims.inputs.input_examples import _leaves
from mims.inputs.member import MemberBytes
from mims.inputs.yaml_text import string_at
from mims.settings import GivenSettings, read_settings

from tests.archives import END, gz, member
from tests.unit.inputs.readings import MIB, peak_of


def test_the_inputs_of_a_candidate_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: List[None] = []

    def size(_: Field) -> int:
        counted.append(None)
        return 1

    monkeypatch.setattr(Field, "size", property(size))
    learner = {"feature_names": [], "learner_model_param": {"num_feature": "1000"}}
    model = json.dumps({"learner": learner, "version": [2, 0, 0]}).encode()
    lists = b"".join(member(f"{number}/features.txt", b"a\nb\n") for number in range(200))
    inputs = find_inputs([gz(member("xgboost-model", model) + lists + END)], GivenSettings())
    assert len(inputs.fields) == 1_000
    assert len(counted) < 10_000


def test_features_of_catboost_that_share_a_long_name_are_refused() -> None:
    count, size = 100, MIB
    vector = 52  # its position, and those of the vtable and the table that all features share
    vtable = vector + 4 + 4 * count
    table = vtable + 16
    beginning = (
        struct.pack("<I4HiI", 12, 8, 8, 0, 4, 8, 20)
        + struct.pack("<8HiI", 16, 8, 0, 0, 0, 0, 0, 4, 16, 8)
        + bytes(vector - 44)
    )
    core = bytearray(beginning)
    trees = struct.unpack_from("<I", core, 16)[0] + 16
    struct.pack_into("<I", core, trees + 4, vector - trees - 4)
    core += struct.pack("<I", count)
    for place in range(count):
        core += struct.pack("<I", table - (vector + 4 + 4 * place))
    core += struct.pack("<7H2xiiI", 14, 12, 0, 0, 4, 0, 8, 16, 0, 4)
    core += struct.pack("<I", size) + b"a" * size
    content = b"CBM1" + struct.pack("<I", len(core)) + bytes(core)
    why, peak = peak_of(catboost, [content])
    assert why == "is damaged: its flatbuffer is invalid"
    assert peak < 16 * MIB


def test_escapes_of_yaml_are_counted_where_they_are_replaced() -> None:
    steps: List[int] = []
    text = 'a: "' + "\\n" * 32_000 + '"\n'
    assert string_at(text, ("a",), steps.append) == "\n" * 32_000
    assert sum(steps) >= 32_000 + 1_000


def test_the_leaves_of_an_example_do_not_pass_each_level() -> None:
    value: Any = [1, 2]
    for _ in range(5_000):  # deeper than generators may call each other
        value = [value]
    assert list(_leaves([value, 3])) == [1, 2, 3]


def test_two_million_codes_of_lightgbm_take_little_memory() -> None:
    codes = ":".join(["1"] * 2_000_000)
    text = f"tree\nversion=v4\nmax_feature_idx=0\nfeature_names=a\nfeature_infos={codes}\n\n"
    told, peak = peak_of(lightgbm, [text.encode()])
    assert len(told.training["a"]) == 100_000
    assert peak < 64 * MIB


def test_the_deadline_is_looked_at_while_a_list_of_names_is_taken_apart() -> None:
    checks: List[None] = []
    text = "".join(f"{number},name {number}\n" for number in range(10_240))
    told = read_list(MemberBytes("features.txt", [text.encode()], lambda: checks.append(None)))
    assert told is not None
    assert len(told.fields) == 10_240
    assert len(checks) >= 4 * 10


def test_fields_that_many_variables_match_are_sorted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: List[int] = []

    def nsmallest(count: int, values: List[str]) -> List[str]:
        calls.append(len(values))
        return sorted(values)[:count]

    monkeypatch.setattr(sampling, "nsmallest", nsmallest)
    fields = json.dumps([f"a{mark}b{other}" for mark in ".,;:-" for other in ".,;:-"])
    variables = {f"SPECIAL_FIELD_{a}_{b}_": "1" for a in ("a", "A") for b in ("b", "B")}
    archive = gz(member("features.json", fields.encode()) + END)
    payload = generate([archive], read_settings(variables))
    assert calls == [25]
    assert any("matches several fields" in warning for warning in payload.warnings)


def test_the_deadline_is_looked_at_for_the_many_columns_of_an_example() -> None:
    checks: List[None] = []
    columns = [f"c{number}" for number in range(20_480)]
    text = json.dumps({"columns": columns, "data": [[1] * 20_480]})
    member_bytes = MemberBytes("input_example.json", [text.encode()], lambda: checks.append(None))
    told = mlflow.read(member_bytes)
    assert told is not None
    assert len(told.fields) == 20_480
    assert len(checks) >= 2 * 20


def test_names_in_a_warning_are_written_out_only_for_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: List[object] = []

    def shown_short(name: object) -> str:
        shown.append(name)
        return str(name)

    monkeypatch.setattr(wording, "shown_short", shown_short)
    (warning,) = wording.of_names("{names}", map(str, range(10_000)))
    assert warning.endswith("and 9,995 more")
    assert len(shown) == 5
