"""The check of a payload archive: what is valid, what is not, and that any bytes get an answer."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import struct
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import mims_payload
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mims.errors import (
    ArchiveLimitError,
    CorruptArchiveError,
    PayloadError,
    PayloadTooLargeError,
)
from mims.payload.check import check_payload_archive
from mims.payload.page import Page, columns
from mims.payload.report import describe_report, report_as_json
from mims.settings import read_settings
from mims.version import GENERATOR, VERSION

from tests.archives import packed, payload_of, unpacked

HYPERPARAMETERS = {
    "tab_field_list": ["age", "amount.mean"],
    "cat_field_list": ["country", 'note, with "signs"'],
    "pipeline_name": "risk",
}
TEXT_TYPES = [
    "application/json",
    "application/json; format=records",
    "application/json; format=dataframe_split",
    "application/json; format=dataframe_records",
    "application/json; format=inputs",
    "application/json; format=features",
    "application/jsonlines",
    "text/csv",
    "text/csv; header=absent",
]
JSON_TYPES = [name for name in TEXT_TYPES if name.startswith("application/json")]
NUMBER_TYPES = ["text/libsvm", "text/libsvm; index=0", "application/x-npy"]
ALL_TYPES = [*TEXT_TYPES, *NUMBER_TYPES]
FLAT_TYPES = [*ALL_TYPES, "application/json; format=record"]

Files = Dict[str, bytes]


def made(content_types: List[str], **changes: Any) -> bytes:
    """Return a payload archive with only numbers, which every content type can carry."""
    request = {
        "content_types": content_types,
        "default_categorical_value": "0.5",
        "field_values": {"age": [7, 8.25], "country": ["1", "2"]},
        "sample_count": 3,
        **changes,
    }
    content = json.dumps(HYPERPARAMETERS).encode()
    return payload_of(content, read_settings({}, request), 0).archive


def written(files: Files, change: Optional[Callable[[tarfile.TarInfo], None]] = None) -> bytes:
    """Pack files as the generator does, except that `change` alters each header."""
    archive = io.BytesIO()
    with gzip.GzipFile("", "wb", fileobj=archive, mtime=0) as compressed, tarfile.open(
        fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT
    ) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            if change:
                change(member)
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def with_metadata(archive: bytes, change: Callable[[Any], Any]) -> bytes:
    files = unpacked(archive)
    metadata = json.loads(files["metadata.json"])
    changed = change(metadata)
    files["metadata.json"] = json.dumps(metadata if changed is None else changed).encode()
    return written(files)


def with_content(archive: bytes, path: str, content: bytes) -> bytes:
    """Replace a payload file, and its size and hash in metadata.json with it."""
    files = unpacked(archive)
    metadata = json.loads(files["metadata.json"])
    assert path in files
    for listed in metadata["payloads"]:
        if listed["path"] == path:
            listed["bytes"] = len(content)
            listed["sha256"] = hashlib.sha256(content).hexdigest()
    files[path] = content
    files["metadata.json"] = json.dumps(metadata).encode()
    return written(files)


def refused(archive: bytes) -> str:
    with pytest.raises(CorruptArchiveError) as caught:
        check_payload_archive(archive)
    message = str(caught.value)
    assert message.startswith("The payload archive is invalid: ")
    assert "\n" not in message
    return message


def test_an_archive_of_every_content_type_is_valid_and_is_reported() -> None:
    report = check_payload_archive(made(ALL_TYPES))
    assert report.layout == "contract"
    assert report.generator == f"{GENERATOR} {VERSION}"
    assert report.sample_count == 3
    assert [(field.name, field.type, field.source) for field in report.fields] == [
        ("age", "numeric", "special_field"),
        ("amount.mean", "numeric", "default"),
        ("country", "categorical", "special_field"),
        ('note, with "signs"', "categorical", "default"),
    ]
    assert [str(payload.content_type) for payload in report.payloads] == ALL_TYPES
    assert report.warnings == ()


def test_the_first_sample_is_shown_as_each_content_type_sends_it() -> None:
    report = check_payload_archive(
        made(["application/json", "text/csv", "text/libsvm", "application/x-npy"])
    )
    assert [payload.first_sample for payload in report.payloads] == [
        '{"instances": [{"age": 7.0, "amount.mean": 0.0, "country": "1", '
        '"note, with \\"signs\\"": "0.5"}]}',
        'age,amount.mean,country,"note, with ""signs"""\n7.0,0.0,1,0.5',
        "0 1:7.0 2:0.0 3:1.0 4:0.5",
        "7.0, 0.0, 1.0, 0.5",
    ]


