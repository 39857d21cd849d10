"""Results and archives on their way to a registration; requests judged by the service models."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Mapping

import pytest
from mims import generate
from mims.settings import read_settings

from mims_pipeline.archives import read_metadata, validate_model_archive, validate_payload_archive
from mims_pipeline.contracts import (
    MIMS_PACKAGE_CONTRACT,
    MIMS_PAYLOAD_CONTRACT,
    MIMS_REGISTRATION_CONTRACT,
    PYTORCH_TRAIN_CONTRACT,
    XGBOOST_TRAIN_CONTRACT,
)
from mims_pipeline.handovers import HANDOVERS
from mims_pipeline.registration import (
    LoadTest,
    Registration,
    inference_recommendations_job_request,
    input_variable_list,
    load_test_description,
    model_package_request,
    wire_types,
)
from tests.service_model import faults

ARCHIVES = Path(__file__).resolve().parents[1] / "models" / "archives"
RESULT = {
    "status": "created",
    "model_s3_uri": "s3://models/churn/output/model.tar.gz",
    "model_etag": '"0a"',
    "model_version_id": None,
    "payload_s3_uri": "s3://models/churn/output/payload/payload.tar.gz",
    "payload_s3_bucket": "models",
    "payload_s3_key": "churn/output/payload/payload.tar.gz",
    "content_types": ["text/csv", "application/json"],
    "field_count": 3,
    "sample_count": 1,
    "bytes_read": 1000,
    "requests": 4,
    "resumes": 0,
    "restarts": 0,
    "warnings": [],
}
REGISTRATION = Registration(
    model_package_group_name="churn",
    image_uri="123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost:1.7-1",
    framework="XGBOOST",
    framework_version="1.7-1",
    task="CLASSIFICATION",
    nearest_model_name="xgboost",
    environment={"SAGEMAKER_PROGRAM": "inference.py"},
)
JOB: Dict[str, Any] = {
    "name": "churn-1",
    "role": "arn:aws:iam::123456789012:role/SageMakerExecution",
    "layout": "flat",
    "model_name": "churn-1",
}


def tar(members: Mapping[str, Any]) -> bytes:
    """Return a gzip'd tar; a content of None makes a folder, of a str a link to it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if content is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
            member.size = len(content) if isinstance(content, bytes) else 0
            archive.addfile(member, io.BytesIO(content) if member.size else None)
    return file.getvalue()


def members(archive: bytes) -> Dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {name: opened.extractfile(name).read() for name in opened.getnames()}  # type: ignore[union-attr]


@pytest.fixture(name="payload", scope="module")
def _payload() -> bytes:
    """A payload of the real generator, from a real model."""
    model = (ARCHIVES / "xgboost" / "model.tar.gz").read_bytes()
    return generate([model], read_settings({"CONTENT_TYPES": "text/csv, application/json"})).archive


# --- registering ---


def test_a_registration_is_one_that_the_service_takes() -> None:
    plain = Registration("churn", "image:1")
    for one in (REGISTRATION, plain):
        request = model_package_request(RESULT, one)
        assert faults("sagemaker", "CreateModelPackage", request) == []


def test_a_registration_carries_what_the_result_says() -> None:
    request = model_package_request(RESULT, REGISTRATION)
    assert request["SamplePayloadUrl"] == RESULT["payload_s3_uri"]
    assert (request["Domain"], request["Task"]) == ("MACHINE_LEARNING", "CLASSIFICATION")
    inference = request["InferenceSpecification"]
    assert inference["SupportedContentTypes"] == ["text/csv", "application/json"]
    (container,) = inference["Containers"]
    assert container["ModelDataUrl"] == RESULT["model_s3_uri"]
    assert (container["Framework"], container["FrameworkVersion"]) == ("XGBOOST", "1.7-1")
    assert "Tags" not in request  # the service refuses them for a version of a group


def test_an_uncompressed_model_is_registered_as_a_folder() -> None:
    request = model_package_request(
        {**RESULT, "model_s3_uri": "s3://models/churn/model/"}, REGISTRATION
    )
    (container,) = request["InferenceSpecification"]["Containers"]
    assert "ModelDataUrl" not in container
    assert container["ModelDataSource"]["S3DataSource"]["S3DataType"] == "S3Prefix"
    assert faults("sagemaker", "CreateModelPackage", request) == []


def test_more_of_a_request_can_be_given() -> None:
    request = model_package_request(RESULT, REGISTRATION, ClientToken="a-1")
    assert request["ClientToken"] == "a-1"
    assert faults("sagemaker", "CreateModelPackage", request) == []


