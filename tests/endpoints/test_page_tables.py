"""The tables of docs/recipes.md are what this run found."""

from __future__ import annotations

from typing import List

import pytest

from tests.endpoints.table import PAGE, Row, as_table, on_page, with_table


@pytest.mark.endpoints
def test_the_page_shows_what_the_servers_answered(
    request: pytest.FixtureRequest, found: List[Row]
) -> None:
    environment = request.config.getoption("--environment", default="")
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    if not environment or request.config.option.keyword:
        pytest.skip("only a part was run: scripts/test --endpoints runs a whole environment")
    page = PAGE.read_text("utf-8")
    if request.config.getoption("--write-table"):
        PAGE.write_text(with_table(environment, as_table(found), page), "utf-8")
        return
    shown = on_page(environment, page)
    if reporter is not None and reporter.stats.get("skipped"):
        missing = [line for line in as_table(found) if line not in shown]
        assert not missing, "scripts/test --endpoints --all-servers --write-table writes the page"
        pytest.skip("packages are missing: what was found is on the page, the rest was not tried")
    assert as_table(found) == shown, (
        "the servers do not answer as docs/recipes.md says: "
        "scripts/test --endpoints --all-servers --write-table writes the page"
    )
