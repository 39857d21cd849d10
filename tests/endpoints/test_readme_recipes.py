"""The README's table of recipes names the settings that the tests here try."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.endpoints.recipes import RECIPES

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_the_readme_names_each_setting_of_a_recipe_in_one_row(recipe: str) -> None:
    rows = [line for line in README.read_text("utf-8").splitlines() if line.startswith("|")]
    settings = [f"`{name}={value}`" for name, value in RECIPES[recipe].items()]
    assert [row for row in rows if all(setting in row for setting in settings)]
