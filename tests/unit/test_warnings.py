"""Warnings of one kind are one warning, which names the first few and counts the rest."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Tuple

import pytest
from mims import generate
from mims.settings import read_settings

from tests.archives import END, gz, member

MANY = 4_000
Members = List[Tuple[str, bytes]]


def hyperparameters(**values: Any) -> Members:
    return [("hyperparameters.json", json.dumps(values).encode())]


def numbered(words: str) -> List[str]:
    return [words % number for number in range(MANY)]


KINDS: Dict[str, Tuple[Callable[[], Members], Dict[str, str], str]] = {
    "fields of unknown types": (
        lambda: hyperparameters(field_info=dict.fromkeys(numbered("name%d"), "blob")),
        {},
        "No known type is given for 'name0', 'name1', 'name2', 'name3', 'name4' and 3,995 more: "
        "they count as text.",
    ),
    "variables that match several fields": (
        lambda: hyperparameters(tab_field_list=[*numbered("a.%d"), *numbered("a-%d")]),
        dict.fromkeys(numbered("SPECIAL_FIELD_a_%d"), "1"),
        " and 3,995 more. Name each in FIELD_DEFAULTS.",
    ),
    "variables that match one field": (
        lambda: hyperparameters(tab_field_list=numbered("a.b%d")),
        dict.fromkeys([*numbered("SPECIAL_FIELD_a_b%d"), *numbered("SPECIAL_FIELD_A_b%d")], "1"),
        " and 3,995 more. Keep one of them.",
    ),
    "variables that match no field": (
        lambda: hyperparameters(tab_field_list=["a"]),
        dict.fromkeys(numbered("SPECIAL_FIELD_b%d"), "1"),
        " and 3,995 more.",
    ),
    "variables that are not settings": (
        lambda: hyperparameters(tab_field_list=["a"]),
        dict.fromkeys(numbered("special_field_%d"), "1"),
        " and 3,995 more.",
    ),
    "hyperparameters that are misspelt": (
        lambda: hyperparameters(
            tab_field_list=["a"],
            **{
                key[:at] + key[at + 1 :]: ["a"]
                for key in ("cat_field_list", "full_field_list", "text_source_fields")
                for at in range(3, len(key))
                if key[at] != "_"
            },
        ),
        {},
        "These hyperparameters mean nothing here; they look like misspellings: 'cat_ield",
    ),
    "files that would have named the fields": (
        lambda: [
            *((f"{name}/MLmodel", b"flavors: [\n") for name in numbered("model%d")),
            ("features.json", b'["a"]'),
        ],
        {},
        "would have named the fields, but it ",
    ),
    "files too large for a serverless endpoint": (
        lambda: hyperparameters(field_info={"a": {"type": "text", "default": "x" * 430}}),
        {
            "SAMPLE_COUNT": "10000",
            "CONTENT_TYPES": "text/csv, text/csv; header=absent, application/json, "
            "application/jsonl, application/jsonlines, application/x-ndjson, "
            "application/json; format=records",
        },
        " and 2 more, more than the 4,194,304 that a serverless endpoint takes",
    ),
}


@pytest.mark.parametrize(("members", "environment", "words"), KINDS.values(), ids=list(KINDS))
def test_warnings_of_one_kind_are_one(
    members: Callable[[], Members], environment: Dict[str, str], words: str
) -> None:
    files = b"".join(member(name, content) for name, content in members())
    payload = generate([gz(files + END, 1)], read_settings(environment))
    (warning,) = [told for told in payload.all_warnings if words in told]
    assert len(payload.all_warnings) < 5
    assert len(warning) < 500
