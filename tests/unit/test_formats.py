"""Each content type's body: as common readers read it, and as it is read back."""

from __future__ import annotations

import csv
import io
import json
import struct
import sys
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mims.errors import InvalidSettingsError, PayloadError, PayloadTooLargeError
from mims.fields import NUMERIC, TYPE_OF_DATATYPE, Field
from mims.formats.format import Format
from mims.formats.registry import FORMATS, parse_content_types, read_body
from mims.formats.table import tabulate
from mims.formats.template import Templates, parse_content_template, parse_record_template
from mims.limits import REQUEST_BYTES
from mims.payload.files import encode, generate_sample_payload
from mims.samples import Samples
from mims.settings import read_settings
from mims.shapes import filled

AGE, CITY = Field("age", "numeric"), Field("city", "categorical")
TWO = Samples((AGE, CITY), ((7.0, 8.5), ("Rome", "Ω")), ("default",) * 2, 2)
ONE = TWO.one(0)
NUMBERS = Samples((AGE, CITY), ((7.0, 8.5), ("1", "-2e3")), ("default",) * 2, 2)


def of_type(text: str) -> Format:
    (content_type,) = parse_content_types(text, "CONTENT_TYPES")
    return content_type


BODIES = {
    "application/json": '{"instances": [{"age": 7.0, "city": "Rome"}, {"age": 8.5, "city": "Ω"}]}',
    "application/json; format=records": '[{"age": 7.0, "city": "Rome"}, {"age": 8.5, "city": "Ω"}]',
    "application/json; format=dataframe_split": (
        '{"dataframe_split": {"columns": ["age", "city"], "data": [[7.0, "Rome"], [8.5, "Ω"]]}}'
    ),
    "application/json; format=dataframe_records": (
        '{"dataframe_records": [{"age": 7.0, "city": "Rome"}, {"age": 8.5, "city": "Ω"}]}'
    ),
    "application/json; format=inputs": '{"inputs": {"age": [7.0, 8.5], "city": ["Rome", "Ω"]}}',
    "application/json; format=features": (
        '{"instances": [{"features": [7.0, "Rome"]}, {"features": [8.5, "Ω"]}]}'
    ),
    "application/jsonlines": '{"age": 7.0, "city": "Rome"}\n{"age": 8.5, "city": "Ω"}',
    "text/csv": "age,city\n7.0,Rome\n8.5,Ω",
    "text/csv; header=absent": "7.0,Rome\n8.5,Ω",
}


@pytest.mark.parametrize("content_type", BODIES)
def test_the_bodies(content_type: str) -> None:
    assert encode(TWO, of_type(content_type)).decode() == BODIES[content_type]


def test_the_bodies_of_one_sample_and_of_only_numbers() -> None:
    record = of_type("application/json; format=record")
    assert encode(ONE, record) == b'{"age": 7.0, "city": "Rome"}'
    assert encode(NUMBERS, of_type("text/libsvm")) == b"0 1:7.0 2:1.0\n0 1:8.5 2:-2000.0"


@pytest.mark.parametrize(
    ("content_type", "folder", "extension"),
    [
        ("application/json", "application_json", ".json"),
        ("application/json; format=inputs", "application_json_format_inputs", ".json"),
        ("application/json; format=instances; charset=utf-8", "application_json", ".json"),
        ("application/json; format=dataframe_split", "application_json_format_dataframe_split",
         ".json"),
        ("application/jsonlines", "application_jsonlines", ".jsonl"),
        ("text/csv; header=present", "text_csv", ".csv"),
        ("TEXT/CSV; HEADER=ABSENT", "text_csv_header_absent", ".csv"),
        ("text/libsvm", "text_libsvm", ".libsvm"),
        ("application/x-npy", "application_x_npy", ".npy"),
    ],
)  # fmt: skip
def test_folders_and_what_goes_over_the_wire(
    content_type: str, folder: str, extension: str
) -> None:
    parsed = of_type(content_type)
    assert (parsed.folder, parsed.extension) == (folder, extension)
    assert parsed.media_type == content_type.split(";")[0].lower()