@pytest.mark.parametrize("content_type", FLAT_TYPES)
def test_a_flat_archive_is_valid_and_its_content_type_is_found(content_type: str) -> None:
    report = check_payload_archive(made([content_type], layout="flat"))
    assert report.layout == "flat"
    assert report.sample_count == 3
    (payload,) = report.payloads
    assert str(payload.content_type) == content_type
    assert payload.file_count == 3
    assert payload.path.startswith("sample_payload_0001.")
    assert len(report.fields) == 4


def test_ten_thousand_flat_files_are_valid() -> None:
    archive = made(["text/csv; header=absent"], layout="flat", sample_count=10_000)
    report = check_payload_archive(archive)
    assert (report.sample_count, report.payloads[0].path) == (10_000, "sample_payload_00001.csv")


def test_flat_files_without_names_give_positions_and_types_by_their_first_values() -> None:
    archive = made(["text/csv; header=absent"], layout="flat", field_values={"country": "FR"})
    fields = check_payload_archive(archive).fields
    assert [(field.name, field.type) for field in fields] == [
        ("1", "numeric"),
        ("2", "numeric"),
        ("3", "text"),
        ("4", "numeric"),
    ]


def test_warnings_of_the_metadata_are_reported() -> None:
    archive = with_metadata(made(["text/csv"]), lambda m: m["warnings"].append("look here"))
    assert check_payload_archive(archive).warnings == ("look here",)


@pytest.mark.parametrize(
    "change",
    [
        lambda member: setattr(member, "mtime", 1),
        lambda member: setattr(member, "uid", 1000),
        lambda member: setattr(member, "uname", "somebody"),
        lambda member: setattr(member, "mode", 0o600),
    ],
    ids=["time", "owner", "owner's name", "mode"],
)
def test_a_repacked_archive_is_valid_with_a_warning(change: Callable[[Any], None]) -> None:
    archive = made(["application/json", "text/csv"])
    assert written(unpacked(archive)) == archive, "the test packs as the generator does"
    (warning,) = check_payload_archive(written(unpacked(archive), change)).warnings
    assert "packed by another program" in warning


def test_another_order_or_a_gzip_name_is_a_repacked_archive_too() -> None:
    archive = made(["application/json", "text/csv"])
    backwards = written(dict(reversed(unpacked(archive).items())))
    named = io.BytesIO()
    with gzip.GzipFile("payload.tar", "wb", fileobj=named, mtime=0) as compressed:
        compressed.write(gzip.decompress(archive))
    for repacked in (backwards, named.getvalue()):
        (warning,) = check_payload_archive(repacked).warnings
        assert "packed by another program" in warning


def test_a_changed_file_is_named() -> None:
    files = unpacked(made(["application/json", "text/csv"]))
    files["text_csv/sample_payload.csv"] = files["text_csv/sample_payload.csv"].replace(b"7", b"9")
    message = refused(written(files))
    assert "'text_csv/sample_payload.csv' has a different SHA-256" in message


def test_a_file_of_another_size_is_named() -> None:
    files = unpacked(made(["application/json", "text/csv"]))
    files["text_csv/sample_payload.csv"] += b"\n"
    assert "'text_csv/sample_payload.csv' has 90 bytes, not the 89" in refused(written(files))


def test_a_missing_file_is_named() -> None:
    files = unpacked(made(["application/json", "text/csv"]))
    del files["text_csv/sample_payload.csv"]
    assert "'text_csv/sample_payload.csv' is missing" in refused(written(files))


@pytest.mark.parametrize("name", ["notes.txt", "text_csv/sample_payload.csv.bak", "../evil"])
def test_an_extra_file_is_named(name: str) -> None:
    files = {**unpacked(made(["text/csv"])), name: b"x"}
    assert f"'{name}' is in it, but not listed" in refused(written(files))


