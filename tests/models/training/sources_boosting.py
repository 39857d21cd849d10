"""Small models of XGBoost, LightGBM and CatBoost, for the tests of their sources.

Run it once in an environment for each version below; it trains what the installed libraries can:

    python tests/models/training/sources_boosting.py tests/models/sources

- XGBoost 0.90 (the first binary format), 1.3.3 (JSON without names), 1.5.2 (JSON with names), 1.7.6
  (UBJSON), 2.1.4, 3.2.0 (categories of data frames)
- LightGBM 2.3.1 (version=v3 of the text), 3.3.5, 4.7.0 (v4)
- CatBoost 1.0.6, 1.2.10

Next to each model, `expect.json` is what the library itself reports after loading it. On one
machine the models are the same byte for byte, except CatBoost's, which contain the time of
training.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Sequence

# mypy: disable-error-code="import-not-found,import-untyped"
import numpy as np
import pandas as pd

NAMES = ["tenure", "Größe_cm", 'said "yes"', "價格", "plan.type", "x%", "n_calls"]
TYPES = ["int", "float", "i", "q", "float", "float", "int"]
_XGBOOST_TYPES = {"int": "integer", "i": "boolean", "c": "categorical"}


def main(folder: Path) -> None:
    """Train with every library that can be imported, into `folder`/<library>/."""
    for library, train in (("xgboost", xgboost), ("lightgbm", lightgbm), ("catboost", catboost)):
        try:
            module = importlib.import_module(library)
        except ImportError:
            continue
        train(module, folder / library)


def numbers(columns: int, rows: int = 120) -> np.ndarray:
    return np.random.RandomState(7).normal(size=(rows, columns)).round(2)


def labels(matrix: np.ndarray) -> np.ndarray:
    return (matrix[:, 0] + matrix[:, -1] > 0).astype(int)


def frame(**categories: Sequence[str]) -> pd.DataFrame:
    """Return integers, floats, booleans and columns of categories, mixed."""
    random = np.random.RandomState(11)
    columns: Dict[str, Any] = {
        "age": random.randint(18, 90, 200),
        "income.monthly": random.normal(3000, 800, 200).round(2),
    }
    for name, values in categories.items():
        columns[name] = pd.Categorical(random.choice(list(values), 200))
    columns["is_member"] = random.rand(200) < 0.4
    columns["größe"] = random.normal(170, 9, 200).round(1)
    return pd.DataFrame(columns)


def write_expected(folder: Path, fields: List[Dict[str, Any]], made_up: bool = False) -> None:
    """Write the fields that the model in `folder` should give."""
    expected = {"source": folder.parent.name, "made_up": made_up, "fields": fields}
    text = json.dumps(expected, indent=1, ensure_ascii=False)
    (folder / "expect.json").write_text(text + "\n", encoding="utf-8")


# XGBoost


def xgboost(library: Any, folder: Path) -> None:
    version = library.__version__
    major, minor = (int(part) for part in version.split(".")[:2])
    matrix = numbers(len(NAMES))
    named = {"feature_names": NAMES, "feature_types": TYPES}

    def train(data: Any, **parameters: Any) -> Any:
        parameters = {"objective": "binary:logistic", "max_depth": 2, "seed": 3, **parameters}
        return library.train({"nthread": 1, **parameters}, data, num_boost_round=2)

    def new_path(case: str, name: str) -> Path:
        path = folder / f"{version}-{case}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def keep(case: str, booster: Any, name: str) -> None:
        """Save the model in the format of the name's ending, and load it again."""
        path = new_path(case, name)
        booster.save_model(str(path))
        loaded = library.Booster(model_file=str(path))
        write_expected(path.parent, xgboost_fields(loaded), loaded.feature_names is None)

    def keep_snapshot(case: str, booster: Any) -> None:
        """Save the bytes that a pickle of the booster contains."""
        path = new_path(case, "handle")
        path.write_bytes(booster.__getstate__()["handle"])
        write_expected(path.parent, xgboost_fields(booster), booster.feature_names is None)

    plain = library.DMatrix(matrix, labels(matrix))
    with_names = library.DMatrix(matrix, labels(matrix), **named)
    if (major, minor) < (1, 4):
        keep("binary", train(with_names), "xgboost-model")
    if version == "0.90":
        ranking = train(plain, objective="rank:pairwise", base_score=0.3)
        keep("binary-base-score", ranking, "0002.model")
    if (major, minor) == (1, 3):
        keep("json-no-names", train(plain), "model.json")
        booster = train(plain)
        booster.feature_names = None
        keep_snapshot("snapshot", booster)
        booster = train(plain, enable_experimental_json_serialization=0)
        booster.feature_names = None
        keep_snapshot("snapshot-binary", booster)
    if (major, minor) == (1, 5):
        keep("json-odd-names", train(with_names), "model.json")
        keep("json-dart", train(with_names, booster="dart"), "model.json")
        keep("json-no-names", train(plain), "model.json")
    if (major, minor) == (1, 7):
        keep("binary", train(with_names), "xgboost-model")
        keep("ubj-odd-names", train(with_names), "model.ubj")
        keep_snapshot("snapshot", train(with_names))
        keep_snapshot("snapshot-no-names", train(plain))
        config = train(with_names).save_config()
        path = new_path("settings", "config.json")
        path.write_text(config, encoding="utf-8")
        write_expected(path.parent, [])
    if (major, minor) == (2, 1):
        keep("json-types", train(with_names), "model.json")
        keep("json-linear", train(with_names, booster="gblinear"), "model.json")
    if major == 3:
        keep("ubj-no-names", train(plain), "xgboost-model")
        keep("json-no-names", train(plain), "model.json")
        only_types = library.DMatrix(matrix, labels(matrix), feature_types=TYPES)
        keep("ubj-types-alone", train(only_types), "model.ubj")
        table = frame(**{"home city": ["Oslo", "Tromsø", "Bergen"], "device": ["ios", "web"]})
        data = library.DMatrix(table, (table["age"] > 50), enable_categorical=True)
        keep("ubj-categories", train(data, tree_method="hist"), "xgboost-model")
        keep("json-categories", train(data, tree_method="hist"), "model.json")