def test_npy_is_what_numpy_reads() -> None:
    numpy = pytest.importorskip("numpy")
    matrix = numpy.load(io.BytesIO(encode(NUMBERS, of_type("application/x-npy"))))
    assert matrix.dtype == numpy.float32
    assert matrix.tolist() == [[7.0, 1.0], [8.5, -2000.0]]
    wide = Samples(tuple(Field(f"f{n}", "numeric") for n in range(999)), ((0.1,),) * 999, (), 1)
    written = io.BytesIO()
    numpy.save(written, numpy.full((1, 999), 0.1, dtype="<f4"))
    assert encode(wide, of_type("application/x-npy")) == written.getvalue()


def test_npy_is_laid_out_as_its_format_says() -> None:
    body = encode(NUMBERS, of_type("application/x-npy"))
    assert body[:8] == b"\x93NUMPY\x01\x00"
    (length,) = struct.unpack("<H", body[8:10])
    header = body[10 : 10 + length]
    assert (10 + length) % 64 == 0
    assert header.rstrip(b" \n").endswith(b"'shape': (2, 2), }")
    assert header.endswith(b"\n")
    assert struct.unpack("<4f", body[10 + length :]) == (7.0, 1.0, 8.5, -2000.0)


@pytest.mark.parametrize("content_type", ["text/libsvm", "application/x-npy"])
@pytest.mark.parametrize("text", ["Rome", "", "nan", "1_0", "1e999", "\u0663"])
def test_text_in_a_body_of_numbers_names_the_field(content_type: str, text: str) -> None:
    samples = Samples((AGE, CITY), ((7.0,), (text,)), ("default",) * 2, 1)
    with pytest.raises(InvalidSettingsError, match=r"'city'.*DEFAULT_CATEGORICAL_VALUE"):
        encode(samples, of_type(content_type))


@pytest.mark.parametrize(
    ("datatype", "carried", "refused"),
    [
        ("INT8", [-128, 127], [-129, 128]),
        ("UINT8", [0, 255], [-1, 256]),
        ("INT32", [-(2**31), 2**31 - 1], [2**31]),
        ("", [-(2**63), 2**63 - 1], [2**63, 10**30]),
        ("UINT64", [2**64 - 1], [2**64, -1]),
    ],
)
def test_an_integer_is_within_its_datatype(
    datatype: str, carried: List[int], refused: List[int]
) -> None:
    (content_type,) = parse_content_types("application/json; format=v2", "x")
    field = Field("n", "integer", datatype=datatype)
    for value in carried:
        made = json.loads(encode(Samples((field,), ((value,),), ("default",), 1), content_type))
        assert made["inputs"][0]["data"] == [value]
    for value in refused:
        with pytest.raises(InvalidSettingsError, match="'n'"):
            encode(Samples((field,), ((value,),), ("default",), 1), content_type)


@pytest.mark.parametrize(
    ("datatype", "carried", "refused"),
    [
        ("FP16", 65504.0, 70000.0),
        ("BF16", 3e38, 1e39),
        ("FP32", -3e38, -1e39),
        ("FP64", 1e308, 10**400),
    ],
)
def test_a_float_is_within_its_datatype(datatype: str, carried: float, refused: float) -> None:
    content_type = of_type("application/json; format=v2")
    field = Field("x", "categorical", datatype=datatype)
    made = json.loads(encode(Samples((field,), ((carried,),), ("default",), 1), content_type))
    assert made["inputs"][0]["data"] == [carried]
    with pytest.raises(InvalidSettingsError, match=f"'x' as {datatype}, which its value does not"):
        encode(Samples((field,), ((refused,),), ("default",), 1), content_type)


@pytest.mark.parametrize(
    "datatype", [name for name, kind in TYPE_OF_DATATYPE.items() if kind == NUMERIC]
)
def test_each_datatype_of_floats_keeps_its_values(datatype: str) -> None:
    (content_type,) = parse_content_types("application/json; format=v2", "x")
    field = Field("x", "numeric", datatype=datatype)
    made = json.loads(encode(Samples((field,), ((0.5,),), ("default",), 1), content_type))
    assert made == {"inputs": [{"name": "x", "shape": [1], "datatype": datatype, "data": [0.5]}]}


