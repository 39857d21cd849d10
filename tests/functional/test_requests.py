"""Requests by name: what is refused, before anything is read, and what is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict

import pytest
from mims.errors import (
    InvalidRequestError,
    InvalidSettingsError,
)

from tests.functional.conftest import Calls, Function
from tests.functional.events import (
    BUCKET,
    KEY,
    URI,
)

if TYPE_CHECKING:
    pass


@pytest.mark.parametrize(
    "change",
    [
        {"model_s3_uri": "https://models/model.tar.gz"},
        {"model_s3_uri": "s3://"},
        {"model_s3_uri": f"s3://{BUCKET}"},
        {"model_s3_uri": f"s3://{BUCKET}/"},
        {"model_s3_uri": "s3:///model.tar.gz"},
        {"model_s3_uri": 5},
        {"model_s3_uri": None},
        {"model_s3_uri": "s3://no bucket/model.tar.gz"},
        {"model_s3_uri": f"s3://{BUCKET}/\ud800/model.tar.gz"},
        {"model_s3_uri": f"s3://{BUCKET}/{'k' * 1025}"},
        {"bucket": BUCKET},
        {"key": KEY},
        {"payload_s3_uri": "payload.tar.gz"},
        {"payload_s3_uri": f"s3://{BUCKET}/payload.zip"},
        {"payload_s3_uri": f"s3://{BUCKET}/model.tar.gz"},
        {"payload_s3_uri": f"s3://{BUCKET}/x/.tar.gz"},
        {"payload_s3_uri": 5},
        {"payload_s3_uri": ""},
        {"version_id": "v1"},
        {"version_id": 5, "payload_s3_uri": f"s3://{BUCKET}/payload.tar.gz"},
        {"version_id": "\ud800", "payload_s3_uri": f"s3://{BUCKET}/payload.tar.gz"},
        {"force": "yes"},
    ],
)
def test_a_request_that_cannot_be_meant_is_refused(
    change: Dict[str, Any], function: Function
) -> None:
    with pytest.raises(InvalidRequestError):
        function({"model_s3_uri": URI, **change})
    (line,) = function.log()
    assert line["error"] == "InvalidRequestError"


@pytest.mark.parametrize(
    "settings", [{"content_type": "text/csv"}, {"content_types": "text/html"}, [], "x"]
)
def test_settings_of_a_request_are_checked_before_anything_is_read(
    settings: Any, function: Function, calls: Calls
) -> None:
    with pytest.raises(InvalidSettingsError):
        function({"model_s3_uri": URI, "settings": settings})
    assert calls.made == []


def test_an_unknown_key_of_a_request_is_told_as_a_warning(function: Function) -> None:
    result = function({"model_s3_uri": URI, "forse": True, "Comment": "x"})
    assert result["status"] == "created"
    assert [w for w in result["warnings"] if "'forse'" in w]
    assert [w for w in result["warnings"] if "'Comment'" in w]
