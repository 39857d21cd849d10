"""Train the small pickled models of `sources/pickled/`, and write down their inputs.

Run it once in an environment for each set of versions, from the project's root; it writes what the
installed libraries can write:

    python tests/models/training/sources_sklearn.py tests/models/sources/pickled

- Python 3.8: scikit-learn==0.23.2 pandas==1.1.5 numpy==1.19.5 joblib==0.17.0
- 3.8: scikit-learn==1.0.2 pandas==1.3.5 numpy==1.21.6 joblib==1.1.0 lightgbm==3.3.5
- 3.9: scikit-learn==1.2.2 pandas==1.5.3 numpy==1.24.4 joblib==1.2.0
- 3.9: scikit-learn==1.4.2 pandas==2.2.3 numpy==1.26.4 joblib==1.4.2
- 3.12: scikit-learn==1.6.1 pandas==2.2.3 numpy==2.1.3 joblib==1.4.2
- 3.13: scikit-learn==1.9.1 pandas==3.1.1 numpy==2.5.5 joblib==1.6.0 lz4==4.4.5 lightgbm==4.7.0
  xgboost-cpu==3.4.1
- 3.13: scikit-learn==1.9.1 pandas==3.1.1 pyarrow, for an Index that Arrow keeps
- 3.8: scikit-learn==0.22.2 pandas==1.0.5 numpy==1.18.5 xgboost==0.90
- 3.8: scikit-learn==0.24.2 pandas==1.2.5 numpy==1.19.5 xgboost==1.3.3
- 3.9: scikit-learn==1.3.2 pandas==2.0.3 numpy==1.24.4 xgboost==1.7.6
- 3.12: catboost==1.2.10 scikit-learn pandas
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional

# mypy: disable-error-code="import-not-found,import-untyped"
import joblib
import numpy as np
import pandas as pd
import sklearn
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
ROWS = 48
PACKINGS = ("zlib", "gzip", "bz2", "xz", "lzma", "lz4")
# The versions of scikit-learn for which a case is kept; other cases are kept for all.
KEPT = {
    "line-p0": ((0, 23), (1, 9)),
    "line-p2": ((1, 0), (1, 9)),
    "line-p4": ((1, 2), (1, 9)),
    "line-p5": ((1, 4), (1, 9)),
    "line-unnamed": ((1, 6),),
    "columns-p4": ((1, 0), (1, 9)),
    "search-p4": ((1, 0), (1, 9)),
    "text": ((0, 23), (1, 2), (1, 9)),
    "dict-list": ((1, 2),),
    "dict-index": ((0, 23), (1, 4), (1, 9)),
    "dict-array": ((1, 0), (1, 9)),
    "scaler": ((1, 0), (1, 9)),
    "list": ((1, 9),),
    "votes": ((1, 4), (1, 9)),
}
NUMBERS = ["age", "income, yearly", "Größe"]
CATEGORIES = ["marital-status", "grade", "zone"]
COLUMNS = [NUMBERS[0], CATEGORIES[0], NUMBERS[1], CATEGORIES[1], NUMBERS[2], CATEGORIES[2]]


class Model(NamedTuple):
    """A model, its inputs, and how it is written.

    `takes` are its inputs as the library names them (name → type); else it knows their `number`.
    """

    name: str
    model: Any
    write: Callable[[Any, Path], Any]
    takes: Optional[Dict[str, str]] = None
    number: int = 0
    source: str = "sklearn"
    transformer: bool = False
    file: str = "model.pkl"
    categories: Optional[Dict[str, List[Any]]] = None


def pickled(protocol: int) -> Callable[[Any, Path], Any]:
    """Return a function that writes a pickle."""
    return lambda model, path: path.write_bytes(pickle.dumps(model, protocol))


def dumped(compress: Any = 0) -> Callable[[Any, Path], Any]:
    """Return a function that writes a file of joblib's."""
    return lambda model, path: joblib.dump(model, path, compress=compress)