def test_wire_types_have_no_parameters_and_stand_once() -> None:
    types = ["text/csv; header=absent", "text/csv", "application/JSON"]
    assert wire_types({"content_types": types}) == ["text/csv", "application/json"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"status": "skipped", "reason": "the model is gone"}, "the model is gone"),
        ({"payload_s3_uri": None}, "payload_s3_uri"),
        ({"payload_s3_uri": "s3://models/churn/payload/"}, "payload_s3_uri"),
        ({"model_s3_uri": None}, "model_s3_uri"),
        ({"content_types": []}, "content_types"),
        ({"content_types": "text/csv"}, "content_types"),
    ],
)
def test_a_result_of_no_payload_cannot_be_registered(change: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        model_package_request({**RESULT, **change}, REGISTRATION)


def test_an_answer_of_many_results_is_told_from_a_result() -> None:
    with pytest.raises(ValueError, match="'results'"):
        load_test_description({"results": [RESULT]}, LoadTest())


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("model_package_group_name", ""),
        ("image_uri", None),
        ("domain", "FINANCE"),
        ("task", "classification"),
        ("approval_status", "approved"),
        ("framework", None),
        ("framework_version", None),
        ("framework_version", "17"),
        ("framework_version", "10.1"),
        ("response_types", "text/csv"),
        ("instance_types", []),
        ("transform_instance_types", [1]),
    ],
)
def test_a_registrations_bad_part_is_refused_by_name(part: str, value: Any) -> None:
    says = "framework_version" if part == "framework" else part
    with pytest.raises(ValueError, match=rf"^{says} is"):
        replace(REGISTRATION, **{part: value})


# --- the recommender ---


def test_a_recommenders_job_is_one_that_the_service_takes() -> None:
    by_name = inference_recommendations_job_request(RESULT, REGISTRATION, **JOB)
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/1"
    by_package = inference_recommendations_job_request(
        RESULT, REGISTRATION, **{**JOB, "model_name": None, "model_package_arn": arn}
    )
    for request in (by_name, by_package):
        assert faults("sagemaker", "CreateInferenceRecommendationsJob", request) == []
    assert by_package["InputConfig"]["ModelPackageVersionArn"] == arn
    container = by_name["InputConfig"]["ContainerConfig"]
    assert container["PayloadConfig"] == {
        "SamplePayloadUrl": RESULT["payload_s3_uri"],
        "SupportedContentTypes": ["text/csv", "application/json"],
    }
    assert (container["Domain"], container["Task"]) == ("MACHINE_LEARNING", "CLASSIFICATION")
    assert (container["Framework"], container["FrameworkVersion"]) == ("XGBOOST", "1.7-1")


def test_the_contract_layout_is_refused_for_the_recommender_naming_the_setting() -> None:
    for layout in ({"layout": "contract"}, {}):
        job = {key: value for key, value in JOB.items() if key != "layout"}
        with pytest.raises(ValueError, match=r"PAYLOAD_LAYOUT is 'contract'.*PAYLOAD_LAYOUT=flat"):
            inference_recommendations_job_request(RESULT, REGISTRATION, **job, **layout)