def test_a_number_beyond_32_bits_names_the_field() -> None:
    npy = of_type("application/x-npy")
    for value in (1e39, -3.5e38, 3.4028235677973366e38):
        with pytest.raises(InvalidSettingsError, match="'age'"):
            encode(Samples((AGE,), ((value,),), ("default",), 1), npy)
    for value in (3.4028234663852886e38, 1e-50, -0.0, 0.1):
        assert encode(Samples((AGE,), ((value,),), ("default",), 1), npy)
    assert encode(Samples((AGE,), ((1e39,),), ("default",), 1), of_type("text/libsvm"))


EVERY = ", ".join([*BODIES, "application/json; format=record"])
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["", '"', '""', "a,b", "\r", "\n", "\r\n", " x ", "\0", "\u2028", "'", "null", "7.0", "=1+1"]
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(
    columns=st.dictionaries(
        NAMES, st.lists(FLOATS, min_size=1, max_size=3) | st.lists(TEXTS, min_size=1, max_size=3),
        min_size=1, max_size=4,
    ),
    count=st.integers(1, 4),
)  # fmt: skip
def test_every_body_reads_as_its_samples_by_the_fields_own_readers(
    columns: Dict[str, List[Any]], count: int
) -> None:
    fields = tuple(
        Field(name, "numeric" if isinstance(values[0], float) else "text")
        for name, values in columns.items()
    )
    samples = Samples(fields, tuple(map(tuple, columns.values())), (), count)
    rows = list(samples.rows())
    records = [dict(zip(samples.names, row)) for row in rows]
    for content_type in parse_content_types(EVERY, "CONTENT_TYPES"):
        one = ("format", "record") in content_type.parameters
        body = encode(samples.one(0) if one else samples, content_type)
        assert not body.endswith(b"\n") or body == b"\n"
        text = body.decode("utf-8")
        if content_type.media_type == "text/csv":
            if "\0" in text and sys.version_info < (3, 11):
                continue  # the csv module of Python 3.10 reads no NUL
            read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
            cells = [[c if isinstance(c, str) else repr(c) for c in row] for row in rows]
            assert read == ([] if content_type.parameters else [samples.names]) + cells
            continue
        if content_type.media_type == "application/jsonlines":
            assert [json.loads(line) for line in text.split("\n")] == records
            continue
        assert "\n" not in text
        parsed = json.loads(text)
        assert (
            parsed
            == {
                "instances": {"instances": records},
                "record": records[0],
                "records": records,
                "dataframe_records": {"dataframe_records": records},
                "dataframe_split": {"dataframe_split": {"columns": samples.names, "data": rows}},
                "inputs": {"inputs": dict(zip(samples.names, map(list, zip(*samples.rows()))))},
                "features": {"instances": [{"features": row} for row in rows]},
            }[content_type.parameter[1]]
        )


def test_one_empty_cell_is_a_row_and_long_cells_and_nul_are_read_back() -> None:
    for text in ("", "\0", "x" * 200_000, '"' * 200_000):
        samples = Samples((CITY,), ((text,),), ("default",), 1)
        for content_type in ("text/csv", "text/csv; header=absent"):
            body = encode(samples, of_type(content_type))
            assert read_body(body, of_type(content_type)).rows == [[text]]
    assert encode(Samples((CITY,), (("",),), (), 2), of_type("text/csv")) == b'city\n""\n""'


@pytest.mark.parametrize("content_type", [*BODIES, "text/libsvm", "application/x-npy"])
@given(body=st.binary(max_size=80) | st.text(alphabet='{}[]",:\n 10ai', max_size=40))
def test_any_bytes_are_a_body_or_a_value_error(content_type: str, body: Any) -> None:
    with suppress(ValueError):
        read_body(body if isinstance(body, bytes) else body.encode(), of_type(content_type))


