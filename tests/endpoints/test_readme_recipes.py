"""docs/recipes.md: its blocks can be pasted and are those tried here, and its tables are right."""

from __future__ import annotations

import re
import subprocess
from typing import Dict, List

import pytest
from mims.recipes import AUTO, RECIPES
from mims.settings import read_settings

from tests.endpoints.recipes import RECIPES as TRIED
from tests.endpoints.table import (
    APART,
    ENVIRONMENTS,
    PAGE,
    RECIPE_TABLE,
    on_page,
    pinned_versions,
    recipe_table,
)


def blocks() -> List[str]:
    return re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def exported(block: str) -> Dict[str, str]:
    """Return the variables that a shell has once the block is pasted into it."""
    shell = ["env", "-i", "bash", "-ec", f"{block}\nenv -0"]
    output = subprocess.run(shell, check=True, capture_output=True, text=True).stdout
    pairs = dict(line.split("=", 1) for line in output.split("\0") if line)
    return {name: pairs[name] for name in pairs if name not in ("PWD", "SHLVL", "_")}


@pytest.mark.parametrize("recipe", sorted(TRIED))
def test_the_page_has_a_block_for_each_recipe_s_settings(recipe: str) -> None:
    assert dict(TRIED[recipe]) in [exported(block) for block in blocks()]


@pytest.mark.parametrize("block", blocks())
def test_a_block_has_valid_settings(block: str) -> None:
    settings = read_settings(exported(block))
    assert settings.warnings == ()
    assert settings.resolve({}, "sklearn").content_types


def test_each_recipe_has_its_own_heading_and_block() -> None:
    sections = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    for name in (AUTO, *(recipe.name for recipe in RECIPES)):
        begun = f"```sh\nexport RECIPE={name}\n```\n"
        assert [section for section in sections if begun in section], name


def test_the_page_s_table_of_recipes_is_that_of_the_code() -> None:
    assert on_page(RECIPE_TABLE, PAGE.read_text("utf-8")) == recipe_table()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_page_s_tables_have_the_pinned_versions(environment: str) -> None:
    """If another version was pinned, the servers must be tried again."""
    rows = on_page(environment, PAGE.read_text("utf-8"))[2:]
    assert rows
    pinned = pinned_versions(environment)
    for row in rows:
        name, _, version = row.split(" | ")[2].partition(" ")
        assert name == "none" or pinned[name] == version


def test_every_recipe_was_answered() -> None:
    page = PAGE.read_text("utf-8")
    rows = [row for environment in ENVIRONMENTS for row in on_page(environment, page)]
    for recipe in RECIPES:
        answered = [row for row in rows if row.startswith(f"| {recipe.name} | ")]
        assert answered, recipe.name
        own = (recipe.body, recipe.single, recipe.tensors, recipe.tensor, recipe.numbered)
        for body in filter(None, own):
            assert [row for row in answered if f"| `{body}` |" in row], (recipe.name, body)


def test_the_test_script_runs_each_server_with_its_own_environment() -> None:
    script = (PAGE.parents[1] / "scripts" / "test").read_text("utf-8")
    assert f'apart="{" ".join(APART)}"' in script