def table() -> pd.DataFrame:
    """Return a table of numbers and categories: strings, ordered integers, booleans."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame({name: rng.normal(size=ROWS).round(3) for name in NUMBERS})
    frame["marital-status"] = np.array(["single", "married", "né(e)"])[np.arange(ROWS) % 3]
    frame["grade"] = 1 + np.arange(ROWS) % 4
    frame["zone"] = np.arange(ROWS) % 5 < 2
    return frame[COLUMNS]


def columns_pipeline(frame: pd.DataFrame, target: pd.Series) -> Any:
    """Return a fitted pipeline of a ColumnTransformer and a forest."""
    encoders = [("impute", SimpleImputer(strategy="most_frequent")), ("hot", OneHotEncoder())]
    prepare = ColumnTransformer(
        [
            ("numbers", Pipeline([("scale", StandardScaler())]), NUMBERS),
            ("status", Pipeline(encoders), CATEGORIES[:1]),
            ("codes", OrdinalEncoder(), CATEGORIES[1:]),
        ]
    )
    forest = RandomForestClassifier(n_estimators=2, max_depth=2, random_state=0)
    return Pipeline([("prepare", prepare), ("forest", forest)]).fit(frame, target)


KINDS = {name: "categorical" if name in CATEGORIES else "numeric" for name in COLUMNS}
VALUES = {
    "marital-status": ["married", "né(e)", "single"],
    "grade": [1, 2, 3, 4],
    "zone": [False, True],
}


def sklearn_models() -> Iterator[Model]:
    """Yield the models of scikit-learn."""
    frame = table()
    target = (frame["age"] > 0).astype(int).rename("y")
    numbers = frame[NUMBERS]
    line = LogisticRegression().fit(numbers, target)
    named: Dict[str, Any] = {"takes": dict.fromkeys(NUMBERS, "numeric")}
    if VERSION < (1, 0):  # names are kept from 1.0 on
        named = {"number": 3}
    yield Model("line-p2", line, pickled(2), **named)
    yield Model("line-p4", line, pickled(4), **named)
    yield Model("line-p0", line, pickled(0), **named)
    yield Model("line-p5", line, pickled(5), **named)
    yield Model("line-joblib", line, dumped(), file="model.joblib", **named)
    unnamed = LogisticRegression().fit(numbers.to_numpy(), target)
    yield Model("line-unnamed", unnamed, pickled(4), number=3)
    whole = columns_pipeline(frame, target)
    columns: Dict[str, Any] = {"takes": KINDS, "categories": VALUES}
    yield Model("columns-p4", whole, pickled(4), **columns)
    yield Model("columns-joblib", whole, dumped(), file="model.joblib", **columns)
    search = GridSearchCV(whole, {"forest__max_depth": [1, 2]}, cv=2).fit(frame, target)
    search.cv_results_ = {}  # large, and not needed here
    yield Model("search-p4", search, pickled(4), **columns)
    texts = ["good and cheap", "bad", "cheap but bad", "good"] * (ROWS // 4)
    review = Pipeline([("words", TfidfVectorizer()), ("line", LogisticRegression())])
    yield Model("text", review.fit(texts, target), pickled(4), takes={"text": "text"})
    yield Model("scaler", StandardScaler().fit(numbers), pickled(4), transformer=True, **named)
    beside = {"model": unnamed, "features": NUMBERS, "threshold": 0.5}
    listed: Dict[str, Any] = {"takes": dict.fromkeys(NUMBERS, "numeric")}
    yield Model("dict-list", beside, pickled(4), **listed)
    yield Model("dict-index", {**beside, "features": numbers.columns}, pickled(4), **listed)
    yield Model(
        "dict-array",
        {**beside, "features": np.array(NUMBERS)},
        dumped(),
        file="model.joblib",
        **listed,
    )
    votes = VotingClassifier([("a", clone(line)), ("b", clone(line))]).fit(numbers, target)
    if VERSION >= (1, 0):
        yield Model("votes", votes, dumped(3), file="model.joblib", **named)
    listed["source"] = "feature_list"
    yield Model("list", NUMBERS, pickled(4), file="feature_names.pkl", **listed)
    if VERSION >= (1, 9):
        yield from packed_models(line, named)


def arrow_models() -> Iterator[Model]:
    """Yield a model next to an Index of pandas 3, as it is if pyarrow is installed."""
    frame = table()[NUMBERS]
    line = LogisticRegression().fit(frame.to_numpy(), (frame["age"] > 0).astype(int))
    beside = {"features": frame.columns, "model": line}
    yield Model("dict-arrow", beside, pickled(5), dict.fromkeys(NUMBERS, "numeric"))


def packed_models(line: Any, named: Dict[str, Any]) -> Iterator[Model]:
    """Yield a model in each of joblib's compressions."""
    for packing in PACKINGS:
        yield Model(f"line-{packing}", line, dumped((packing, 3)), file="model.joblib", **named)