def test_a_file_that_is_there_twice_is_named() -> None:
    files = [*unpacked(made(["text/csv"])).items()]
    assert "'metadata.json' is in it twice" in refused(packed(*files, *files))


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_what_is_not_a_regular_file_is_refused(kind: bytes) -> None:
    def change(member: tarfile.TarInfo) -> None:
        if member.name == "metadata.json":
            member.type = kind
            member.size = 0

    message = refused(written(unpacked(made(["text/csv"])), change))
    assert "'metadata.json' in it is not a file that the generator writes" in message


def test_a_folder_is_refused() -> None:
    def change(member: tarfile.TarInfo) -> None:
        if member.name == "text_csv":
            member.type = tarfile.DIRTYPE

    message = refused(written({"text_csv": b"", **unpacked(made(["text/csv"]))}, change))
    assert "'text_csv/' in it is not a file that the generator writes" in message


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"age,amount.mean,country\n7.0,0.0,1\n8.25,0.0,2\n7.0,0.0,1", "has different fields"),
        (b'age,amount.mean,country,"note, with ""signs"""\n7.0,0.0,1,0.5', "1 sample, not 3"),
        (b'age,"amount', "is not a body of text/csv"),
        (b"", "is not a body of text/csv"),
        (
            b'age,amount.mean,country,"note, with ""signs"""\n7.0,0.0,1,0.5\n8.25,none,2,0.5\n'
            b"7.0,0.0,1,0.5",
            "has a value in 'amount.mean' that is not numeric",
        ),
        (
            b'age,amount.mean,country,"note, with ""signs"""\n7.0,0.0,1,0.5\n8.25,nan,2,0.5\n'
            b"7.0,0.0,1,0.5",
            "has a value in 'amount.mean' that is not numeric",
        ),
        (
            b'age,amount.mean,country,"note, with ""signs"""\n7.0,0.0,1,0.5\n8.25,0.0,3,0.5\n'
            b"7.0,0.0,1,0.5",
            "has a different value in 'country' than the other payload files",
        ),
    ],
)
def test_a_body_that_does_not_fit_the_metadata_is_named(body: bytes, fault: str) -> None:
    archive = made(["application/json", "text/csv"])
    message = refused(with_content(archive, "text_csv/sample_payload.csv", body))
    assert "'text_csv/sample_payload.csv'" in message
    assert fault in message


@pytest.mark.parametrize(
    "value",
    ["NaN", "Infinity", "1e999", "7", "true", '"7.0"', "[7.0]", '"\\ud800"', "{}"],
)
def test_a_json_number_must_be_a_finite_float(value: str) -> None:
    archive = made(["application/json; format=record"], sample_count=1)
    body = '{"age": %s, "amount.mean": 0.0, "country": "1", "note, with \\"signs\\"": "0.5"}'
    path = "application_json_format_record/sample_payload.json"
    refused(with_content(archive, path, (body % value).encode()))
    check_payload_archive(with_content(archive, path, (body % "7.0").encode()))


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("content_type", [*JSON_TYPES, "application/json; format=v2"])
def test_json_must_be_one_line(content_type: str, indent: Optional[int]) -> None:
    archive = made([content_type], sample_count=1)
    (path,) = set(unpacked(archive)) - {"metadata.json"}
    parsed = json.loads(unpacked(archive)[path])
    check_payload_archive(with_content(archive, path, json.dumps(parsed).encode()))
    body = (json.dumps(parsed, indent=indent) + "\n").encode()
    assert f"'{path}' is not a body of {content_type}" in refused(with_content(archive, path, body))


@pytest.mark.parametrize("layout", ["contract", "flat"])
def test_an_integer_beyond_any_float_is_valid_in_libsvm(layout: str) -> None:
    request = {"content_types": "text/libsvm", "layout": layout, "field_values": {"a": 10**400}}
    hyperparameters = b'{"field_info": {"a": "int"}}'
    check_payload_archive(payload_of(hyperparameters, read_settings({}, request)).archive)


