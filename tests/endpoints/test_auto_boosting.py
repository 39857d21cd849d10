"""XGBoost, LightGBM and CatBoost, with what `RECIPE=auto` makes from the files that they save.

SageMaker's XGBoost container is not on a package index: xgboost is called here by the rule that is
documented in the container's code, https://github.com/aws/sagemaker-xgboost-container (version of
May 2026): src/sagemaker_xgboost_container/encoder.py and algorithm_mode/serve_utils.py. LightGBM
and CatBoost have no servers; most handlers read rows without a header by pandas.
"""

from __future__ import annotations

import csv
import io
import pickle
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from tests.endpoints.auto import COUNTS, Request, request
from tests.endpoints.recipes import library

pytestmark = [pytest.mark.endpoints, pytest.mark.filterwarnings("ignore")]

CONTAINER = "xgboost, called by the container's documented rule"
READ_CSV = "the library, behind pandas' `read_csv(header=None)`"
NAMED = f"{READ_CSV}, columns named as the model has them"
NUMBERS = {"income": [0.25, -1.5, 2.0], "tenure": [3.0, 0.5, -2.0], "usage": [1.0, 2.0, 0.0]}


def read_as_the_xgboost_container(made: Request) -> Any:
    """Return the rows as the container gives them to xgboost.

    CSV: the delimiter is guessed from the first line, a comma replaces a letter or digit, an empty
    cell is not a number. libsvm: if no index is 0, all are lowered by 1.
    """
    numpy, xgboost = library("numpy"), library("xgboost")
    lines = made.body.strip().decode().split("\n")
    if made.media_type == "text/csv":
        guessed = csv.Sniffer().sniff(lines[0][:512]).delimiter
        delimiter = "," if guessed.isalnum() else guessed
        rows = [[cell or "nan" for cell in line.split(delimiter)] for line in lines]
        return xgboost.DMatrix(numpy.array(rows).astype(float))
    assert made.media_type in ("text/libsvm", "text/x-libsvm")
    sparse = [
        {
            int(index): float(value)
            for index, value in (cell.split(":") for cell in line.split()[1:])
        }
        for line in lines
    ]
    lowest = min(index for row in sparse for index in row)
    matrix = numpy.full((len(sparse), max(max(row) for row in sparse) + 1), numpy.nan)
    for position, row in enumerate(sparse):
        for index, value in row.items():
            matrix[position, index] = value
    return xgboost.DMatrix(matrix[:, 1:] if lowest >= 1 else matrix)


def train_xgboost(categories: bool = False, columns: int = 3) -> Any:
    numpy, pandas, xgboost = library("numpy"), library("pandas"), library("xgboost")
    random = numpy.random.default_rng(5)
    table = pandas.DataFrame(random.normal(size=(60, columns)), columns=list(NUMBERS)[:columns])
    target = table["income"] * 2
    if categories:
        table["plan"] = pandas.Categorical(["basic", "gold", "trial"] * 20)
        target = target + table["plan"].cat.codes
    matrix = xgboost.DMatrix(table, target, enable_categorical=categories)
    return xgboost.train({"nthread": 1, "max_depth": 3}, matrix, 6)


def save_by_pickle(booster: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(booster))


XGBOOST: Dict[str, Callable[[Any, Path], None]] = {
    "`xgboost-model`, saved by save_model": lambda booster, path: booster.save_model(path),
    "`xgboost-model`, a pickled Booster": save_by_pickle,
}


@pytest.mark.parametrize("samples", COUNTS)
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("kind", XGBOOST)
def test_the_xgboost_container_predicts(
    kind: str, columns: int, samples: int, tmp_path: Path, answered: Any
) -> None:
    booster = train_xgboost(columns=columns)
    booster.save_model(tmp_path / "as.json")  # to compare with, outside of the archive
    folder = tmp_path / "model"
    folder.mkdir()
    XGBOOST[kind](booster, folder / "xgboost-model")

    plain = request(folder, samples)
    assert (plain.family, plain.recipe) == ("xgboost", "xgboost")
    values = dict(list(NUMBERS.items())[:columns])
    bodies = [request(folder, samples, values)]
    for content_type in ("text/libsvm; index=0", "text/x-libsvm; index=0", "text/libsvm"):
        bodies.append(request(folder, samples, values, CONTENT_TYPES=content_type))
    xgboost, pandas = library("xgboost"), library("pandas")
    own = booster.predict(xgboost.DMatrix(pandas.DataFrame(values)[:samples])).tolist()
    for made in (plain, *bodies):
        read = read_as_the_xgboost_container(made)
        assert (read.num_row(), read.num_col()) == (samples, columns)
        predicted = booster.predict(read, validate_features=False).tolist()
        if made is not plain:
            assert predicted == pytest.approx(own)
            answered(
                made,
                kind + (", one input" if columns == 1 else ""),
                "xgboost",
                "predicts as xgboost does",
                CONTAINER,
            )
    assert samples == 1 or len(set(own)) > 1


@pytest.mark.parametrize("samples", COUNTS)
def test_the_xgboost_container_accepts_the_codes_of_categories(
    samples: int, tmp_path: Path, answered: Any
) -> None:
    booster = train_xgboost(categories=True)
    booster.save_model(tmp_path / "xgboost-model")
    plain = request(tmp_path, samples)
    assert plain.body.split(b"\n")[0] == b"0.0,0.0,0.0,0"

    made = request(tmp_path, samples, {**NUMBERS, "plan": [2, 1, 0]})
    predicted = booster.predict(read_as_the_xgboost_container(made), validate_features=False)
    pandas, xgboost = library("pandas"), library("xgboost")
    table = pandas.DataFrame(NUMBERS)
    table["plan"] = pandas.Categorical(
        ["trial", "gold", "basic"], categories=["basic", "gold", "trial"]
    )
    own = booster.predict(xgboost.DMatrix(table[:samples], enable_categorical=True))
    assert predicted.tolist() == pytest.approx(own.tolist())
    answered(
        made,
        "`xgboost-model` with categories, by their codes",
        "xgboost",
        "predicts as xgboost does",
        CONTAINER,
    )


