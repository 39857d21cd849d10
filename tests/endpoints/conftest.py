"""Collects what the servers answered, writes it to `out/`, and compares it with the page."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Callable, List

import pytest

from tests.endpoints.auto import Request
from tests.endpoints.table import Row, as_table

Answered = Callable[..., None]

_ROWS: List[Row] = []
_OUT = Path(__file__).resolve().parents[2] / "out"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--environment", default="", help="which table of docs/recipes.md to compare")
    parser.addoption("--write-table", action="store_true", help="write the table there instead")


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """Put the test of the page's tables last: it needs what all others found."""
    items.sort(key=lambda item: item.path.name == "test_page_tables.py")


def pytest_sessionfinish(session: pytest.Session) -> None:
    environment = session.config.getoption("--environment", default="")
    if environment and _ROWS:
        _OUT.mkdir(exist_ok=True)
        lines = "\n".join(as_table(_ROWS))
        (_OUT / f"answers-{environment}.md").write_text(f"{lines}\n", "utf-8")


@pytest.fixture
def found() -> List[Row]:
    return _ROWS


@pytest.fixture
def answered() -> Answered:
    """Record a server's answer for the page's table; to be called after it was asserted."""

    def record(
        request: Request, model: str, package: str, answer: str, judge: str, server: str = ""
    ) -> None:
        """`package` is that of the model's library, `server` that of the server, if it has one."""
        _ROWS.append(
            Row(
                request.family or "none",
                model,
                f"{package} {_version(package)}" if package else "none",
                f"`{request.settings}`",
                f"`{request.content_type}`",
                str(request.samples),
                answer,
                judge + (f" ({server} {_version(server)})" if server else ""),
            )
        )

    return record


def _version(package: str) -> str:
    """Return the version of any build: for all processors, or only for CPUs."""
    try:
        found = version(package)
    except PackageNotFoundError:
        found = version(f"{package}-cpu")
    return found.partition("+")[0]