def test_an_empty_line_of_csv_is_not_a_row() -> None:
    hyperparameters = b'{"cat_field_list": ["a"]}'
    request = {"content_types": "text/csv", "field_values": {"a": ""}}
    archive = payload_of(hyperparameters, read_settings({}, request)).archive
    path = "text_csv/sample_payload.csv"
    assert unpacked(archive)[path] == b'a\n""'
    check_payload_archive(archive)
    assert f"'{path}' is not a body" in refused(with_content(archive, path, b"a\n"))
    assert "not a sample" in refused(written({"sample_payload_0001.csv": b""}))


def npy(shape: Tuple[int, ...], numbers: bytes) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + numbers


@pytest.mark.parametrize(
    "body",
    [
        npy((10**12, 0), b""),
        npy((0, 10**12), b""),
        npy((-1, -4), bytes(16)),
        npy((3, 4), bytes(47)),
        npy((3,), bytes(12)),
        b"\x93NUMPY\x01\x00\xff",
        b"\x93NUMPY\x01\x00" + struct.pack("<H", 60_000) + b"(" * 60_000,
        b"\x93NUMPY\x01\x00" + struct.pack("<H", 60_000) + b"-" * 60_000,
    ],
)
def test_a_hostile_npy_file_is_refused_without_its_memory(body: bytes) -> None:
    path = "application_x_npy/sample_payload.npy"
    assert f"'{path}' is not a body" in refused(
        with_content(made(["application/x-npy"]), path, body)
    )


def test_another_value_is_seen_in_each_of_the_content_types() -> None:
    archive, other = (
        made(ALL_TYPES),
        made(ALL_TYPES, field_values={"age": [7, 9], "country": ["1", "2"]}),
    )
    for path, content in unpacked(other).items():
        if path != "metadata.json":
            assert "a different value in 'age'" in refused(with_content(archive, path, content))


def test_a_text_where_another_file_has_a_number_is_seen() -> None:
    archive = made(["application/jsonlines", "text/libsvm"])
    path = "application_jsonlines/sample_payload.jsonl"
    content = unpacked(archive)[path].replace(b'"1"', b'"one"')
    assert "a different value in 'country'" in refused(with_content(archive, path, content))


@pytest.mark.parametrize(
    "body",
    [
        b'{"dataframe_split": {"columns": ["a"], "data": [[1.0, 2.0]]}}',
        b'{"dataframe_split": {"columns": [1], "data": [[1.0]]}}',
        b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1.0, 2.0], [1.0]]}}',
        b'{"dataframe_split": {"columns": ["a"], "data": {"a": 1.0}}}',
        b'{"dataframe_split": {"columns": ["a"], "data": []}}',
    ],
)
def test_a_body_that_is_not_a_table_is_refused(body: bytes) -> None:
    archive = made(["application/json; format=dataframe_split"])
    path = "application_json_format_dataframe_split/sample_payload.json"
    assert f"'{path}' is not a body" in refused(with_content(archive, path, body))


def set_at(*keys: Any) -> Callable[[Any], Callable[[Any], None]]:
    def setter(value: Any) -> Callable[[Any], None]:
        def change(metadata: Any) -> None:
            for key in keys[:-1]:
                metadata = metadata[key]
            metadata[keys[-1]] = value

        return change

    return setter


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (set_at("schema_version")("2.0"), "schema version '2.0', not 1.1"),
        (set_at("sample_count")(4), "3 samples, not 4"),
        (set_at("sample_count")(True), "sample_count"),
        (set_at("sample_count")(10**6), "sample_count"),
        (set_at("content_types")(["text/csv"]), "content_types"),
        (set_at("input_variables", 0, 1)("TEXT"), "input_variables"),
        (set_at("fields", 0, "name")("ages"), "input_variables"),
        (set_at("fields", 0, "type")("number"), "'age'"),
        (set_at("fields", 0, "source")("rumour"), "'age'"),
        (set_at("fields")([]), "input_variables in metadata.json are not its fields"),
        (set_at("payloads")([]), "lists a file twice, or none"),
        (set_at("payloads", 0, "path")("../x.json"), "lists '../x.json'"),
        (set_at("payloads", 0, "content_type")("text/html"), "'text/html', which is not known"),
        (set_at("payloads", 0, "parameters")({"format": "xml"}), "is not known"),
        (set_at("payloads", 0, "parameters")({"charset": "utf-8"}), "belongs elsewhere"),
        (set_at("payloads", 0, "bytes")(1), "not the 1 of metadata.json"),
        (set_at("payloads", 0, "sha256")("0" * 64), "has a different SHA-256"),
        (set_at("warnings")("none"), "warnings"),
        (set_at("generator")({"name": 1, "version": 2}), "generator"),
        (set_at("generator")(None), "is not the JSON that the generator writes"),
        (lambda metadata: metadata.pop("fields") and None, "is not the JSON"),
        (lambda metadata: [metadata], "is not the JSON"),
        (lambda metadata: f"{metadata}", "is not the JSON"),
    ],
)
def test_invalid_metadata_is_named(change: Callable[[Any], Any], fault: str) -> None:
    assert fault in refused(with_metadata(made(["application/json"]), change))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 5000])