@pytest.mark.parametrize(
    ("change", "registration", "says"),
    [
        ({"model_name": None}, REGISTRATION, "either model_name or model_package_arn"),
        ({"model_package_arn": "arn:x"}, REGISTRATION, "either model_name or model_package_arn"),
        ({}, replace(REGISTRATION, framework=None, framework_version=None), "^framework is"),
        ({}, replace(REGISTRATION, framework="LIGHTGBM"), "^framework is"),
    ],
)
def test_what_the_recommender_lacks_is_told(change: Any, registration: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        inference_recommendations_job_request(RESULT, registration, **{**JOB, **change})


# --- the load test and the variables ---


def test_a_load_test_is_described_with_the_payloads_place() -> None:
    description = load_test_description(RESULT, LoadTest(expected_tps=5))
    assert json.loads(json.dumps(description)) == {
        "sample_payload_s3_bucket": "models",
        "sample_payload_s3_key": "churn/output/payload/payload.tar.gz",
        "expected_tps": 5,
        "max_latency_in_millisecond": 800,
        "max_acceptable_error_rate": 0.2,
        "instance_type_list": ["ml.m5.4xlarge"],
    }


def test_a_key_keeps_its_odd_characters() -> None:
    result = {**RESULT, "payload_s3_uri": "s3://models/a b/?x=1#y/payload/payload.tar.gz"}
    description = load_test_description(result, LoadTest())
    assert description["sample_payload_s3_key"] == "a b/?x=1#y/payload/payload.tar.gz"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("expected_tps", 0),
        ("expected_tps", float("nan")),
        ("expected_tps", True),
        ("max_latency_in_millisecond", -1),
        ("max_latency_in_millisecond", "800"),
        ("max_acceptable_error_rate", 1.1),
        ("max_acceptable_error_rate", -0.1),
        ("instance_type_list", "ml.m5.large"),
        ("instance_type_list", []),
    ],
)
def test_a_load_tests_bad_part_is_refused_by_name(part: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{part} is"):
        LoadTest(**{part: value})


def test_the_input_variables_are_the_payloads(payload: bytes, tmp_path: Path) -> None:
    (tmp_path / "payload.tar.gz").write_bytes(payload)
    variables = input_variable_list(read_metadata(tmp_path / "payload.tar.gz"))
    header = members(payload)["text_csv/sample_payload.csv"].decode().splitlines()[0]
    assert [name for name, _ in variables] == header.split(",")
    assert {kind for _, kind in variables} <= {"NUMERIC", "TEXT"}


@pytest.mark.parametrize(
    "metadata",
    [{}, {"input_variables": []}, {"input_variables": [["a", "INT"]]}, {"input_variables": ["ab"]}],
)
def test_metadata_without_variables_is_refused(metadata: Any) -> None:
    with pytest.raises(ValueError, match="input_variables"):
        input_variable_list(metadata)


# --- archives ---


def test_each_handover_joins_paths_that_its_contracts_have() -> None:
    for handover in HANDOVERS:
        assert handover.output in handover.giver.expected_output_paths
        assert handover.input in handover.receiver.expected_input_paths
    given = {(handover.giver.entry_point, handover.receiver.entry_point) for handover in HANDOVERS}
    assert ("xgboost_training.py", "mims_payload.py") in given
    assert ("mims_payload.py", MIMS_REGISTRATION_CONTRACT.entry_point) in given


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "sklearn", "pytorch"])
def test_real_models_keep_what_the_payload_step_needs(library: str) -> None:
    result = validate_model_archive(ARCHIVES / library / "model.tar.gz")
    assert (result.errors, result.warnings) == ([], [])


def test_real_models_keep_their_trainers_contracts() -> None:
    for library, giver in (
        ("xgboost", XGBOOST_TRAIN_CONTRACT),
        ("pytorch", PYTORCH_TRAIN_CONTRACT),
    ):
        result = validate_model_archive(ARCHIVES / library / "model.tar.gz", giver)
        assert (result.errors, result.warnings) == ([], [])
    packaged = validate_model_archive(
        ARCHIVES / "lightgbm" / "model.tar.gz", MIMS_PACKAGE_CONTRACT, MIMS_REGISTRATION_CONTRACT
    )
    assert packaged.errors == []


GOOD = {"./hyperparameters.json": b'{"tab_field_list": ["a"]}', "xgboost_model.bst": b"x"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (tar({"model.bst": b"x"}), "hyperparameters.json is missing"),
        (tar({"code/hyperparameters.json": b"{}"}), "hyperparameters.json is missing"),
        (tar({"hyperparameters.json": None}), "hyperparameters.json is missing"),
        (tar({"hyperparameters.json": "/etc/passwd"}), "hyperparameters.json is missing"),
        (tar({"hyperparameters.json": b"[]"}), "no JSON object"),
        (tar({"hyperparameters.json": b"\xff"}), "no JSON object"),
        (tar({"hyperparameters.json": b"{" * 10_000}), "no JSON object"),
        (tar({"hyperparameters.json": b'{"a": 1}'}), "names no input field"),
        (tar({"hyperparameters.json": b'{"tab_field_list": "None"}'}), "names no input field"),
        (tar({"hyperparameters.json": b" " * (16 * 1024**2 + 1)}), "over 16,777,216"),
        (tar(GOOD)[:-20], "no sound gzip'd tar"),
        (tar(GOOD)[:-6] + b"\x00" * 6, "no sound gzip'd tar"),
        (gzip.compress(b"no tar" * 200), "no sound gzip'd tar"),
        (b"", "."),
        (b"PK\x03\x04", "no sound gzip'd tar"),
    ],
)
def test_a_model_archive_that_breaks_its_promise_is_told(
    tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "model.tar.gz").write_bytes(content)
    result = validate_model_archive(tmp_path / "model.tar.gz")
    assert not result.is_valid
    assert any(says in error for error in result.errors)