def xgboost_models() -> Iterator[Model]:
    """Yield pickled boosters and classifiers of XGBoost."""
    xgboost = importlib.import_module("xgboost")
    frame = table()[NUMBERS]
    target = (frame["age"] > 0).astype(int)
    takes = dict.fromkeys(NUMBERS, "numeric")
    options = {"max_depth": 2, "objective": "binary:logistic"}
    booster = xgboost.train(options, xgboost.DMatrix(frame, label=target), 2)
    classifier = xgboost.XGBClassifier(n_estimators=2, max_depth=2).fit(frame, target)
    for protocol in (2, 4):
        yield Model(f"booster-p{protocol}", booster, pickled(protocol), takes, source="xgboost")
    yield Model(
        "classifier-joblib", classifier, dumped(3), takes, source="xgboost", file="model.joblib"
    )
    unnamed = xgboost.XGBClassifier(n_estimators=2, max_depth=2).fit(frame.to_numpy(), target)
    yield Model("classifier-unnamed", unnamed, pickled(4), number=3, source="xgboost")
    pipeline = Pipeline([("scale", StandardScaler()), ("model", unnamed)])
    pipeline.fit(frame, target)
    yield Model(
        "pipeline", pipeline, pickled(4), takes if VERSION >= (1, 0) else None, 3, "sklearn"
    )


def lightgbm_models() -> Iterator[Model]:
    """Yield pickled models of LightGBM."""
    lightgbm = importlib.import_module("lightgbm")
    frame = table()[["age", "Größe"]]
    target = (frame["age"] > 0).astype(int)
    options = {"n_estimators": 2, "num_leaves": 3, "min_child_samples": 5, "verbose": -1}
    model = lightgbm.LGBMClassifier(**options).fit(frame, target)
    takes = dict.fromkeys(frame.columns, "numeric")
    for protocol in (2, 4):
        yield Model(f"classifier-p{protocol}", model, pickled(protocol), takes, source="lightgbm")
    yield Model(
        "booster-joblib", model.booster_, dumped(3), takes, source="lightgbm", file="model.joblib"
    )


def catboost_models() -> Iterator[Model]:
    """Yield a pickled model of CatBoost."""
    catboost = importlib.import_module("catboost")
    frame = table()[[*NUMBERS, "marital-status"]]
    target = (frame["age"] > 0).astype(int)
    model = catboost.CatBoostClassifier(
        iterations=2, depth=2, verbose=0, allow_writing_files=False, cat_features=["marital-status"]
    ).fit(frame, target)
    takes = {name: KINDS[name] for name in frame.columns}
    for protocol in (2, 4):
        yield Model(f"classifier-p{protocol}", model, pickled(protocol), takes, source="catboost")


def main(folder: Path) -> None:
    """Write every model that the installed libraries can train, with its inputs."""
    warnings.simplefilter("ignore")
    models = {"sklearn": sklearn_models}
    boosters = {
        "xgboost": xgboost_models,
        "lightgbm": lightgbm_models,
        "catboost": catboost_models,
    }
    for family, train in boosters.items():
        if importlib.util.find_spec(family) is not None:
            models[family] = train
    if ("xgboost" in models and VERSION < (1, 9)) or "catboost" in models:
        del models["sklearn"]  # another set of versions writes these
    if importlib.util.find_spec("pyarrow") is not None:
        models = {"sklearn": arrow_models}
    for family, train in models.items():
        version = importlib.import_module(family).__version__
        for model in train():
            if VERSION in KEPT.get(model.name, (VERSION,)):
                write(folder / f"{family}-{version}-{model.name}", model)


def write(folder: Path, model: Model) -> None:
    """Write a model, and next to it what the library says after loading it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / model.file
    model.write(model.model, path)
    loaded = joblib.load(path)
    names = getattr(loaded, "feature_names_in_", None) if not isinstance(loaded, dict) else None
    if names is not None and model.takes is not None and "text" not in model.takes:
        assert list(names) == list(model.takes), (list(names), model.takes)
    fields: List[Dict[str, Any]] = [
        {"name": name, "type": kind} for name, kind in (model.takes or {}).items()
    ]
    for field in fields:
        values = (model.categories or {}).get(field["name"])
        if values is not None:
            field["categories"] = values
    expected = {
        "source": model.source,
        "made_up": not fields,
        "count": len(fields) or model.number,
        "transformer": model.transformer,
        "fields": fields,
    }
    text = json.dumps(expected, ensure_ascii=False, indent=1) + "\n"
    (folder / "expect.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