def test_metadata_that_is_not_json_is_refused(content: bytes) -> None:
    files = {**unpacked(made(["text/csv"])), "metadata.json": content}
    assert "metadata.json is not the JSON that the generator writes" in refused(written(files))


def test_the_type_of_a_field_must_be_that_of_its_values() -> None:
    def change(metadata: Any) -> None:
        metadata["fields"][0]["type"] = "text"
        metadata["input_variables"][0][1] = "TEXT"

    message = refused(with_metadata(made(["application/json"]), change))
    assert "has a value in 'age' that is not text" in message


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda files: files.update({"notes.txt": b""}), "'notes.txt' is in it, but no metadata"),
        (lambda files: files.update({"sample_payload_0004.jsonl": b"{}"}), "several types"),
        (lambda files: files.pop("sample_payload_0002.json"), "'sample_payload_0002.json' is miss"),
        (
            lambda files: files.update({"sample_payload_0002.json": b'{"instances": [}'}),
            "'sample_payload_0002.json' is not a sample",
        ),
        (
            lambda files: files.update(
                {"sample_payload_0003.json": b'{"instances": [{"a": 1.0}]}\n'}
            ),
            "'sample_payload_0003.json' is not a sample of one type with those before it",
        ),
    ],
)
def test_an_invalid_flat_archive_is_named(change: Callable[[Files], object], fault: str) -> None:
    files = unpacked(made(["application/json"], layout="flat"))
    change(files)
    assert fault in refused(written(files))


def test_a_contract_archive_without_its_metadata_is_refused() -> None:
    files = unpacked(made(["application/json"]))
    del files["metadata.json"]
    assert "but no metadata.json" in refused(written(files))


def test_an_unknown_type_of_flat_files_is_refused() -> None:
    refused(written({"sample_payload_0001.exe": b"0"}))


@pytest.mark.parametrize(
    ("archive", "fault"),
    [
        (b"", "empty"),
        (b"PK\x03\x04" + bytes(600), "a zip archive"),
        (b"{}", "a JSON document"),
        (gzip.decompress(made(["text/csv"])), "looks like a tar that is not compressed"),
        (gzip.compress(b""), "damaged or truncated"),
        (gzip.compress(bytes(10240)), "no file in it"),
        (gzip.compress(b"x" * 2000), "damaged or truncated"),
        (made(["text/csv"])[:-1], "damaged or truncated"),
        (made(["text/csv"])[:-8] + bytes(8), "damaged or truncated"),
    ],
)
def test_an_incomplete_archive_is_refused(archive: bytes, fault: str) -> None:
    assert fault in refused(archive)


def test_a_payload_file_over_the_limit_of_a_request_is_refused_before_it_is_read() -> None:
    files = {**unpacked(made(["text/csv"])), "text_csv/sample_payload.csv": bytes(6_291_457)}
    with pytest.raises(PayloadTooLargeError, match=r"'text_csv/sample_payload\.csv'.* 6,291,457 "):
        check_payload_archive(written(files))


def test_more_files_than_there_can_be_samples_are_refused() -> None:
    files = {f"sample_payload_{index:05}.csv": b"1.0" for index in range(1, 10_002)}
    with pytest.raises(ArchiveLimitError, match="10,000 files"):
        check_payload_archive(written(files))
    files.pop("sample_payload_10001.csv")
    assert check_payload_archive(written(files)).sample_count == 10_000


