"""Where each model's payload goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict

import pytest
from mims.aws.locations import Destination, payload_location
from mims.aws.request import Request, notified_request
from mims.errors import InvalidRequestError

from tests.functional.conftest import Calls, Function
from tests.functional.events import BUCKET, KEY, URI, event, hyperparameters, model_archive

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# model's key → payload's key, in the model's bucket
NEXT_TO_MODEL = {
    "model.tar.gz": "payload/payload.tar.gz",
    "job/output/model.tar.gz": "job/output/payload/payload.tar.gz",
    "/model.tar.gz": "/payload/payload.tar.gz",
    "a//model.tar.gz": "a//payload/payload.tar.gz",
    "churn.tar.gz": "payload-churn/payload.tar.gz",
    "job/churn.tar.gz": "job/payload-churn/payload.tar.gz",
    "job/churn.v2.tgz": "job/payload-churn.v2.tgz/payload.tar.gz",
    "job/model.tgz": "job/payload-model.tgz/payload.tar.gz",
    "job/churn.tar": "job/payload-churn.tar/payload.tar.gz",
    "job/model": "job/payload-model/payload.tar.gz",
    "job/output/model/": "job/output/payload/payload.tar.gz",
    "model/": "payload/payload.tar.gz",
    "job/output/churn/": "job/output/payload-churn/payload.tar.gz",
    "churn/": "payload-churn/payload.tar.gz",
    "job/model.tar.gz/": "job/payload-model.tar.gz/payload.tar.gz",
}


@pytest.mark.parametrize(("key", "payload_key"), NEXT_TO_MODEL.items())
def test_the_payload_is_next_to_the_model(
    key: str, payload_key: str, function: Function, s3: S3Client
) -> None:
    if key.endswith("/"):
        s3.put_object(Bucket=BUCKET, Key=f"{key}hyperparameters.json", Body=hyperparameters())
    else:
        s3.put_object(Bucket=BUCKET, Key=key, Body=model_archive())
    result = function({"model_s3_uri": f"s3://{BUCKET}/{key}"})
    assert result["payload_s3_uri"] == f"s3://{BUCKET}/{payload_key}"
    assert (result["payload_s3_bucket"], result["payload_s3_key"]) == (BUCKET, payload_key)
    assert s3.head_object(Bucket=BUCKET, Key=payload_key)


@pytest.mark.parametrize(
    ("bucket", "prefix", "location"),
    [
        ("payloads", "", f"s3://payloads/{BUCKET}/"),
        ("payloads", "samples/v1", f"s3://payloads/samples/v1/{BUCKET}/"),
        ("payloads", "/samples/", f"s3://payloads/samples/{BUCKET}/"),
        ("", "samples", f"s3://{BUCKET}/samples/{BUCKET}/"),
    ],
)
@pytest.mark.parametrize("key", ["model.tar.gz", "job/output/model.tar.gz", "job/churn.tgz"])
def test_a_payload_bucket_or_prefix_moves_it(
    bucket: str,
    prefix: str,
    location: str,
    key: str,
    function: Function,
    s3: S3Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3.create_bucket(Bucket="payloads")
    s3.put_object(Bucket=BUCKET, Key=key, Body=model_archive())
    monkeypatch.setenv("PAYLOAD_BUCKET", bucket)
    monkeypatch.setenv("PAYLOAD_PREFIX", prefix)
    result = function({"bucket": BUCKET, "key": key})
    assert result["payload_s3_uri"] == location + NEXT_TO_MODEL.get(
        key, "job/payload-churn.tgz/payload.tar.gz"
    )
    assert s3.head_object(Bucket=result["payload_s3_bucket"], Key=result["payload_s3_key"])


def test_a_request_names_its_own_location(
    function: Function, s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.create_bucket(Bucket="samples")
    monkeypatch.setenv("PAYLOAD_BUCKET", "payloads")
    monkeypatch.setenv("PAYLOAD_PREFIX", "prefix")
    result = function({"model_s3_uri": URI, "payload_s3_uri": "s3://samples/a b+c/mine.tar.gz"})
    assert result["payload_s3_uri"] == "s3://samples/a b+c/mine.tar.gz"
    assert s3.head_object(Bucket="samples", Key="a b+c/mine.tar.gz")


def test_the_model_itself_is_never_overwritten(function: Function, s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key="churn.tar.gz", Body=model_archive())
    uri = f"s3://{BUCKET}/churn.tar.gz"
    with pytest.raises(InvalidRequestError, match="model itself"):
        function({"model_s3_uri": uri, "payload_s3_uri": uri})


@pytest.mark.parametrize("destination", [Destination(), Destination("payloads", "prefix")])
def test_no_payload_is_mistaken_for_a_model(destination: Destination) -> None:
    for key in (*NEXT_TO_MODEL, KEY):
        location = payload_location(Request(BUCKET, key), destination)
        assert notified_request(location.bucket, location.key).skip_reason


def test_a_payload_next_to_an_uncompressed_model_is_not_in_its_folder() -> None:
    for key in NEXT_TO_MODEL:
        if key.endswith("/"):
            location = payload_location(Request(BUCKET, key), Destination())
            assert not location.key.startswith(key)


def test_a_payloads_key_that_is_too_long_is_refused_before_any_call(
    function: Function, calls: Calls
) -> None:
    folder = "ü" * ((1024 - len("/payload/payload.tar.gz")) // 2)  # two bytes a character
    with pytest.raises(InvalidRequestError, match="more than the 1,024"):
        function({"model_s3_uri": f"s3://{BUCKET}/{folder}ü/model.tar.gz"})
    assert calls.made == []
    with pytest.raises(Exception, match="There is no model"):
        function({"model_s3_uri": f"s3://{BUCKET}/{folder}/model.tar.gz"})


# --- the buckets' owners, and the key ---


def test_owners_and_key_go_with_every_call(
    function: Function, s3: S3Client, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.create_bucket(Bucket="payloads")
    s3.put_object(
        Bucket=BUCKET,
        Key="large/model.tar.gz",
        Body=model_archive(("weights", _noise()), ("hyperparameters.json", hyperparameters())),
    )
    calls.made.clear()
    variables = {
        "PAYLOAD_BUCKET": "payloads",
        "MODEL_BUCKET_OWNER": "111122223333",
        "PAYLOAD_BUCKET_OWNER": "444455556666",
        "PAYLOAD_KMS_KEY_ID": "arn:aws:kms:us-east-1:444455556666:key/1234abcd",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert function({"bucket": BUCKET, "key": "large/model.tar.gz"})["status"] == "created"
    assert calls.operations == ["HeadObject", "GetObject", "GetObject", "PutObject", "HeadObject"]
    owners = {BUCKET: "111122223333", "payloads": "444455556666"}
    for _, parameters in calls.made:
        assert parameters["ExpectedBucketOwner"] == owners[parameters["Bucket"]]
    (put,) = calls.of("PutObject")
    assert put["ServerSideEncryption"] == "aws:kms"
    assert put["SSEKMSKeyId"] == variables["PAYLOAD_KMS_KEY_ID"]


def test_a_bucket_of_models_and_payloads_has_the_owner_of_the_models(
    function: Function, s3: S3Client, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.create_bucket(Bucket="elsewhere")
    calls.made.clear()
    monkeypatch.setenv("MODEL_BUCKET_OWNER", "111122223333")
    function(event("request"))
    function({"model_s3_uri": URI, "payload_s3_uri": "s3://elsewhere/payload.tar.gz"})
    for _, parameters in calls.made:
        owner = "111122223333" if parameters["Bucket"] == BUCKET else None
        assert parameters.get("ExpectedBucketOwner") == owner


def test_without_owners_and_key_none_are_sent(function: Function, calls: Calls) -> None:
    function(event("request"))
    sent: Dict[str, Any] = {}
    for _, parameters in calls.made:
        sent.update(parameters)
    assert not {"ExpectedBucketOwner", "ServerSideEncryption", "SSEKMSKeyId"} & set(sent)


def _noise() -> bytes:
    import random

    return random.Random(1).randbytes(400_000)
