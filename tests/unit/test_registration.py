"""Results and archives on their way to a registration; requests checked by the service models."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Mapping

import botocore.session
import pytest
from botocore.validate import ParamValidator
from mims import generate
from mims.errors import InvalidSettingsError
from mims.settings import read_settings

from mims_pipeline.archives import read_metadata, validate_model_archive, validate_payload_archive
from mims_pipeline.registration import (
    LoadTest,
    Registration,
    flat_payload_request,
    inference_recommendations_job_request,
    input_variable_list,
    load_test_description,
    model_package_request,
)
from tests.archives import END, gz, header, packed, unpacked
from tests.models import kept

USUAL = "s3://models/churn/output/payload/payload.tar.gz"
RESULT = {
    "status": "created",
    "model_s3_uri": "s3://models/churn/output/model.tar.gz",
    "model_etag": '"0a"',
    "model_version_id": None,
    "payload_s3_uri": "s3://models/churn/output/mims-load-test/payload/payload.tar.gz",
    "payload_s3_bucket": "models",
    "payload_s3_key": "churn/output/mims-load-test/payload/payload.tar.gz",
    "content_types": ["text/csv"],
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
    "model_name": "churn-1",
}


def tar(members: Mapping[str, bytes]) -> bytes:
    return packed(*members.items())


@pytest.fixture(name="payload", scope="module")
def _payload() -> bytes:
    """A payload of the real generator, from a real model."""
    model = kept.archive("xgboost").read_bytes()
    return generate([model], read_settings({"CONTENT_TYPES": "text/csv, application/json"})).archive


# --- the load test's own payload ---


def test_the_flat_payload_has_its_own_location_and_one_content_type() -> None:
    usual = {**RESULT, "payload_s3_uri": USUAL, "content_types": ["text/csv", "application/json"]}
    request = flat_payload_request(usual, "text/csv; header=absent", sample_count=10)
    assert request == {
        "model_s3_uri": RESULT["model_s3_uri"],
        "payload_s3_uri": "s3://models/churn/output/mims-load-test/payload/payload.tar.gz",
        "settings": {
            "content_types": "text/csv; header=absent",
            "layout": "flat",
            "sample_count": 10,
        },
    }
    given = read_settings({"CONTENT_TYPES": "application/json"}, request["settings"])
    settings = given.resolve({})
    assert (settings.layout, settings.sample_count) == ("flat", 10)


def test_without_a_content_type_it_is_the_one_that_the_settings_give() -> None:
    request = flat_payload_request({**RESULT, "payload_s3_uri": USUAL}, recipe="auto")
    assert request["settings"] == {"recipe": "auto", "layout": "flat"}
    model = kept.archive("xgboost").read_bytes()
    made = generate([model], read_settings({}, request["settings"]))
    assert {name: bytes(content)[:4] for name, content in unpacked(made.archive).items()} == {
        "sample_payload_0001.csv": b"0.0,"
    }
    with pytest.raises(InvalidSettingsError, match="one content type, not 2"):
        read_settings({"CONTENT_TYPES": "text/csv, application/json"}, {"layout": "flat"}).resolve(
            {}
        )


@pytest.mark.parametrize(
    ("usual", "own"),
    [
        ("payload/payload.tar.gz", "mims-load-test/payload/payload.tar.gz"),
        ("a/payload-churn/payload.tar.gz", "a/mims-load-test/payload-churn/payload.tar.gz"),
        ("payload.tar.gz", "mims-load-test/payload.tar.gz"),
        ("p//x.tar.gz", "p/mims-load-test//x.tar.gz"),
    ],
)
def test_the_flat_payload_is_never_at_the_location_of_the_usual_one(usual: str, own: str) -> None:
    result = {**RESULT, "payload_s3_uri": f"s3://payloads/{usual}"}
    request = flat_payload_request(result, "text/csv")
    assert request["payload_s3_uri"] == f"s3://payloads/{own}"


def test_a_load_test_can_send_the_payload_of_the_request(tmp_path: Path) -> None:
    request = flat_payload_request({**RESULT, "payload_s3_uri": USUAL}, "application/json")
    model = kept.archive("xgboost").read_bytes()
    made = generate([model], read_settings({}, request["settings"]))
    (tmp_path / "p.tar.gz").write_bytes(made.archive)
    assert validate_payload_archive(tmp_path / "p.tar.gz", layout="flat").errors == []
    result = {**RESULT, **request, "content_types": list(made.content_types)}
    registered = model_package_request(result, REGISTRATION, layout="flat")
    assert registered["SamplePayloadUrl"] == request["payload_s3_uri"]
    assert registered["InferenceSpecification"]["SupportedContentTypes"] == ["application/json"]


def register(result: Mapping[str, Any], **layout: str) -> Any:
    return model_package_request(result, REGISTRATION, **layout)


def recommend(result: Mapping[str, Any], **layout: str) -> Any:
    return inference_recommendations_job_request(result, REGISTRATION, **JOB, **layout)


@pytest.mark.parametrize("ask", [register, recommend])
def test_the_layout_contract_is_refused_naming_the_setting(ask: Any) -> None:
    for layout in ({"layout": "contract"}, {}):
        with pytest.raises(ValueError, match=r"PAYLOAD_LAYOUT is 'contract'.*PAYLOAD_LAYOUT=flat"):
            ask(RESULT, **layout)


@pytest.mark.parametrize("ask", [register, recommend])
def test_a_payload_of_several_content_types_is_never_accepted_as_flat(ask: Any) -> None:
    result = {**RESULT, "content_types": ["text/csv", "application/json"]}
    with pytest.raises(ValueError, match=r"2 content types \(text/csv, application/json\)"):
        ask(result, layout="flat")


# --- registering ---


def refusals(operation: str, request: Any) -> str:
    """What botocore's own validator finds wrong: names, types and minima."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    return str(ParamValidator().validate(request, shape).generate_report())


