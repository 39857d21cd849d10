"""What `--help` prints: the arguments, every setting, content type and recipe."""

from __future__ import annotations

import argparse
from typing import Iterator, Tuple

from mims.command.arguments import make_parser
from mims.formats.registry import supported_types
from mims.payload.page import Page
from mims.recipes import RECIPES
from mims.setting_table import SETTINGS, SPECIAL_FIELD

_COLUMN = 29  # where the second column begins


def help_text(page: Page) -> str:
    """Return the help as lines that fit the page."""

    class Formatter(argparse.RawDescriptionHelpFormatter):
        def __init__(self, prog: str) -> None:
            super().__init__(prog, max_help_position=24, width=page.width)

    return make_parser(Formatter, "\n".join(_epilog(page))).format_help().rstrip("\n")


def _epilog(page: Page) -> Iterator[str]:
    yield "settings, by --set or as variables of the environment:"
    for name, meaning in _settings():
        yield from _row(name, meaning, page)
    yield ""
    yield from page.wrap(
        "Flags win over --set, that over --settings, that over payload_settings in the model's "
        "hyperparameters, that over the environment."
    )
    yield ""
    yield "content types:"
    for content_type in supported_types():
        yield from page.wrap(content_type.replace("|", " | "), "  ", " " * 4)
    yield ""
    yield "recipes, and the body of each:"
    for recipe in RECIPES:
        yield from _row(recipe.name, recipe.body, page)


def _settings() -> Iterator[Tuple[str, str]]:
    for setting in SETTINGS:
        if setting.variable:
            default = f" (default: {setting.default})" if setting.default else ""
            yield setting.variable, f"{setting.meaning}{default}"
    yield f"{SPECIAL_FIELD}<name>", "the value of the field <name>"


def _row(name: str, meaning: str, page: Page) -> Iterator[str]:
    yield from page.wrap(page.shown(meaning), f"  {name:{_COLUMN - 2}}", " " * _COLUMN)