def test_more_bytes_than_any_payload_has_are_refused_unread() -> None:
    with pytest.raises(ArchiveLimitError, match="268,435,456 bytes"):
        check_payload_archive(bytes(256 * 1024**2 + 1))


def test_more_values_than_a_request_carries_are_refused() -> None:
    with pytest.raises(ArchiveLimitError, match="1,572,865 values in a sample"):
        check_payload_archive(written({"sample_payload_0001.csv": b"," * 1_572_864}))


def test_headers_longer_than_needed_are_refused() -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("x" * 5_000)
        tar.addfile(member)
    assert "is not a file that the generator writes" in refused(archive.getvalue())


def test_a_bomb_is_refused_in_flat_memory(tmp_path: Path) -> None:
    """5 GiB of zeros after a whole archive, in a process that may not have 400 MiB."""
    resource = pytest.importorskip("resource", reason="no limits of memory on this system")
    del resource
    member = gzip.compress(bytes(64 * 1024**2), 1)
    path = tmp_path / "payload.tar.gz"
    path.write_bytes(made(["text/csv"]) + member * 80)
    script = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))\n"
        "import mims_payload\n"
        "sys.exit(mims_payload.command(['--check', sys.argv[1]]))\n"
    )
    folder = str(Path(mims_payload.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert "ArchiveLimitError" in done.stderr
    assert "decompressed" in done.stderr


WHOLE = made(["application/json", "text/csv", "application/x-npy"])
WHOLE_TAR = gzip.decompress(WHOLE)
FLAT_TAR = gzip.decompress(made(["application/json"], layout="flat"))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=2000))
@example(b"\x1f\x8b")
def test_any_bytes_give_a_report_or_one_of_the_projects_errors(content: bytes) -> None:
    for archive in (content, gzip.compress(content)):
        with pytest.raises(PayloadError):
            check_payload_archive(archive)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([WHOLE_TAR, FLAT_TAR]), st.data())
def test_a_damaged_archive_gives_a_report_or_one_of_the_projects_errors(
    tar: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(tar) - 1))
    damaged = tar[:at] + data.draw(st.binary(min_size=1, max_size=40)) + tar[at + 1 :]
    try:
        report = check_payload_archive(gzip.compress(damaged, mtime=0))
    except PayloadError:
        return
    assert describe_report(report)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FLAT_TYPES), st.data())
def test_any_body_gives_a_report_or_one_of_the_projects_errors(
    content_type: str, data: st.DataObject
) -> None:
    (path, content), *_ = unpacked(made([content_type], layout="flat")).items()
    at = data.draw(st.integers(0, len(content)))
    inserted = data.draw(st.binary(max_size=10) | st.text(max_size=10).map(str.encode))
    changed = content[:at] + inserted + content[at + data.draw(st.integers(0, 3)) :]
    try:
        report = check_payload_archive(written({path: changed}))
    except PayloadError:
        return
    assert describe_report(report)


def test_the_report_says_what_is_in_the_archive_and_what_it_is_too_large_for() -> None:
    archive = made(["text/csv; header=absent"], default_text_value="x", sample_count=10_000)
    text = describe_report(check_payload_archive(archive))
    assert "valid: 1 payload file, 10,000 samples of 4 fields." in text
    assert re.search(rf"^  Made by +{GENERATOR} {VERSION}$", text, re.M)
    assert re.search(r"^  Fields from +hyperparameters\.json \(hyperparameters\)$", text, re.M)
    assert "  1 numeric field, by SPECIAL_FIELD_* or field_values\n    age\n" in text
    assert "  1 numeric field, the type's default\n    amount.mean\n" in text
    assert "sample_payload.csv, 144,999 bytes, fits every endpoint" in text
    assert "\n    7.0,0.0,1,0.5" in text
    assert "Warning" not in text

    archive = made(["text/csv"], field_values={"country": "x" * 500}, sample_count=9_000)
    text = describe_report(check_payload_archive(archive))
    assert "too large for serverless (4,194,304 bytes)" in " ".join(text.split())
    assert "\nWarning\n  - The payload file of text/csv has " in text


