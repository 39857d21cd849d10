"""The inflate engines, which must both read every archive in the same way."""

from __future__ import annotations

import pytest
from mims.archive import inflate


@pytest.fixture(params=["isal", "zlib"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "zlib":
        monkeypatch.setattr(inflate, "igzip_lib", None)
    elif inflate.igzip_lib is None:
        pytest.skip("isal is not installed")
    return str(request.param)
