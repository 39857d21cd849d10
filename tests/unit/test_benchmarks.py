"""The benchmarks' archives are what they should be, and the chart shows the measurements."""

from __future__ import annotations

import json
from typing import Any, Dict, List
from xml.etree import ElementTree

import pytest
from mims import generate

from benchmarks.chart import draw, panel
from benchmarks.model_files import KINDS, model_file
from tests.archives import packed

SOURCES = {
    "xgboost-json": "xgboost",
    "xgboost-json-unnamed": "xgboost",
    "sklearn-joblib": "sklearn",
    "saved-model": "tensorflow",
    "onnx": "onnx",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_file_without_hyperparameters_names_its_fields(kind: str) -> None:
    bulk = b'{"base_weights":[0.5,-1.5],"tree_param":{"num_feature":"12"}},' * 1000
    file = model_file(kind, len(bulk))
    content = file.before + (bulk if file.is_of_trees else bytes(len(bulk))) + file.behind
    if file.is_of_trees:
        json.loads(content)
    payload = generate([packed((file.name, content))])
    assert (payload.fields_from.source, payload.field_count) == (SOURCES[kind], 12)


WAYS = {"limit": "the limit", "ours": "the function", "other": "another <way>"}
TRIALS: List[Dict[str, Any]] = [
    {"way": way, "key": "a.tar.gz", "wall": wall}
    for way, walls in {"limit": [1.0, 2.0, 9.0], "ours": [3.0], "other": [8.0]}.items()
    for wall in walls
]


def test_the_chart_shows_the_medians_of_each_way_and_the_limit() -> None:
    svg = draw([panel("weights", "a.tar.gz", WAYS, TRIALS)], "the limit")
    texts = [element.text for element in ElementTree.fromstring(svg).iter() if element.text]
    assert {"the function", "3.00 s", "another <way>", "8.00 s", "the limit: 2.00 s"} <= {*texts}
    bars = [
        float(element.get("width", ""))
        for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect")
        if element.get("height") != "100%"
    ]
    assert bars[1] / bars[0] == pytest.approx(8 / 3, rel=0.01)


def test_a_way_that_was_not_measured_is_not_drawn() -> None:
    with pytest.raises(ValueError, match="no trial of limit on b"):
        panel("weights", "b.tar.gz", WAYS, TRIALS)