def xgboost_fields(booster: Any) -> List[Dict[str, Any]]:
    """Return the fields by a booster's own names and types; all have as many columns as `NAMES`."""
    names = booster.feature_names or [f"f{index}" for index in range(len(NAMES))]
    types = getattr(booster, "feature_types", None) or ["float"] * len(names)
    fields: List[Dict[str, Any]] = []
    for name, written in zip(names, types):
        fields.append({"name": name, "type": _XGBOOST_TYPES.get(written, "numeric")})
        if written == "c":
            fields[-1]["categories"] = [0]
    return fields


# LightGBM


def lightgbm(library: Any, folder: Path) -> None:
    version = library.__version__
    parameters: Dict[str, Any] = {"objective": "binary", "num_leaves": 3, "min_data_in_leaf": 5}
    parameters.update(verbose=-1, seed=3, num_threads=1, deterministic=True)

    def keep(case: str, data: Any, categorical: Sequence[str] = (), **further: Any) -> None:
        booster = library.train({**parameters, **further}, data, num_boost_round=2)
        path = folder / f"{version}-{case}" / "model.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        booster.save_model(str(path))
        names = library.Booster(model_file=str(path)).feature_name()
        fields: List[Dict[str, Any]] = []
        for name in names:
            fields.append({"name": name, "type": "numeric"})
            if name in categorical:
                fields[-1].update(type="categorical", categories=[0])
        write_expected(path.parent, fields, names[0] == "Column_0")

    table = frame(city=["Oslo", "Tromsø", "Bergen"], device=["ios", "web"], country=["NO"])
    if version.startswith("2."):  # accepts only ASCII names, and drops columns that it does not use
        table = table.rename(columns={"größe": "groesse"}).drop(columns="country")
    target = (table["age"] > 50).astype(int)
    keep("categories", library.Dataset(table, target), ("city", "device", "country"))
    matrix = numbers(4)
    matrix[:, 2] = 1
    keep("no-names", library.Dataset(matrix, labels(matrix)), boosting="gbdt")
    names = ["plan type", "größe" if version[0] > "2" else "size", "constant", "x%"]
    named = library.Dataset(matrix, labels(matrix), feature_name=names)
    keep("forest", named, boosting="rf", bagging_freq=1, bagging_fraction=0.5)


# CatBoost


def catboost(library: Any, folder: Path) -> None:
    version = library.__version__
    parameters: Dict[str, Any] = {"iterations": 2, "depth": 2, "random_seed": 3}
    parameters.update(thread_count=1, logging_level="Silent", allow_writing_files=False)

    def keep(case: str, pool: Any, name: str, **further: Any) -> None:
        model = library.CatBoost({**parameters, "loss_function": "Logloss", **further}).fit(pool)
        path = folder / f"{version}-{case}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.suffix[1:]
        model.save_model(str(path), format=written)
        loaded = library.CatBoost().load_model(str(path), format=written)
        names = loaded.feature_names_
        made_up = names == [str(index) for index in range(len(names))]
        fields = [
            {"name": f"f{index}" if made_up else name, "type": "numeric"}
            for index, name in enumerate(names)
        ]
        for index in loaded.get_cat_feature_indices():
            fields[index]["type"] = "categorical"
        for index in loaded.get_text_feature_indices():
            fields[index]["type"] = "text"
        for index in pool.get_embedding_feature_indices():
            fields[index]["shape"] = [1]
        write_expected(path.parent, fields, made_up)

    table = frame(city=["Oslo", "Tromsø", "Bergen"], device=["ios", "web"]).astype({"city": str})
    table["device"] = table["device"].astype(str)
    target = (table["age"] > 50).astype(int)
    categorical = library.Pool(table, target, cat_features=["city", "device"])
    keep("cbm-categories", categorical, "model.cbm")
    keep("json-categories", categorical, "model.json")
    keep("cbm-depthwise", categorical, "model.cbm", grow_policy="Depthwise", ignored_features=[1])
    table["age"] = table["age"].map(lambda age: f"is {age} years old")
    vectors = np.random.RandomState(5).normal(size=(len(table), 3)).tolist()
    table.insert(2, "vector", vectors)
    texts = {"text_features": ["age"], "embedding_features": ["vector"]}
    keep("cbm-texts", library.Pool(table, target, ["city", "device"], **texts), "model.cbm")
    matrix = numbers(5)
    keep("cbm-no-names", library.Pool(matrix, labels(matrix)), "model.cbm")
    keep("json-no-names", library.Pool(matrix, labels(matrix)), "model.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