def read_rows(made: Request) -> Any:
    assert made.media_type == "text/csv"
    return library("pandas").read_csv(io.BytesIO(made.body), header=None)


def named_rows(made: Request, model: Any) -> Any:
    """Name the columns as CatBoost expects; in an array, each category would become a float."""
    return read_rows(made).set_axis(model.feature_names_, axis=1)


def table_with_plans(plans: List[Any]) -> Any:
    numpy, pandas = library("numpy"), library("pandas")
    random = numpy.random.default_rng(5)
    table = pandas.DataFrame(random.normal(size=(90, 3)), columns=list(NUMBERS))
    table["plan"] = pandas.Categorical(plans * (90 // len(plans)))
    return table


@pytest.mark.parametrize("samples", COUNTS)
@pytest.mark.parametrize("name", ["model.txt", "model.pkl"])
@pytest.mark.parametrize("plans", [["basic", "gold", "trial"], [1, 2, 3]])
def test_lightgbm_recognises_the_category_that_it_is_sent(
    plans: List[Any], name: str, samples: int, tmp_path: Path, answered: Any
) -> None:
    """A handler passes the rows to LightGBM unchanged, which takes a category by its code."""
    lightgbm, pandas = library("lightgbm"), library("pandas")
    table = table_with_plans(plans)
    target = table["income"] * 0.1 + table["plan"].cat.codes
    model = lightgbm.LGBMRegressor(n_estimators=5, min_child_samples=2, n_jobs=1, verbose=-1)
    model.fit(table, target)
    if name == "model.txt":
        model.booster_.save_model(tmp_path / name)
    else:
        save_by_pickle(model, tmp_path / name)

    plain = request(tmp_path, samples)
    assert (plain.family, plain.recipe) == ("lightgbm", "lightgbm")
    zeros = pandas.DataFrame([[0.0] * 3] * samples, columns=list(NUMBERS))
    zeros["plan"] = pandas.Categorical(plans[:1] * samples, categories=plans)
    assert model.booster_.predict(read_rows(plain).to_numpy()) == pytest.approx(
        model.predict(zeros)
    )
    made = request(tmp_path, samples, {**NUMBERS, "plan": [2, 1, 0]})
    predicted = model.booster_.predict(read_rows(made).to_numpy())
    own = pandas.DataFrame(NUMBERS)
    own["plan"] = pandas.Categorical(plans[::-1], categories=plans)
    assert predicted == pytest.approx(model.predict(own[:samples]))
    assert samples == 1 or len(set(predicted)) > 1
    answered(
        made,
        f"`{name}`, categories that are {'texts' if isinstance(plans[0], str) else 'numbers'}",
        "lightgbm",
        "predicts as LightGBM does",
        READ_CSV,
    )


@pytest.mark.parametrize("samples", COUNTS)
@pytest.mark.parametrize("name", ["model.cbm", "model.json"])
@pytest.mark.parametrize("plans", [["basic", "gold", "trial"], [1, 2, 3]])
def test_catboost_recognises_the_category_that_it_is_sent(
    plans: List[Any], name: str, samples: int, tmp_path: Path, answered: Any
) -> None:
    catboost, pandas = library("catboost"), library("pandas")
    table = table_with_plans(plans)
    target = table["income"] * 0.1 + table["plan"].cat.codes
    model = catboost.CatBoostRegressor(
        iterations=5, verbose=0, allow_writing_files=False, thread_count=1
    )
    model.fit(table.astype({"plan": type(plans[0])}), target, cat_features=["plan"])
    pool = {"pool": catboost.Pool(table.astype({"plan": type(plans[0])}), cat_features=["plan"])}
    model.save_model(tmp_path / name, format=name[6:], **(pool if name == "model.json" else {}))

    plain = request(tmp_path, samples)
    assert (plain.family, plain.recipe) == ("catboost", "catboost")
    assert plain.body.split(b"\n")[0] == b"0.0,0.0,0.0,0"
    assert len(model.predict(named_rows(plain, model))) == samples

    values = {**NUMBERS, "plan": plans[::-1]}
    made = request(tmp_path, samples, values)
    predicted = model.predict(named_rows(made, model))
    assert predicted == pytest.approx(model.predict(pandas.DataFrame(values)[:samples]))
    assert samples == 1 or len(set(predicted)) > 1
    answered(
        made,
        f"`{name}`, categories that are {'texts' if isinstance(plans[0], str) else 'numbers'}",
        "catboost",
        "predicts as CatBoost does",
        NAMED,
    )


def test_catboost_refuses_a_category_with_a_fraction(tmp_path: Path) -> None:
    """This is why the recipe's category is `0`, and never `0.0`."""
    catboost = library("catboost")
    table = table_with_plans([1, 2, 3]).astype({"plan": int})
    model = catboost.CatBoostRegressor(
        iterations=2, verbose=0, allow_writing_files=False, thread_count=1
    )
    model.fit(table, table["income"], cat_features=["plan"])
    model.save_model(tmp_path / "model.cbm")
    made = request(tmp_path, 1, DEFAULT_CATEGORICAL_VALUE="0.0")
    with pytest.raises(catboost.CatBoostError, match="must be integer or string"):
        model.predict(named_rows(made, model))