def test_botocore_accepts_a_registration() -> None:
    plain = Registration("churn", "image:1")
    for one in (REGISTRATION, plain):
        request = model_package_request(RESULT, one, layout="flat")
        assert refusals("CreateModelPackage", request) == ""


def test_a_registration_has_the_values_of_the_result() -> None:
    request = model_package_request(RESULT, REGISTRATION, layout="flat")
    assert request["SamplePayloadUrl"] == RESULT["payload_s3_uri"]
    assert (request["Domain"], request["Task"]) == ("MACHINE_LEARNING", "CLASSIFICATION")
    inference = request["InferenceSpecification"]
    assert inference["SupportedContentTypes"] == ["text/csv"]
    (container,) = inference["Containers"]
    assert container["ModelDataUrl"] == RESULT["model_s3_uri"]
    assert (container["Framework"], container["FrameworkVersion"]) == ("XGBOOST", "1.7-1")
    assert "Tags" not in request  # the service refuses them for a version of a group


def test_an_endpoint_may_accept_more_than_the_payloads_content_type() -> None:
    more = replace(REGISTRATION, content_types=["application/json", "text/csv"])
    request = model_package_request(RESULT, more, layout="flat")
    types = request["InferenceSpecification"]["SupportedContentTypes"]
    assert types == ["text/csv", "application/json"]


def test_an_uncompressed_model_is_registered_as_a_folder() -> None:
    request = model_package_request(
        {**RESULT, "model_s3_uri": "s3://models/churn/model/"}, REGISTRATION, layout="flat"
    )
    (container,) = request["InferenceSpecification"]["Containers"]
    assert "ModelDataUrl" not in container
    assert container["ModelDataSource"]["S3DataSource"]["S3DataType"] == "S3Prefix"
    assert refusals("CreateModelPackage", request) == ""


