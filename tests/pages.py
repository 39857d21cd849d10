"""The documentation as tests read it: blocks, tables, links and anchors of its pages."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Set

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a page, and the text between it and the block before it.

    Attributes
    ----------
    line
        Of the page, from 1.
    """

    language: str
    text: str
    before: str
    line: int


def text_of(page: str) -> str:
    """Return a page by its name in the project, `docs/settings.md`."""
    return (ROOT / page).read_text("utf-8")


def blocks(text: str) -> List[Block]:
    """Return a page's fenced blocks, without the indentation of the list that they are in."""
    found = []
    end = 0
    for match in _FENCE.finditer(text):
        indent, language, content = match.groups()
        content = re.sub(f"^{indent}", "", content, flags=re.MULTILINE)
        before = text[end : match.start()]
        found.append(Block(language, content, before, text.count("\n", 0, match.start()) + 1))
        end = match.end()
    return found


def prose(text: str) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", text)


def section(text: str, heading: str) -> str:
    """Return the text under a heading, up to the next one of its level or above."""
    match = re.search(rf"^(#+) {re.escape(heading)}\n", text, re.MULTILINE)
    assert match, f"there is no heading {heading!r}"
    rest = text[match.end() :]
    end = re.search(rf"^#{{1,{len(match.group(1))}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def table(text: str) -> List[Dict[str, str]]:
    """Return the rows of the first table in a text, heading → cell."""
    lines = list(_tables(text))
    assert lines, "there is no table"
    headings = _cells(lines[0])
    return [dict(zip(headings, _cells(line))) for line in lines[2:]]


def _tables(text: str) -> Iterator[str]:
    begun = False
    for line in text.splitlines():
        if line.startswith("|"):
            begun = True
            yield line
        elif begun:
            return


def _cells(line: str) -> List[str]:
    return [
        unescape(cell.strip()).replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]
    ]


def anchors(text: str) -> Set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    found: Set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number = 1
        while slug in found:
            slug = f"{slug.rsplit('-', 1)[0] if number > 1 else slug}-{number}"
            number += 1
        found.add(slug)
    return found


def links(text: str) -> List[str]:
    """Return the targets of a page's links and pictures, except those to other sites."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(text))
    return [target for target in found if not re.match(r"[a-z]+:", target)]
