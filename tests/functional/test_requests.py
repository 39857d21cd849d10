"""Requests by name: those that are refused before anything is read, and warnings."""

from __future__ import annotations

from typing import Any, Dict, Type

import pytest
from mims.errors import (
    InvalidRequestError,
    InvalidSettingsError,
)

from tests.functional.conftest import Calls, Function
from tests.functional.events import (
    BUCKET,
    KEY,
    PAYLOAD_KEY,
    URI,
    event,
)


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
        {"force": 1},
        {"replace_foreign": "yes"},
        {"version_id": "v1", "payload_s3_uri": f"s3://{BUCKET}/{PAYLOAD_KEY}"},
    ],
)
def test_an_invalid_request_is_refused(change: Dict[str, Any], function: Function) -> None:
    with pytest.raises(InvalidRequestError):
        function({"model_s3_uri": URI, **change})
    (line,) = function.log()
    assert line["error"] == "InvalidRequestError"


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"bucket": None, "key": KEY}, "no bucket"),
        ({"bucket": BUCKET, "key": None}, "no key"),
        ({"bucket": "", "key": KEY}, "bucket is ''; it must be a non-empty string"),
        ({"bucket": BUCKET, "key": 5}, "key is '5'; it must be a non-empty string"),
        ({"bucket": None, "key": None}, "model_s3_uri is 'None'"),
        ({"model_s3_uri": URI, "bucket": BUCKET, "key": KEY}, "twice"),
        (
            {"model_s3_uri": URI, "version_id": ""},
            "version_id is ''; it must be a non-empty string",
        ),
    ],
)
def test_the_error_says_what_is_wrong_with_a_name(
    sent: Any, message: str, function: Function, calls: Calls
) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        function(sent)
    assert calls.made == []


@pytest.mark.parametrize(
    "sent",
    [
        {"model_s3_uri": URI, "bucket": None, "key": None},
        {"model_s3_uri": None, "bucket": BUCKET, "key": KEY},
    ],
)
def test_a_name_that_is_null_is_absent(sent: Any, function: Function) -> None:
    result = function(sent)
    assert (result["status"], result["warnings"]) == ("created", [])


@pytest.mark.parametrize(
    "settings", [{"content_type": "text/csv"}, {"content_types": "text/html"}, [], "x"]
)
def test_settings_of_a_request_are_checked_before_anything_is_read(
    settings: Any, function: Function, calls: Calls
) -> None:
    with pytest.raises(InvalidSettingsError):
        function({"model_s3_uri": URI, "settings": settings})
    assert calls.made == []


# Names of access points and others that are not buckets → what the error calls them.
NOT_BUCKETS = {
    "arn:aws:s3:us-east-1:111122223333:accesspoint/models": "access point",
    "arn:aws:s3:us-east-1:111122223333:accesspoint:models": "access point",
    "arn:aws:s3-outposts:us-east-1:111122223333:outpost/op-1/accesspoint/models": "Outposts",
    "arn:aws:s3::111122223333:accesspoint/mfzwi23gnjvgw.mrap": "Multi-Region access point",
    "mfzwi23gnjvgw.mrap": "Multi-Region access point",
    "models-abcdefgh1234-s3alias": "alias",
    "models-abcdefgh1234--ol-s3": "Object Lambda",
    "models-abcdefgh1234--op-s3": "Outposts",
    "models--use1-az4--x-s3": "directory bucket",
    "arn:aws:s3express:us-east-1:111122223333:bucket/models--use1-az4--x-s3": "ARN",
    "arn:aws:s3:::models": "ARN",
}


@pytest.mark.parametrize(("bucket", "kind"), NOT_BUCKETS.items())
@pytest.mark.parametrize("form", ["uri", "bucket", "payload", "event", "task", "PAYLOAD_BUCKET"])
def test_an_access_point_is_refused_by_name_and_never_split(
    form: str,
    bucket: str,
    kind: str,
    function: Function,
    calls: Calls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: Any = {"model_s3_uri": f"s3://{bucket}/churn/model.tar.gz"}
    if form == "bucket":
        sent = {"bucket": bucket, "key": "churn/model.tar.gz"}
    elif form == "payload":
        sent = {"model_s3_uri": URI, "payload_s3_uri": f"s3://{bucket}/churn/payload.tar.gz"}
    elif form == "event":
        sent = event("eventbridge_object_created")
        sent["detail"]["bucket"]["name"] = bucket
    elif form == "task":
        sent = event("batch_operations_2")
        sent["tasks"][0]["s3Bucket"] = bucket
    elif form == "PAYLOAD_BUCKET":
        monkeypatch.setenv("PAYLOAD_BUCKET", bucket)
        sent = {"model_s3_uri": URI}
    if form == "task":
        (result,) = function(sent)["results"]
        assert (result["resultCode"], kind in result["resultString"]) == ("PermanentFailure", True)
    else:
        with pytest.raises((InvalidRequestError, InvalidSettingsError), match=kind) as caught:
            function(sent)
        assert "Name the bucket itself" in str(caught.value)
    assert calls.made == []


@pytest.mark.parametrize("bucket", ["s3://models", "models/churn", "my models", " "])
@pytest.mark.parametrize("form", ["bucket", "The event's bucket", "PAYLOAD_BUCKET"])
def test_an_invalid_bucket_name_is_refused_with_the_key_that_has_it(
    form: str, bucket: str, function: Function, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: Any = {"bucket": bucket, "key": KEY}
    error: Type[Exception] = InvalidRequestError
    if form == "The event's bucket":
        sent = event("eventbridge_object_created")
        sent["detail"]["bucket"]["name"] = bucket
    elif form == "PAYLOAD_BUCKET":
        monkeypatch.setenv("PAYLOAD_BUCKET", bucket)
        sent, error = {"model_s3_uri": URI}, InvalidSettingsError
    with pytest.raises(error, match=f"{form} is '{bucket}', which cannot be a bucket"):
        function(sent)
    assert calls.made == []


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (f"arn:aws:s3:::{BUCKET}", "Succeeded"),
        (f"arn:aws-cn:s3:::{BUCKET}", "Succeeded"),
        ("arn:aws:s3:us-east-1:111122223333:accesspoint/models", "PermanentFailure"),
    ],
)
def test_a_task_s_arn_must_be_that_of_a_bucket(arn: str, code: str, function: Function) -> None:
    sent = event("batch_operations_1")
    sent["tasks"][0]["s3BucketArn"] = arn
    (result,) = function(sent)["results"]
    assert result["resultCode"] == code


def test_many_unknown_keys_are_one_warning(function: Function) -> None:
    sent = {"model_s3_uri": URI, **{f"key-{number}": 1 for number in range(5000)}}
    (warning,) = function(sent)["warnings"]
    assert "'key-0'" in warning
    assert len(warning) <= 500


def test_an_unknown_key_of_a_request_gives_a_warning(function: Function) -> None:
    result = function({"model_s3_uri": URI, "forse": True, "Comment": "x"})
    assert result["status"] == "created"
    assert [w for w in result["warnings"] if "'forse'" in w]
    assert [w for w in result["warnings"] if "'Comment'" in w]