def test_more_arguments_of_a_request_can_be_given_and_are_checked_too() -> None:
    request = model_package_request(RESULT, REGISTRATION, layout="flat", ClientToken="a-1")
    assert request["ClientToken"] == "a-1"
    with pytest.raises(ValueError, match="ClientToken is 'a b', which does not match"):
        model_package_request(RESULT, REGISTRATION, layout="flat", ClientToken="a b")


def test_media_types_have_no_parameters_and_are_listed_once() -> None:
    types = ["text/csv; header=absent", "TEXT/csv"]
    request = register({**RESULT, "content_types": types}, layout="flat")
    assert request["InferenceSpecification"]["SupportedContentTypes"] == ["text/csv"]


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
def test_a_result_without_a_payload_cannot_be_registered(change: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        register({**RESULT, **change}, layout="flat")


def test_an_answer_with_many_results_is_not_mistaken_for_a_result() -> None:
    with pytest.raises(ValueError, match="'results'"):
        load_test_description({"results": [RESULT]}, LoadTest())


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("domain", "FINANCE"),
        ("task", "classification"),
        ("framework", None),
        ("framework_version", None),
    ],
)
def test_values_that_the_service_model_does_not_check_are_refused_by_name(
    part: str, value: Any
) -> None:
    says = "framework_version" if part == "framework" else part
    with pytest.raises(ValueError, match=rf"^{says} is"):
        replace(REGISTRATION, **{part: value})


@pytest.mark.parametrize(
    ("part", "value", "says"),
    [
        ("model_package_group_name", "", "ModelPackageGroupName has 0 characters"),
        ("image_uri", None, r"Containers\[0\]\.Image is None"),
        ("approval_status", "approved", "ModelApprovalStatus is 'approved'.*such as Approved"),
        ("framework_version", "17", "FrameworkVersion has 2 characters"),
        ("framework_version", "10.1", "FrameworkVersion is '10.1', which does not match"),
        ("response_types", "text/csv", "SupportedResponseMIMETypes is 'text/csv'; it must be a li"),
        ("instance_types", "ml.m5.large", "RealtimeInferenceInstanceTypes is 'ml.m5.large'"),
        ("instance_types", ["m5.large"], r"InferenceInstanceTypes\[0\] is 'm5.large'"),
        ("transform_instance_types", [], "SupportedTransformInstanceTypes has 0 items"),
        ("transform_instance_types", [1], r"SupportedTransformInstanceTypes\[0\] is 1"),
        ("environment", {"A B": ""}, "Environment key is 'A B'"),
    ],
)
def test_what_the_service_would_refuse_is_an_error(part: str, value: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        model_package_request(RESULT, replace(REGISTRATION, **{part: value}), layout="flat")


# --- the recommender ---


def test_botocore_accepts_a_recommenders_job() -> None:
    by_name = recommend(RESULT, layout="flat")
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/1"
    job = {**JOB, "layout": "flat", "model_name": None, "model_package_arn": arn}
    by_package = inference_recommendations_job_request(RESULT, REGISTRATION, **job)
    for request in (by_name, by_package):
        assert refusals("CreateInferenceRecommendationsJob", request) == ""
    assert by_package["InputConfig"]["ModelPackageVersionArn"] == arn
    assert "ModelName" not in by_package["InputConfig"]
    container = by_name["InputConfig"]["ContainerConfig"]
    assert container["PayloadConfig"] == {
        "SamplePayloadUrl": RESULT["payload_s3_uri"],
        "SupportedContentTypes": ["text/csv"],
    }
    assert (container["Domain"], container["Task"]) == ("MACHINE_LEARNING", "CLASSIFICATION")
    assert (container["Framework"], container["FrameworkVersion"]) == ("XGBOOST", "1.7-1")


@pytest.mark.parametrize(
    ("change", "registration", "says"),
    [
        ({"model_name": None}, REGISTRATION, "either model_name or model_package_arn"),
        ({"model_package_arn": "arn:x"}, REGISTRATION, "either model_name or model_package_arn"),
        ({}, replace(REGISTRATION, framework=None, framework_version=None), "^framework is"),
        ({}, replace(REGISTRATION, framework="LIGHTGBM"), "^framework is"),
        ({"role": "SageMakerExecution"}, REGISTRATION, "RoleArn has 18 characters"),
        ({"name": "a_b"}, REGISTRATION, "JobName is 'a_b'"),
        (
            {},
            replace(REGISTRATION, instance_types="ml.m5.large"),
            "SupportedInstanceTypes is 'ml.m5.large'; it must be a list",
        ),
    ],
)
def test_what_the_recommender_lacks_is_an_error(change: Any, registration: Any, says: str) -> None:
    job = {**JOB, "layout": "flat", **change}
    with pytest.raises(ValueError, match=says):
        inference_recommendations_job_request(RESULT, registration, **job)


# --- the load test and the variables ---


def test_a_load_test_is_described_with_the_payloads_location() -> None:
    description = load_test_description(RESULT, LoadTest(expected_tps=5))
    assert json.loads(json.dumps(description)) == {
        "sample_payload_s3_bucket": "models",
        "sample_payload_s3_key": "churn/output/mims-load-test/payload/payload.tar.gz",
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
    header = unpacked(payload)["text_csv/sample_payload.csv"].decode().splitlines()[0]
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


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "sklearn", "pytorch"])
def test_the_payload_step_can_use_real_models(library: str) -> None:
    result = validate_model_archive(kept.archive(library))
    assert (result.errors, result.warnings) == ([], [])