def test_a_missing_archive_is_an_error_and_not_an_exception(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.tar.gz"):
        assert not validate_model_archive(path).is_valid
        assert not validate_payload_archive(path).is_valid


def test_what_a_trainer_usually_leaves_is_warned_about(tmp_path: Path) -> None:
    (tmp_path / "m.tar.gz").write_bytes(tar(GOOD))
    result = validate_model_archive(tmp_path / "m.tar.gz", XGBOOST_TRAIN_CONTRACT)
    assert result.is_valid
    assert any("impute_dict.pkl" in warning for warning in result.warnings)
    assert not any("xgboost_model" in warning for warning in result.warnings)


def test_a_packaged_model_needs_its_code(tmp_path: Path) -> None:
    (tmp_path / "m.tar.gz").write_bytes(tar({**GOOD, "code/": None}))
    result = validate_model_archive(tmp_path / "m.tar.gz", MIMS_PACKAGE_CONTRACT)
    assert result.errors == ["code/ is missing at the archive's root."]


def test_contracts_that_hand_nothing_over_are_told(tmp_path: Path) -> None:
    result = validate_model_archive(
        tmp_path / "m.tar.gz", MIMS_PAYLOAD_CONTRACT, XGBOOST_TRAIN_CONTRACT
    )
    assert not result.is_valid


def test_a_real_payload_keeps_its_promise(payload: bytes, tmp_path: Path) -> None:
    (tmp_path / "p.tar.gz").write_bytes(payload)
    result = validate_payload_archive(tmp_path / "p.tar.gz")
    assert (result.errors, result.warnings) == ([], [])
    assert any(
        "PAYLOAD_LAYOUT=flat" in e
        for e in validate_payload_archive(tmp_path / "p.tar.gz", layout="flat").errors
    )


def test_a_real_flat_payload_keeps_its_promise(tmp_path: Path) -> None:
    model = (ARCHIVES / "xgboost" / "model.tar.gz").read_bytes()
    settings = read_settings({"PAYLOAD_LAYOUT": "flat", "SAMPLE_COUNT": "3"})
    (tmp_path / "p.tar.gz").write_bytes(generate([model], settings).archive)
    assert validate_payload_archive(tmp_path / "p.tar.gz", layout="flat").errors == []
    assert not validate_payload_archive(tmp_path / "p.tar.gz").is_valid
    with pytest.raises(ValueError, match="PAYLOAD_LAYOUT=contract"):
        read_metadata(tmp_path / "p.tar.gz")


def test_a_layout_of_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="layout is 'nested'"):
        validate_payload_archive(tmp_path / "p.tar.gz", layout="nested")


def altered(payload: bytes, **changes: Any) -> Dict[str, Any]:
    content: Dict[str, Any] = members(payload)
    metadata = json.loads(content["metadata.json"])
    metadata.update(changes)
    content["metadata.json"] = json.dumps(metadata).encode()
    return content


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.pop("metadata.json"), "no metadata.json"),
        (lambda m: m.update({"metadata.json": b"[]"}), "no metadata.json"),
        (lambda m: m.update({"notes.txt": b"x"}), "notes.txt is described nowhere"),
        (lambda m: m.pop("text_csv/sample_payload.csv"), "which is not there"),
        (lambda m: m.update({"text_csv/sample_payload.csv": b"a"}), "another SHA-256"),
        (lambda m: m.update({"text_csv/sample_payload.csv": b"a"}), "has 1 bytes"),
        (lambda m: m.update({"text_csv/sample_payload.csv": "x"}), "no regular file"),
        (lambda m: m.update({"big": b"0" * 6_291_457}), "big is over 6,291,456"),
    ],
)
def test_a_payload_archive_that_breaks_its_promise_is_told(
    payload: bytes, tmp_path: Path, change: Any, says: str
) -> None:
    content: Dict[str, Any] = members(payload)
    change(content)
    (tmp_path / "p.tar.gz").write_bytes(tar(content))
    result = validate_payload_archive(tmp_path / "p.tar.gz")
    assert any(says in error for error in result.errors)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"payloads": []}, "lists no payloads"),
        ({"payloads": ["x"]}, "which is not there"),
        ({"content_types": ["text/csv"]}, "does not list"),
        ({"content_types": None}, "does not list"),
        ({"input_variables": [["a"]]}, "input_variables"),
    ],
)
def test_a_payloads_description_that_is_wrong_is_told(
    payload: bytes, tmp_path: Path, changes: Any, says: str
) -> None:
    (tmp_path / "p.tar.gz").write_bytes(tar(altered(payload, **changes)))
    assert any(says in e for e in validate_payload_archive(tmp_path / "p.tar.gz").errors)
