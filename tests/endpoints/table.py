"""The servers' answers, as the tables of `docs/recipes.md`.

Each environment has its own table on the page, between two comments. A run compares the page with
what it found, or, with `--write-table`, writes that there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence

from mims.recipes import RECIPES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "recipes.md"
# The servers that have their own environments.
APART = ("tensorflow", "autogluon")
ENVIRONMENTS = ("servers", *APART)
RECIPE_TABLE = "recipes"
_HEADINGS = (
    *("family", "model", "library", "settings", "content types", "samples", "answer"),
    "judged by",
)


class Row(NamedTuple):
    """The answer of one server.

    Attributes
    ----------
    family
        As `RECIPE=auto` found it.
    model, library
        What was trained; the library's name and version.
    settings
        Those that were given, besides the values of the samples.
    answer
        The status, if there is one, and how the prediction was judged.
    judge
        The server's real code, with its version, or the documented rule.
    """

    family: str
    model: str
    library: str
    settings: str
    content_type: str
    samples: str
    answer: str
    judge: str


def as_table(rows: Sequence[Row]) -> List[str]:
    """Return the lines of a table: sorted, with one row for several samples or content types."""
    return _lines(_HEADINGS, sorted(_joined(_joined(rows, "samples"), "content_type")))


def _joined(rows: Sequence[Row], column: str) -> List[Row]:
    """Join rows that differ only in that column."""
    cells: Dict[Row, List[str]] = {}
    for row in rows:
        cells.setdefault(row._replace(**{column: ""}), []).append(getattr(row, column))
    return [
        row._replace(**{column: ", ".join(sorted(set(different)))})
        for row, different in cells.items()
    ]


def recipe_table() -> List[str]:
    """Return the lines of the table of recipes, from the recipes themselves."""
    rows = []
    for recipe in RECIPES:
        bodies = [_code(recipe.body)]
        bodies += [f"a single input: {_code(recipe.single)}"] if recipe.single else []
        bodies += [f"named tensors: {_code(recipe.tensors)}"] if recipe.tensors else []
        bodies += [f"an unnamed tensor: {_code(recipe.tensor)}"] if recipe.tensor else []
        bodies += [f"columns of numbers: {_code(recipe.numbered)}"] if recipe.numbered else []
        values = ""
        if recipe.coded_categories:
            values = "a category without its own value is `0`"
        if recipe.numbers_alone:
            values = "only numbers: texts, categories and times are `0`"
        reads = ", ".join(map(_code, recipe.reads))
        rows.append((f"`{recipe.name}`", "; ".join(bodies), values, reads))
    return _lines(("recipe", "makes", "values", "the server reads besides"), rows)


def pinned_versions(environment: str) -> Dict[str, str]:
    """Return package → version for an environment; a build for CPUs is under its plain name."""
    own = [f"{environment}.txt", f"{environment}-alone.txt"]
    if environment not in APART:
        own = ["endpoints.txt", "endpoints-alone.txt", "torch.txt"]
    paths = [PAGE.parents[1] / "requirements" / name for name in own]
    pins = "\n".join(path.read_text("utf-8") for path in paths if path.exists())
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^ \n;]+)", pins, re.MULTILINE)
    return {name.replace("-cpu", ""): version for name, version in found}


def on_page(name: str, page: str) -> List[str]:
    """Return the lines of the table of that name on the page; none if it has no such table."""
    found = _between(name).search(page)
    return found.group(2).strip().splitlines() if found else []


def with_table(name: str, lines: Sequence[str], page: str) -> str:
    """Return the page with its table of that name replaced by these lines."""
    table = "\n".join(lines)
    assert _between(name).search(page), f"docs/recipes.md has no place for the table {name}"
    return _between(name).sub(lambda found: f"{found.group(1)}\n{table}\n{found.group(3)}", page)


def _between(name: str) -> re.Pattern[str]:
    return re.compile(f"(<!-- table: {name} -->\n)(.*?)(\n<!-- end -->)", re.DOTALL)


def _code(text: str) -> str:
    return f"`{text}`"


def _lines(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> List[str]:
    lines = [headings, ["---"] * len(headings), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]