GOOD = {"./hyperparameters.json": b'{"tab_field_list": ["a"]}', "xgboost_model.bst": b"x"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (tar({"notes.txt": b"x"}), "HyperparametersNotFoundError"),
        (gz(header(b"hyperparameters.json", kind=b"2") + END), "HyperparametersNotFoundError"),
        (tar({"hyperparameters.json": b"[]"}), "InvalidHyperparametersError"),
        (tar({"hyperparameters.json": b"{" * 10_000}), "InvalidHyperparametersError"),
        (tar({"hyperparameters.json": b'{"a": 1}'}), "NoInputFieldsError"),
        (tar({"hyperparameters.json": b" " * (4 * 1024**2 + 1)}), "ArchiveLimitError"),
        (tar(GOOD)[:30], "CorruptArchiveError"),
        (gzip.compress(b"no tar" * 200), "CorruptArchiveError"),
        (b"", "CorruptArchiveError"),
        (b"PK\x03\x04", "CorruptArchiveError"),
    ],
)
def test_a_model_that_no_payload_can_be_made_from_is_an_error(
    tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "model.tar.gz").write_bytes(content)
    (error,) = validate_model_archive(tmp_path / "model.tar.gz").errors
    assert error.startswith(f"{says}: ")


def test_a_models_warnings_are_passed_on(tmp_path: Path) -> None:
    (tmp_path / "m.tar.gz").write_bytes(
        tar({"x/hyperparameters.json": b'{"tab_field_list": ["a"]}'})
    )
    result = validate_model_archive(tmp_path / "m.tar.gz")
    assert result.is_valid
    assert any("x/hyperparameters.json" in warning for warning in result.warnings)


def test_what_is_not_a_file_is_an_error_and_not_an_exception(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "none.tar.gz", tmp_path / "pipe", "/dev/zero"):
        assert not validate_model_archive(path).is_valid
        assert not validate_payload_archive(path).is_valid
        with pytest.raises(ValueError, match="There is no file"):
            read_metadata(path)


def test_a_payload_archive_of_any_size_is_refused_unread(tmp_path: Path) -> None:
    with open(tmp_path / "p.tar.gz", "wb") as archive:
        archive.truncate(2**40)
    (error,) = validate_payload_archive(tmp_path / "p.tar.gz").errors
    assert error.startswith("ArchiveLimitError: ")
    with pytest.raises(ValueError, match="ArchiveLimitError"):
        read_metadata(tmp_path / "p.tar.gz")