def test_the_report_shows_family_recipe_and_each_body_and_warning_once() -> None:
    archive = made(["text/csv", "application/json"], recipe="xgboost", field_values={"agee": 1})
    text = describe_report(check_payload_archive(archive), Page(width=500))
    assert re.search(r"^  Recipe +xgboost$", text, re.M)
    assert text.count("\n    age,amount.mean") == 1
    assert text.count('{"instances"') == 1
    (warning,) = check_payload_archive(archive).warnings
    assert text.count(warning) == 1
    report = replace(check_payload_archive(archive), family="xgboost", warnings=("one", "two"))
    text = describe_report(report)
    assert re.search(r"^  Family +xgboost$", text, re.M)
    assert text.endswith("\nWarnings\n  - one\n  - two")


def test_fields_are_grouped_by_type_and_source() -> None:
    archive = made(["application/json"], field_values={"country": "1"})
    text = describe_report(check_payload_archive(archive))
    assert text[text.index("\nFields\n") : text.index("\n\napplication/json\n")] == (
        "\nFields\n"
        "  2 numeric fields, the type's default\n"
        "    age, amount.mean\n"
        "  1 categorical field, by SPECIAL_FIELD_* or field_values\n"
        "    country\n"
        "  1 categorical field, the type's default\n"
        '    note, with "signs"'
    )


def test_a_shaped_field_is_named_with_its_shape() -> None:
    fields = {"image": {"type": "tensor", "shape": [2, 2]}}
    archive = payload_of(b"{}", read_settings({}, {"fields": fields})).archive
    text = describe_report(check_payload_archive(archive))
    assert "    image [2, 2]\n" in text
    assert "  Fields from  settings\n" in text


@pytest.mark.parametrize("width", [40, 80, 119])
@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("layout", ["contract", "flat"])
def test_no_line_is_wider_than_the_page(width: int, unicode: bool, layout: str) -> None:
    names = ["年齢" * 30, "x" * 90, "plain", "a name with blanks", *(f"n{i}" for i in range(300))]
    content = json.dumps({"cat_field_list": names}).encode()
    types = ["application/json; format=dataframe_records", *ALL_TYPES[:9]]
    request = {
        "content_types": types if layout == "contract" else types[0],
        "layout": layout,
        "field_values": {"plain": "word " * 100, "不明": "1"},
        "default_text_value": "値" * 300,
    }
    archive = payload_of(content, read_settings({}, request)).archive
    page = Page(width, unicode=unicode)
    text = describe_report(check_payload_archive(archive), page)
    assert max(map(columns, text.split("\n"))) <= width
    assert text.isascii() or unicode
    assert page.ellipsis in text
    coloured = describe_report(check_payload_archive(archive), page._replace(colours=True))
    assert coloured != text
    assert re.sub("\x1b\\[[0-9]+m", "", coloured) == text


def test_the_report_cuts_long_samples_and_escapes_control_characters() -> None:
    note = "\x1b[31m" + "y" * 1000
    archive = made(["application/jsonlines", "text/csv"], field_values={"country": note})
    text = describe_report(check_payload_archive(archive))
    assert "\x1b" not in text
    assert "\\x1b[31myyy" in text
    assert "characters)" in text
    assert max(map(len, text.split("\n"))) <= 80


def test_the_report_of_a_wide_model_names_the_first_fields() -> None:
    names = [f"field_{index}" for index in range(1000)]
    content = json.dumps({"tab_field_list": names}).encode()
    archive = payload_of(content, read_settings({})).archive
    report = check_payload_archive(archive)
    text = describe_report(report)
    (more,) = re.findall(r"^    … and ([0-9]+) more$", text, re.M)
    named = re.findall(r"\bfield_[0-9]+\b", text[: text.index("more")])
    assert named == names[: 1000 - int(more)]
    assert len(named) > 20
    assert len(report_as_json(report)["fields"]) == 1000


