"""The whole way: a model archive and settings in, `payload.tar.gz` out."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, Dict

import pytest
from mims import generate
from mims.errors import (
    HyperparametersNotFoundError,
    InvalidHyperparametersError,
    PayloadError,
    shown,
)
from mims.limits import SERVERLESS_BYTES
from mims.settings import read_settings

from tests.archives import GOOD, NAME, gz, header, member, padded, payload_of, unpacked

ROOT = Path(__file__).resolve().parents[2]
HYPERPARAMETERS: Dict[str, Any] = {
    "tab_field_list": ["age", "income", "label"],
    "cat_field_list": ["city"],
    "text_name": "note",
    "model_class": "xgboost",
    "pipeline_name": '"returns"',
    "pipeline_version": "1.10",
    "model_objective": None,
    "secret": "hidden",
    "imputation_dict": {"age": 41},
}
ENVIRONMENT = {
    "CONTENT_TYPES": "text/csv; header=absent, application/json, text/csv",
    "SPECIAL_FIELD_NOTE": "{timestamp}",
    "SPECIAL_FIELD_X": "1",
    "FIELD_DEFAULTS": '{"income": [1, 2]}',
    "REALISTIC_VALUES": "true",
    "SAMPLE_COUNT": "2",
}


def made(hyperparameters: Any = HYPERPARAMETERS, **environment: str) -> bytes:
    content = json.dumps(hyperparameters).encode()
    settings = read_settings(environment or ENVIRONMENT)
    return payload_of(content, settings).archive


def metadata_of(archive: bytes) -> Any:
    return json.loads(unpacked(archive)["metadata.json"])


def test_the_files_of_the_contract_layout() -> None:
    contents = unpacked(made())
    assert list(contents) == [
        "application_json/sample_payload.json",
        "metadata.json",
        "text_csv/sample_payload.csv",
        "text_csv_header_absent/sample_payload.csv",
    ]
    assert contents["text_csv/sample_payload.csv"].decode() == (
        "age,income,city,note\n"
        "41.0,1.0,DEFAULT_TEXT,2026-01-15 08:30:00\n"
        "41.0,2.0,DEFAULT_TEXT,2026-01-15 08:30:00"
    )


def test_the_metadata() -> None:
    contents = unpacked(made())
    metadata = json.loads(contents["metadata.json"])
    assert metadata.pop("generator").keys() == {"name", "version"}
    left_out, unmatched = metadata.pop("warnings")
    assert "'label' (to keep it, give label_name)" in left_out
    assert "SPECIAL_FIELD_X" in unmatched
    payloads = metadata.pop("payloads")
    assert metadata == {
        "schema_version": "1.1",
        "content_types": ["text/csv", "application/json"],
        "fields_from": {"source": "hyperparameters", "member": "hyperparameters.json"},
        "family": None,
        "recipe": None,
        "fields": [
            {"name": "age", "type": "numeric", "source": "training"},
            {"name": "income", "type": "numeric", "source": "field_default"},
            {"name": "city", "type": "categorical", "source": "default"},
            {"name": "note", "type": "text", "source": "special_field"},
        ],
        "input_variables": [
            ["age", "NUMERIC"],
            ["income", "NUMERIC"],
            ["city", "TEXT"],
            ["note", "TEXT"],
        ],
        "sample_count": 2,
        "model_class": "xgboost",
        "pipeline_name": "returns",
        "pipeline_version": "1.10",
    }
    parameters = [
        (payload["path"], payload["content_type"], payload["parameters"]) for payload in payloads
    ]
    assert parameters == [
        ("text_csv_header_absent/sample_payload.csv", "text/csv", {"header": "absent"}),
        ("application_json/sample_payload.json", "application/json", {}),
        ("text_csv/sample_payload.csv", "text/csv", {}),
    ]
    for payload in payloads:
        content = contents[payload["path"]]
        assert payload["bytes"] == len(content)
        assert payload["sha256"] == hashlib.sha256(content).hexdigest()
    assert b"hidden" not in contents["metadata.json"]


@pytest.mark.parametrize(
    ("value", "kept"),
    [(7, True), (True, True), (1.5, True), ([1], False), ({}, False), ("null", False)],
)
def test_metadata_keeps_texts_and_numbers_that_name_the_model(value: Any, kept: bool) -> None:
    metadata = json.loads(
        unpacked(made({**HYPERPARAMETERS, "model_class": value}))["metadata.json"]
    )
    assert ("model_class" in metadata) == kept
    assert metadata.get("model_class", value) == value


def test_metadata_that_is_not_unicode_is_refused_and_invalid_numbers_are_left_out() -> None:
    with pytest.raises(InvalidHyperparametersError, match="model_class") as caught:
        made({**HYPERPARAMETERS, "model_class": "hidden\ud800"})
    assert "hidden" not in str(caught.value)
    nan = json.loads(
        unpacked(made({**HYPERPARAMETERS, "model_class": float("nan")}))["metadata.json"]
    )
    assert "model_class" not in nan


def test_the_archive_does_not_show_who_made_it() -> None:
    archive = made()
    assert archive[:8] == b"\x1f\x8b\x08\0\0\0\0\0"  # no name, no time
    tar = gzip.decompress(archive)
    assert tar[257:265] == b"ustar\x0000"
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        for entry in opened:
            assert (entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname) == (
                0,
                0,
                0,
                "",
                "",
            )
            assert (entry.mode, entry.isreg()) == (0o644, True)
            assert entry.pax_headers == {}


def test_the_archive_is_the_same_whatever_the_order_of_the_environment_and_hashes() -> None:
    script = (
        "import json, os, sys, hashlib; sys.path.insert(0, 'lambda_fn');"
        "from tests.archives import payload_of;"
        "from mims.settings import read_settings;"
        "h, e = json.load(sys.stdin);"
        "archive = payload_of(json.dumps(h).encode(), read_settings(e)).archive;"
        "print(hashlib.sha256(archive).hexdigest())"
    )
    hyperparameters = {"tab_field_list": ["a.b", "a-b", "c"], "task_label_names": ["x", "y"]}
    variables = {f"SPECIAL_FIELD_{name}": "1" for name in ("a_b", "A_B", "C", "c_", "x", "y", "z")}
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            input=json.dumps([hyperparameters, dict(sorted(variables.items(), reverse=order))]),
            env={"PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
        for order in (True, False)
    }
    assert len(digests) == 1


def test_no_payload_contains_the_location_of_the_file() -> None:
    content = json.dumps(HYPERPARAMETERS).encode()
    settings = read_settings(ENVIRONMENT)
    plain = payload_of(content, settings).archive
    for archive in (gz(member(NAME, content)), member("a") + member(f"./{NAME}", content)):
        assert generate([archive], settings).archive == plain


def test_the_flat_layout_has_only_the_samples() -> None:
    contents = unpacked(made(PAYLOAD_LAYOUT="flat", SAMPLE_COUNT="3", CONTENT_TYPES="text/csv"))
    assert list(contents) == [f"sample_payload_000{number}.csv" for number in (1, 2, 3)]


def test_a_nested_file_and_a_large_payload_give_a_warning() -> None:
    payload = generate([gz(member(f"code/{NAME}"))], read_settings({}))
    assert f"'code/{NAME}'" in payload.warnings[0]
    assert list(payload.warnings) == metadata_of(payload.archive)["warnings"]
    long = {"DEFAULT_TEXT_VALUE": "x" * SERVERLESS_BYTES}
    settings = read_settings({**long, "CONTENT_TYPES": "text/csv; header=absent"})
    content = b'{"cat_field_list": ["a"]}'
    assert payload_of(content, settings).warnings == ()
    settings = read_settings({**long, "CONTENT_TYPES": "text/csv"})
    assert "serverless" in payload_of(content, settings).warnings[0]


@pytest.mark.parametrize("layout", ["contract", "flat"])
@pytest.mark.parametrize(
    ("name", "content"), [(NAME, b'{"tab_field_list": ["a"]}'), ("columns.json", b'["a"]')]
)
def test_a_path_in_another_encoding_is_shown_with_its_bytes(
    name: str, content: bytes, layout: str
) -> None:
    tar = header(b"mod\xe8le/" + name.encode(), len(content)) + padded(content)
    payload = generate([gz(tar)], read_settings({"PAYLOAD_LAYOUT": layout}))
    assert payload.fields_from.member == f"mod\\xe8le/{name}"
    if layout == "contract":
        metadata = json.loads(unpacked(payload.archive)["metadata.json"])
        assert metadata["fields_from"] == payload.fields_from._asdict()


def test_what_is_returned_besides_the_archive() -> None:
    payload = generate([gz(member(NAME, GOOD))], read_settings({"CONTENT_TYPES": "text/csv"}))
    assert (payload.content_types, payload.field_count, payload.sample_count) == (
        ("text/csv",),
        1,
        1,
    )
    assert payload.warnings == ()


def test_all_errors_have_one_base_class() -> None:
    classes = PayloadError.__subclasses__()
    assert {c.__name__ for c in classes if not c.permanent} == {
        "StorageError",
        "ModelChangingError",
        "DeadlineExceededError",
    }
    assert {c.__name__ for c in classes if c.permanent} == {
        "InvalidRequestError",
        "InvalidSettingsError",
        "ModelNotFoundError",
        "ModelArchivedError",
        "AccessDeniedError",
        "CorruptArchiveError",
        "ArchiveLimitError",
        "HyperparametersNotFoundError",
        "InvalidHyperparametersError",
        "NoInputFieldsError",
        "PayloadTooLargeError",
        "PayloadOccupiedError",
        "InternalError",
        "RefusedError",
        "OutputError",
    }
    assert issubclass(HyperparametersNotFoundError, FileNotFoundError)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain ü", "plain ü"),
        ("a\nb\t\x1b\u202e\ud800", "a\\nb\\t\\x1b\\u202e\\ud800"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
        ("\n" * 200, "\\n" * 99 + "\\" + "…"),
        (10**5000, "…"),
    ],
    ids=["plain", "escaped", "200", "201", "long when escaped", "huge"],
)
def test_how_names_are_shown(value: Any, text: str) -> None:
    assert shown(value) == text
    assert len(shown(value)) <= 200
