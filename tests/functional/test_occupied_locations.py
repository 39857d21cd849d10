"""Objects where a payload goes: those that this generator made are replaced, others are not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Dict

import pytest
from mims import generate
from mims.aws import payloads
from mims.errors import PayloadOccupiedError, StorageError
from mims.settings import read_settings

from tests.archives import packed
from tests.functional.conftest import Calls, Function, Refuse
from tests.functional.events import BUCKET, KEY, PAYLOAD_KEY, URI, event, model_archive

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REQUEST = {"model_s3_uri": URI}
PAYLOAD = generate([model_archive()]).archive
# As version 1 wrote them.
VERSION_1 = {"model-etag": '"one"', "settings-sha256": "0" * 64, "field-count": "3"}


def flat() -> bytes:
    return generate([model_archive()], read_settings({"PAYLOAD_LAYOUT": "flat"})).archive


def store(s3: S3Client, body: bytes, metadata: Any = None) -> None:
    s3.put_object(Bucket=BUCKET, Key=PAYLOAD_KEY, Body=body, Metadata=metadata or {})


def stored(s3: S3Client) -> bytes:
    return s3.get_object(Bucket=BUCKET, Key=PAYLOAD_KEY)["Body"].read()


FOREIGN: Dict[str, Any] = {
    "a text": (b"by hand", {}),
    "nothing": (b"", {}),
    "another archive": (packed(("notes.txt", b"notes")), {}),
    "a model": (model_archive(), {}),
    "a damaged payload": (PAYLOAD[:-20], {}),
    "metadata of somebody else": (b"by hand", {"field-count": "many", "model-etag": '"x"'}),
    "an invalid digest": (b"by hand", {"model-etag": '"x"', "settings-sha256": "x"}),
}


@pytest.mark.parametrize(("content", "metadata"), FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("force", [False, True])
def test_somebody_else_s_object_is_not_replaced(
    force: bool, content: bytes, metadata: Dict[str, str], function: Function, s3: S3Client
) -> None:
    store(s3, content, metadata)
    with pytest.raises(PayloadOccupiedError, match="replace_foreign") as caught:
        function({**REQUEST, "force": force})
    assert PAYLOAD_KEY.rsplit("/", 1)[-1] in str(caught.value)
    assert stored(s3) == content
    (line,) = function.log()
    assert (line["error"], line["permanent"]) == ("PayloadOccupiedError", True)


@pytest.mark.parametrize(("content", "metadata"), FOREIGN.values(), ids=FOREIGN)
def test_it_is_replaced_if_the_request_says_so(
    content: bytes, metadata: Dict[str, str], function: Function, s3: S3Client
) -> None:
    store(s3, content, metadata)
    assert function(event("request_replace_foreign"))["status"] == "updated"
    assert stored(s3) == PAYLOAD
    assert function(REQUEST)["status"] == "unchanged"


OURS: Dict[str, Any] = {
    "version 1's": (b"whatever it is", VERSION_1),
    "the job script's": (PAYLOAD, {}),
    "a flat one": (flat(), {}),
}


@pytest.mark.parametrize(("content", "metadata"), OURS.values(), ids=OURS)
def test_a_payload_of_this_generator_is_replaced(
    content: bytes, metadata: Dict[str, str], function: Function, s3: S3Client
) -> None:
    store(s3, content, metadata)
    assert function(REQUEST)["status"] == "updated"
    assert stored(s3) == PAYLOAD


def test_a_large_object_is_foreign_and_is_not_read(
    function: Function, s3: S3Client, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payloads, "STORED_PAYLOAD_BYTES", len(PAYLOAD) - 1)
    store(s3, PAYLOAD)
    calls.made.clear()
    with pytest.raises(PayloadOccupiedError):
        function(REQUEST)
    assert [each["Key"] for each in calls.of("GetObject")] == [KEY]
    monkeypatch.setattr(payloads, "STORED_PAYLOAD_BYTES", len(PAYLOAD))
    assert function(REQUEST)["status"] == "updated"


def test_a_model_that_is_gone_is_reported_before_the_location_is_checked(
    function: Function, s3: S3Client
) -> None:
    store(s3, b"by hand")
    s3.delete_object(Bucket=BUCKET, Key=KEY)
    assert function(event("eventbridge_object_created"))["reason"] == "the model is gone"


def test_the_location_is_checked_before_the_rest_of_the_model_is_read(
    function: Function, s3: S3Client, calls: Calls
) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=model_archive(("w", bytes(9_000_000))) + bytes(9**6))
    store(s3, b"by hand")
    calls.made.clear()
    with pytest.raises(PayloadOccupiedError):
        function(REQUEST)
    ranges = [each.get("Range") for each in calls.of("GetObject")]
    assert ranges == ["bytes=0-262143", None]


def test_a_payload_that_cannot_be_read_is_not_mistaken_for_foreign(
    function: Function, s3: S3Client, refuse: Refuse
) -> None:
    store(s3, PAYLOAD)
    refuse("GetObject", 503, "SlowDown", key="payload.tar.gz")
    with pytest.raises(StorageError):
        function(REQUEST)


def test_a_task_on_an_occupied_location_succeeds_with_its_reason(
    function: Function, s3: S3Client
) -> None:
    store(s3, b"by hand")
    (result,) = function(event("batch_operations_2"))["results"]
    assert result["resultCode"] == "Succeeded"
    assert result["resultString"].startswith("no payload: PayloadOccupiedError: ")


# --- the metadata ---


def test_the_metadata_are_ascii_and_short_and_match_the_result(
    function: Function, s3: S3Client
) -> None:
    result = function(REQUEST)
    metadata = s3.head_object(Bucket=BUCKET, Key=PAYLOAD_KEY)["Metadata"]
    assert sum(len(name) + len(value) for name, value in metadata.items()) < 2000
    assert all(value.isascii() for value in metadata.values())
    description = json.loads(metadata["result"])
    assert description == {name: result[name] for name in description}


@pytest.mark.parametrize("result", ["", "{}", "[]", "null", "[", '{"content_types": 5}', "\\"])
def test_a_payload_with_incomplete_metadata_is_made_again(
    result: str, function: Function, s3: S3Client
) -> None:
    function(REQUEST)
    metadata = s3.head_object(Bucket=BUCKET, Key=PAYLOAD_KEY)["Metadata"]
    store(s3, PAYLOAD, {**metadata, "result": result})
    assert function(REQUEST)["status"] == "updated"
    assert function(REQUEST)["status"] == "unchanged"


def test_another_encryption_key_updates_the_payload(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    function(REQUEST)
    monkeypatch.setenv("PAYLOAD_KMS_KEY_ID", "arn:aws:kms:us-east-1:111122223333:key/1234abcd")
    assert function(REQUEST)["status"] == "updated"
    assert function(REQUEST)["status"] == "unchanged"