def test_the_report_as_json_has_all_of_it() -> None:
    report = report_as_json(check_payload_archive(made(["text/csv; header=absent"])))
    assert json.loads(json.dumps(report)) == report
    assert report["valid"] is True
    assert report["fields"][0] == {"name": "age", "type": "numeric", "source": "special_field"}
    assert report["fields_from"] == {"source": "hyperparameters", "member": "hyperparameters.json"}
    assert report["sample_count"] == 3
    (payload,) = report["payloads"]
    assert payload == {
        "path": "text_csv_header_absent/sample_payload.csv",
        "content_type": "text/csv",
        "parameters": {"header": "absent"},
        "file_count": 1,
        "bytes": payload["bytes"],
        "too_large_for": [],
        "first_sample": "7.0,0.0,1,0.5",
    }
    flat = report_as_json(check_payload_archive(made(["text/csv"], layout="flat")))
    assert (flat["generator"], flat["layout"], flat["fields_from"]) == (None, "flat", None)


def test_the_command_prints_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "payload.tar.gz"
    path.write_bytes(made(["text/csv"]))
    assert mims_payload.command(["--check", str(path)]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(describe_report(check_payload_archive(path.read_bytes())) + "\n")
    assert printed.err == ""
    assert mims_payload.command(["--check", str(path), "--json"]) == 0
    report = check_payload_archive(path.read_bytes())
    assert json.loads(capsys.readouterr().out) == report_as_json(report)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [None, b"no archive"])
def test_the_command_ends_with_1_and_one_line_if_the_archive_is_invalid(
    content: Optional[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "payload.tar.gz"
    if content is not None:
        path.write_bytes(content)
    assert mims_payload.command(["--check", str(path)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    expected = "InvalidRequestError: " if content is None else "CorruptArchiveError: "
    assert printed.err.startswith(expected)
    assert printed.err.count("\n") == 1


def test_a_value_from_the_setting_fields_is_reported_as_such() -> None:
    fields = {"n": {"type": "int", "default": 3}}
    by_setting = payload_of(b"{}", read_settings({}, {"fields": fields})).archive
    by_model = payload_of(json.dumps({"field_info": fields}).encode()).archive
    assert "1 integer field, by FIELDS\n" in describe_report(check_payload_archive(by_setting))
    assert "by field_info of the hyperp" in describe_report(check_payload_archive(by_model))


@pytest.mark.parametrize("layout", ["contract", "flat"])
@pytest.mark.parametrize("content_type", ["text/libsvm", "application/x-npy", "text/csv"])
def test_samples_whose_values_are_all_missing_are_valid(content_type: str, layout: str) -> None:
    request = {
        "content_types": content_type,
        "layout": layout,
        "sample_count": 2,
        "field_values": {"a": [None, 1], "b": None},
    }
    content = json.dumps({"field_info": {"a": "float", "b": "int"}}).encode()
    report = check_payload_archive(payload_of(content, read_settings({}, request)).archive)
    assert (report.layout, report.sample_count) == (layout, 2)
    assert describe_report(report)


@pytest.mark.parametrize(
    "other",
    ["application/json; format=lists", "text/csv", "text/csv; header=absent", "text/libsvm"],
)
@pytest.mark.parametrize(
    ("categories", "value"),
    [
        ([True, False], 0),
        ([1, 2], True),
        ([1, 2], 1.0),
        ([1, 2], "01"),
        ([0.5], 1),
        ([True], "true"),
        ([True], "1"),
    ],
)
def test_a_category_that_a_datatype_writes_differently_is_the_same(
    categories: List[Any], value: Any, other: str
) -> None:
    fields = {"c": {"type": "enum", "categories": categories}}
    request = {
        "content_types": f"application/json; format=v2, {other}",
        "field_values": {"c": value},
    }
    content = json.dumps({"field_info": fields}).encode()
    archive = payload_of(content, read_settings({}, request)).archive
    assert check_payload_archive(archive).sample_count == 1


def test_a_boolean_as_a_category_is_a_text_in_one_file_and_a_number_in_another() -> None:
    request = {"content_types": "text/csv, text/libsvm", "field_values": {"c": [True, False]}}
    given = read_settings({}, {**request, "sample_count": 2})
    archive = payload_of(b'{"field_info": {"c": "enum"}}', given).archive
    assert check_payload_archive(archive).sample_count == 2
