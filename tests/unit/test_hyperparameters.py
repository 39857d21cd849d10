"""`hyperparameters.json`: what is read, and the errors for what cannot be read."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mims.errors import ArchiveLimitError, InvalidHyperparametersError
from mims.inputs.hyperparameters import (
    Hyperparameters,
    Member,
    decode,
    parse_hyperparameters,
)


def parse(content: bytes) -> Any:
    return parse_hyperparameters(Member("code/hyperparameters.json", content, 0))


@pytest.mark.parametrize(
    ("content", "parsed"),
    [
        (b"{}", {}),
        (b' {"a": 1}\n', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('{"ü": "ß"}'.encode(), {"ü": "ß"}),
        (b'{"a": -Infinity, "b": Infinity}', {"a": -math.inf, "b": math.inf}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'{"a": 1e999}', {"a": math.inf}),
        (b'{"a": %s}' % (b"9" * 4300), {"a": int("9" * 4300)}),
        (b'{"a": "\\ud800"}', {"a": "\ud800"}),
    ],
)
def test_what_is_read(content: bytes, parsed: Any) -> None:
    assert parse(content) == parsed


def test_nan_is_read() -> None:
    assert math.isnan(parse(b'{"a": NaN}')["a"])


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty, line 1, column 1"),
        (b"\xef\xbb\xbf", "is empty, line 1, column 1"),
        (b" \n ", "is empty"),
        (b"[1]", "must hold a JSON object at its top level, line 1, column 1"),
        (b"null", "must hold a JSON object"),
        (b'"secret"', "must hold a JSON object"),
        (b'{"a": 1,\n "secret" 2}', "line 2, column 11"),
        (b'{"secret": "\n"}', "line 1, column 13"),
        (b'{"a": 1} secret', "line 1, column 10"),
        (b'{"a": secret}', "line 1, column 7"),
        (b'{"a":\n"secret\xff"}', "is not UTF-8, line 2, column 8"),
        ('{"a": "secret"}'.encode("utf-16"), "is not UTF-8 .*UTF-16"),
        ('{"a": "secret"}'.encode("utf-16-le"), "not valid JSON"),
        (b'{"x": "[[[", "a":\n ' + b"[" * 200_000, "too deep, line 2, column 200001"),
        (b'{"a":' * 200_000, "too deep, line 1, column 999996"),
        (b'{"a":\n  %s}' % (b"7" * 4301), "too many digits, line 2, column 3"),
        (b'{"a": -%s}' % (b"7" * 100_000), "too many digits, line 1, column 7"),
    ],
)
def test_what_is_refused_and_where_without_the_content(content: bytes, what: str) -> None:
    with pytest.raises(InvalidHyperparametersError, match=what) as caught:
        parse(content)
    message = str(caught.value)
    assert "'code/hyperparameters.json'" in message
    assert "secret" not in message
    assert "777" not in message


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,\\n1e-au \ud800', max_size=40))
def test_any_bytes_give_an_object_or_the_error(content: bytes | str) -> None:
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    with suppress(InvalidHyperparametersError):
        assert isinstance(parse(raw), Hyperparameters)


@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        (None, None),
        ("", None),
        ("null", None),
        ("None", None),
        ('"null"', None),
        ('"None"', None),
        ('""', None),
        (" null ", None),
        ([], []),
        ("[]", []),
        ('["a"]', ["a"]),
        (json.dumps('["a"]'), ["a"]),
        (json.dumps(json.dumps('["a"]')), ["a"]),
        ('{"a": "b"}', {"a": "b"}),
        ("a,b", "a,b"),
        ("['a']", ["a"]),
        ("7", 7),
        (7, 7),
        ("[" * 100_000, "[" * 100_000),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_an_encoded_value_is_decoded_and_an_absent_one_is_none(value: Any, decoded: Any) -> None:
    assert decode(value) == decoded


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("returns", "returns"),
        ('"returns"', "returns"),
        ("1.10", "1.10"),
        ("true", "true"),
        ("None", None),
        (None, None),
        (7, 7),
        ("[1]", "[1]"),
        ([1], None),
        ({}, None),
    ],
)
def test_a_scalar_is_decoded_only_if_the_result_is_a_text(value: Any, text: Any) -> None:
    assert Hyperparameters({"a": value}).scalar("a") == text


@pytest.mark.parametrize(
    ("piece", "size"), [("[{}],", 5), ('"a":0,', 14), ("\u20ac", 17), ("x", 65)]
)
def test_hyperparameters_within_a_raised_limit_must_still_fit_into_memory(
    piece: str, size: int
) -> None:
    length = size * 1024**2
    filled = piece * (length // len(piece.encode()))
    content = ('{"x": "%s"}' % filled if len(piece) == 1 else filled).encode()
    with pytest.raises(ArchiveLimitError, match="fit into memory"):
        parse_hyperparameters(Member("hyperparameters.json", content, 0))