@pytest.mark.parametrize("content_type", ["application/json", "text/csv; header=absent"])
def test_a_file_at_the_limit_of_a_request_and_one_byte_over(content_type: str) -> None:
    def size(text: str) -> int:
        samples = Samples((CITY,), ((text,),), ("default",), 1)
        return len(encode(samples, of_type(content_type)))

    room = REQUEST_BYTES - size("x") + 1
    assert size("x" * room) == REQUEST_BYTES == 6_291_456
    with pytest.raises(PayloadTooLargeError, match="SAMPLE_COUNT"):
        size("x" * (room + 1))


def test_a_body_over_the_limit_is_refused_before_it_is_complete() -> None:
    samples = Samples((CITY,), (("x" * 1_000_000,),), ("default",), 10_000)
    with pytest.raises(PayloadTooLargeError):
        encode(samples, of_type("application/jsonlines"))


def test_a_body_that_does_not_give_back_its_samples_is_never_delivered() -> None:
    broken = replace(of_type("text/csv"), write=lambda _: iter([b"age,city\n7.0,Oslo"]))
    with pytest.raises(PayloadError, match="defect"):
        encode(ONE, broken)


def test_the_flat_layout_has_a_file_for_each_sample() -> None:
    request = {"content_types": "text/csv; header=absent", "layout": "flat"}
    settings = read_settings({}, request).resolve({})
    files = list(generate_sample_payload(TWO, settings))
    assert [file.path for file in files] == ["sample_payload_0001.csv", "sample_payload_0002.csv"]
    assert [file.content.decode() for file in files] == ["7.0,Rome", "8.5,Ω"]
    many = Samples((AGE,), ((7.0,),), (), 10_000)
    paths = [file.path for file in generate_sample_payload(many, settings)]
    assert (paths[0], paths[-1]) == ("sample_payload_00001.csv", "sample_payload_10000.csv")
    assert paths == sorted(paths)


WIDE = (
    *(Field(f'a "{index}"', "text") for index in range(1500)),
    Field("row", "numeric", (3000,)),
    *(Field(f"é{index}", "integer", (2, 2)) for index in range(300)),
    Field("matrix", "boolean", (3, 1100)),
    Field("column", "integer", (2000, 1)),
    Field("last", "integer"),
)
WIDE_VALUES = {"text": 'ü"\n', "numeric": 0.5, "integer": 10**20, "boolean": True}


@pytest.mark.parametrize(
    "name",
    [str(f) for f in FORMATS if f.typed and not f.own_types and not f.one_field],
)
def test_a_wide_record_is_written_in_small_pieces_of_the_same_json(name: str) -> None:
    content_type = of_type(name)
    if content_type.templates:
        templates = [f"{setting}: {{}}" for setting in content_type.templates]
        record = parse_record_template(
            '{"list": $features, "object": $features_kvp, "one": ${row}, "text": "$features_kvp"}',
            templates[-1],
        )
        content = parse_content_template('{"quoted": "$record", "bare": $record}', templates[0])
        write = partial(content_type.write, Templates(content, record))
        content_type = replace(content_type, write=write)
    values = tuple((filled(field.shape, WIDE_VALUES[field.type]),) for field in WIDE)
    samples = Samples(WIDE, values, ("default",) * len(WIDE), 1)
    pieces = list(content_type.write(tabulate(samples, content_type.carry, name, False)))
    body = encode(samples, content_type)
    assert b"".join(pieces) == body
    assert max(map(len, pieces)) < 64 * 1024
    text = body.decode()
    assert text == json.dumps(json.loads(text), ensure_ascii=False)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("text/csv; header=absent", b"1,true,1.0,0,-0.0,0.0,false,0"),
        ("text/libsvm", b"0 1:1 2:1 3:1.0 4:0 5:-0.0 6:0.0 7:0 8:0"),
        ("application/x-npy", struct.pack("<8f", 1, 1, 1, 0, -0.0, 0, 0, 0)),
    ],
)
def test_equal_elements_of_different_types_are_each_written_as_they_are(
    name: str, expected: bytes
) -> None:
    field = Field("codes", "categorical", (8,))
    values = ([1, True, 1.0, 0, -0.0, 0.0, False, 0],)
    assert encode(Samples((field,), (values,), ("default",), 1), of_type(name)).endswith(expected)
