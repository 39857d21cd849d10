"""What a run does, its calls to S3, and its result, when nothing goes wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from typing import TYPE_CHECKING, Any, Dict

import pytest
from mims import generate

from tests.archives import unpacked
from tests.functional.conftest import Calls, Function, Refuse
from tests.functional.events import (
    BUCKET,
    KEY,
    PAYLOAD_KEY,
    URI,
    event,
    hyperparameters,
    model_archive,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REQUEST = {"model_s3_uri": URI}
WEIGHTS = ("weights", random.Random(2).randbytes(600_000))
RESULT_KEYS = {
    "status",
    "model_s3_uri",
    "model_etag",
    "model_version_id",
    "payload_s3_uri",
    "payload_s3_bucket",
    "payload_s3_key",
    "content_types",
    "field_count",
    "sample_count",
    "bytes_read",
    "requests",
    "resumes",
    "restarts",
    "warnings",
    "fields_from",
    "family",
    "recipe",
}


def put(s3: S3Client, content: bytes) -> str:
    """Upload the model; return its ETag."""
    return s3.put_object(Bucket=BUCKET, Key=KEY, Body=content)["ETag"]


def body(s3: S3Client, key: str = PAYLOAD_KEY) -> bytes:
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def other_archive() -> bytes:
    return model_archive(("hyperparameters.json", hyperparameters(tab_field_list=["tenure"])))


@pytest.fixture
def versioned(s3: S3Client) -> S3Client:
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return s3


def test_a_result_is_complete(function: Function, s3: S3Client) -> None:
    etag = s3.head_object(Bucket=BUCKET, Key=KEY)["ETag"]
    result = function({**REQUEST, "settings": {"content_types": "text/csv; header=absent"}})
    assert set(result) == RESULT_KEYS
    assert result == {
        "status": "created",
        "model_s3_uri": URI,
        "model_etag": etag,
        "model_version_id": None,
        "payload_s3_uri": f"s3://{BUCKET}/{PAYLOAD_KEY}",
        "payload_s3_bucket": BUCKET,
        "payload_s3_key": PAYLOAD_KEY,
        "content_types": ["text/csv"],
        "field_count": 3,
        "sample_count": 1,
        "fields_from": {"source": "hyperparameters", "member": "hyperparameters.json"},
        "family": None,
        "recipe": None,
        "bytes_read": len(model_archive()),
        "requests": 4,
        "resumes": 0,
        "restarts": 0,
        "warnings": [],
    }


def test_a_skipped_result_has_a_reason_and_the_same_keys(function: Function) -> None:
    sent = event("eventbridge_object_created")
    sent["detail"]["object"]["key"] = "notes.txt"
    result = function(sent)
    assert set(result) == {*RESULT_KEYS, "reason"}
    assert (result["status"], result["requests"]) == ("skipped", 0)


def test_the_payload_is_what_the_core_makes(function: Function, s3: S3Client) -> None:
    function(REQUEST)
    assert body(s3) == generate([model_archive()]).archive


def test_a_payload_has_metadata_about_its_model_and_a_checksum(
    function: Function, s3: S3Client, calls: Calls
) -> None:
    function(REQUEST)
    head = s3.head_object(Bucket=BUCKET, Key=PAYLOAD_KEY)
    assert head["Metadata"]["model-etag"] == s3.head_object(Bucket=BUCKET, Key=KEY)["ETag"]
    assert len(head["Metadata"]["settings-sha256"]) == 64
    (put,) = calls.of("PutObject")
    digest = hashlib.sha256(body(s3)).digest()
    assert put["ChecksumSHA256"] == base64.b64encode(digest).decode()


# --- how often S3 is called, and with which conditions ---


def test_a_member_at_the_beginning_takes_four_requests_and_256_kib(
    function: Function, s3: S3Client, calls: Calls
) -> None:
    put(s3, model_archive(("hyperparameters.json", hyperparameters()), WEIGHTS))
    calls.made.clear()
    result = function(REQUEST)
    assert calls.operations == ["HeadObject", "GetObject", "PutObject", "HeadObject"]
    assert calls.of("GetObject")[0]["Range"] == "bytes=0-262143"
    assert (result["requests"], result["bytes_read"]) == (4, 262_144)


def test_a_payload_that_is_up_to_date_takes_two_requests_and_reads_nothing(
    function: Function, s3: S3Client, calls: Calls
) -> None:
    created = function(REQUEST)
    calls.made.clear()
    again = function(REQUEST)
    assert calls.operations == ["HeadObject", "GetObject"]
    assert calls.of("GetObject")[0]["IfNoneMatch"] == created["model_etag"]
    figures = {"requests": 2, "bytes_read": 0}
    assert again == {**created, **figures, "status": "unchanged"}


def test_a_payload_that_is_up_to_date_has_a_full_result(
    function: Function, s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMPLE_COUNTS", "2")  # a misspelling, which every result warns about
    put(s3, model_archive(("nested/hyperparameters.json", hyperparameters())))
    sent = {**REQUEST, "settings": {"recipe": "xgboost"}, "odd": 1}
    created, again = function(sent), function(sent)
    assert (created["recipe"], created["fields_from"]["member"]) == (
        "xgboost",
        "nested/hyperparameters.json",
    )
    assert [w for w in created["warnings"] if "SAMPLE_COUNTS" in w]
    figures = {"requests": 2, "bytes_read": 0}
    assert sorted(again.pop("warnings")) == sorted(created.pop("warnings"))
    assert again == {**created, **figures, "status": "unchanged"}
    metadata = s3.head_object(Bucket=BUCKET, Key=PAYLOAD_KEY)["Metadata"]
    assert "nested" in metadata["result"]
    assert "SAMPLE_COUNTS" not in metadata["result"]


def test_a_payload_is_written_on_the_condition_that_nothing_changed(
    function: Function, s3: S3Client, calls: Calls
) -> None:
    function(REQUEST)
    etag = s3.head_object(Bucket=BUCKET, Key=PAYLOAD_KEY)["ETag"]
    put(s3, other_archive())
    function(REQUEST)
    first, second = calls.of("PutObject")[0], calls.of("PutObject")[2]
    assert (first["IfNoneMatch"], "IfMatch" in first) == ("*", False)
    assert (second["IfMatch"], "IfNoneMatch" in second) == (etag, False)


def test_the_rest_is_read_on_the_condition_of_the_same_object(
    function: Function, s3: S3Client, calls: Calls
) -> None:
    etag = put(s3, model_archive(WEIGHTS, ("hyperparameters.json", hyperparameters())))
    function(REQUEST)
    first, rest = calls.of("GetObject")
    assert "IfMatch" not in first
    assert (rest["Range"], rest["IfMatch"]) == ("bytes=262144-", etag)


# --- when a payload is written again ---


def test_another_model_updates_the_payload(function: Function, s3: S3Client) -> None:
    function(REQUEST)
    put(s3, other_archive())
    result = function(REQUEST)
    assert (result["status"], result["field_count"]) == ("updated", 2)
    assert body(s3) == generate([other_archive()]).archive


def test_other_settings_update_the_payload(function: Function, s3: S3Client) -> None:
    function(REQUEST)
    sent = {**REQUEST, "settings": {"sample_count": 2}}
    assert function(sent)["status"] == "updated"
    assert function(sent)["status"] == "unchanged"
    assert function(REQUEST)["status"] == "updated"


def test_another_version_of_the_generator_updates_the_payload(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    function(REQUEST)
    monkeypatch.setattr("mims.aws.reconcile.VERSION", "99.0.0")
    assert function(REQUEST)["status"] == "updated"


def test_other_limits_do_not_update_the_payload(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    function(REQUEST)
    monkeypatch.setenv("MAX_MEMBERS", "5")
    assert function(REQUEST)["status"] == "unchanged"


def test_force_writes_a_payload_that_is_up_to_date(function: Function, calls: Calls) -> None:
    function(REQUEST)
    assert function({**REQUEST, "force": False})["status"] == "unchanged"
    calls.made.clear()
    assert function({**REQUEST, "force": True})["status"] == "updated"
    assert calls.operations == ["HeadObject", "GetObject", "PutObject", "HeadObject"]
    assert "IfNoneMatch" not in calls.of("GetObject")[0]


# --- old versions ---


def test_an_old_version_goes_to_its_own_location(
    function: Function, versioned: S3Client, calls: Calls
) -> None:
    old = versioned.put_object(Bucket=BUCKET, Key=KEY, Body=other_archive())
    newest = versioned.put_object(Bucket=BUCKET, Key=KEY, Body=model_archive())
    calls.made.clear()
    sent = {
        **REQUEST,
        "version_id": old["VersionId"],
        "payload_s3_uri": f"s3://{BUCKET}/old/payload.tar.gz",
    }
    result = function(sent)
    assert (result["status"], result["model_version_id"]) == ("created", old["VersionId"])
    assert result["model_etag"] == old["ETag"]
    assert body(versioned, "old/payload.tar.gz") == generate([other_archive()]).archive
    of_model = [p for _, p in calls.made if p["Key"] == KEY]
    assert {p.get("VersionId") for p in of_model} == {old["VersionId"]}
    again = function(sent)
    assert (again["status"], again["requests"]) == ("unchanged", 2)
    assert function(REQUEST)["model_version_id"] == newest["VersionId"]


def test_an_unchanged_old_version_is_named_where_s3_does_not_name_it(
    function: Function, versioned: S3Client, refuse: Refuse
) -> None:
    version = versioned.put_object(Bucket=BUCKET, Key=KEY, Body=other_archive())["VersionId"]
    own_place = {"version_id": version, "payload_s3_uri": f"s3://{BUCKET}/old/payload.tar.gz"}
    function({**REQUEST, **own_place})
    refuse("GetObject", 304, "")
    result = function({**REQUEST, **own_place})
    assert (result["status"], result["model_version_id"]) == ("unchanged", version)


def test_a_model_that_was_deleted_leaves_its_payload(
    function: Function, versioned: S3Client
) -> None:
    function(REQUEST)
    versioned.delete_object(Bucket=BUCKET, Key=KEY)
    assert function(event("s3"))["results"][0]["status"] == "skipped"
    assert versioned.head_object(Bucket=BUCKET, Key=PAYLOAD_KEY)


# --- settings, layouts, other archives ---


def test_settings_come_from_environment_and_request(
    function: Function, s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTENT_TYPES", "application/json,text/csv")
    monkeypatch.setenv("SPECIAL_FIELD_region", "north")
    result = function({**REQUEST, "settings": {"field_values": {"age": 7}, "sample_count": 2}})
    assert result["content_types"] == ["application/json", "text/csv"]
    assert result["sample_count"] == 2
    (first, _) = json.loads(unpacked(body(s3))["application_json/sample_payload.json"])["instances"]
    assert first == {"age": 7.0, "income": 0.0, "region": "north"}


def test_warnings_of_request_and_payload_are_in_the_result(
    function: Function, s3: S3Client
) -> None:
    put(s3, model_archive(("nested/hyperparameters.json", hyperparameters())))
    result = function({**REQUEST, "unknown": 1})
    assert [w for w in result["warnings"] if "unknown" in w]
    assert [w for w in result["warnings"] if "nested/hyperparameters.json" in w]


def test_an_uncompressed_model_is_read_from_its_folder(
    function: Function, s3: S3Client, calls: Calls
) -> None:
    s3.put_object(Bucket=BUCKET, Key="m/model/hyperparameters.json", Body=hyperparameters())
    calls.made.clear()
    result = function({"model_s3_uri": f"s3://{BUCKET}/m/model/"})
    assert (result["status"], result["field_count"], result["requests"]) == ("created", 3, 4)
    assert function({"model_s3_uri": f"s3://{BUCKET}/m/model/"})["status"] == "unchanged"
    keys: Dict[str, Any] = {p["Key"]: None for _, p in calls.made}
    assert list(keys) == ["m/payload/payload.tar.gz", "m/model/hyperparameters.json"]