def test_a_real_payload_is_valid(payload: bytes, tmp_path: Path) -> None:
    (tmp_path / "p.tar.gz").write_bytes(payload)
    result = validate_payload_archive(tmp_path / "p.tar.gz")
    assert result.errors == []
    assert ["RECIPE=xgboost" in warning for warning in result.warnings] == [True]
    (error,) = validate_payload_archive(tmp_path / "p.tar.gz", layout="flat").errors
    assert "PAYLOAD_LAYOUT=flat" in error


def test_a_real_flat_payload_is_valid(tmp_path: Path) -> None:
    model = kept.archive("xgboost").read_bytes()
    settings = read_settings({"PAYLOAD_LAYOUT": "flat", "SAMPLE_COUNT": "3"})
    (tmp_path / "p.tar.gz").write_bytes(generate([model], settings).archive)
    assert validate_payload_archive(tmp_path / "p.tar.gz", layout="flat").errors == []
    (error,) = validate_payload_archive(tmp_path / "p.tar.gz").errors
    assert "PAYLOAD_LAYOUT=contract" in error
    with pytest.raises(ValueError, match="PAYLOAD_LAYOUT=contract"):
        read_metadata(tmp_path / "p.tar.gz")


def test_an_unknown_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="layout is 'nested'"):
        validate_payload_archive(tmp_path / "p.tar.gz", layout="nested")


def described(content: Dict[str, bytes], **changes: Any) -> None:
    metadata = json.loads(content["metadata.json"])
    metadata.update(changes)
    content["metadata.json"] = json.dumps(metadata).encode()


def garbled_with_its_own_hash(content: Dict[str, bytes]) -> None:
    path, garbage = "text_csv/sample_payload.csv", b'a,"b\n\xff'
    payloads = json.loads(content["metadata.json"])["payloads"]
    for file in payloads:
        if file["path"] == path:
            file.update(bytes=len(garbage), sha256=hashlib.sha256(garbage).hexdigest())
    content[path] = garbage
    described(content, payloads=payloads)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("metadata.json"),
        lambda content: content.pop("text_csv/sample_payload.csv"),
        lambda content: content.update({"notes.txt": b"x"}),
        lambda content: content.update({"text_csv/sample_payload.csv": b"a"}),
        lambda content: content.update({"text_csv/sample_payload.csv": b"0" * 6_291_457}),
        lambda content: described(content, schema_version="9"),
        lambda content: described(content, payloads=[]),
        lambda content: described(content, content_types=["text/csv"]),
        lambda content: described(content, input_variables=[["a", "TEXT"]]),
        garbled_with_its_own_hash,
    ],
)
def test_a_payload_archive_that_the_checker_refuses_is_invalid(
    payload: bytes, tmp_path: Path, change: Any
) -> None:
    content = unpacked(payload)
    (tmp_path / "p.tar.gz").write_bytes(tar(content))
    assert validate_payload_archive(tmp_path / "p.tar.gz").errors == []
    change(content)
    (tmp_path / "p.tar.gz").write_bytes(tar(content))
    (error,) = validate_payload_archive(tmp_path / "p.tar.gz").errors
    assert error.startswith(("CorruptArchiveError: ", "PayloadTooLargeError: "))


def test_the_metadata_that_is_read_is_what_the_generator_wrote(
    payload: bytes, tmp_path: Path
) -> None:
    content = unpacked(payload)
    (tmp_path / "p.tar.gz").write_bytes(payload)
    assert read_metadata(tmp_path / "p.tar.gz") == json.loads(content["metadata.json"])
    described(content, schema_version="9")
    (tmp_path / "p.tar.gz").write_bytes(tar(content))
    with pytest.raises(ValueError, match="schema"):
        read_metadata(tmp_path / "p.tar.gz")
