"""The command as a person calls it: what it accepts, what it prints, which setting wins."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, List, Tuple

import mims_payload
import pytest
from mims.formats.registry import supported_types
from mims.payload.page import columns
from mims.recipes import RECIPES
from mims.setting_table import setting_names
from mims.version import VERSION

from tests.archives import NAME
from tests.functional.command_line import command, lay_models


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return lay_models(tmp_path)


CSV = b"age,income,country\n0.0,0.0,DEFAULT_TEXT"
ROW = b"0.0,0.0,DEFAULT_TEXT"

# The arguments, and what is on standard output: bytes that are all of it, a string that it has,
# or the number of fields and the content types of the payload that was written.
VALID: Dict[str, Tuple[List[str], Any]] = {
    "an archive": (["model.tar.gz"], (3, ["application/json"])),
    "of another name": (["churn.tgz", "-o", "out"], (3, ["application/json"])),
    "output, in long": (["model.tar.gz", "--output=out/deep"], (3, ["application/json"])),
    "options before the model": (["-o", "out", "model.tar.gz"], (3, ["application/json"])),
    "--model": (["--model", "model.tar.gz", "-o", "out"], (3, ["application/json"])),
    "a folder with an archive": (["packed"], (3, ["application/json"])),
    "a folder of that name": (["in_folder"], (3, ["application/json"])),
    "a loose file": ([f"loose/{NAME}"], (3, ["application/json"])),
    "a folder with one": (["loose/"], (3, ["application/json"])),
    "an unpacked model": (["unpacked", "--recipe", "auto"], (16, ["text/csv"])),
    "standard input": (["-"], (3, ["application/json"])),
    "a content type": (["model.tar.gz", "--content-type", "text/csv"], (3, ["text/csv"])),
    "several": (
        ["model.tar.gz", "--content-type", "text/csv", "--content-type", "application/json"],
        (3, ["text/csv", "application/json"]),
    ),
    "a setting": (["model.tar.gz", "--set", "CONTENT_TYPES=text/csv"], (3, ["text/csv"])),
    "fields": (["nameless.tar.gz", "--fields", "a,b"], (2, ["application/json"])),
    "a number of fields": (["nameless.tar.gz", "--fields", "7"], (7, ["application/json"])),
    "a file of settings": (["model.tar.gz", "--settings", "settings.json"], (3, ["text/csv"])),
    "settings in the model": (["with_settings.tar.gz"], (1, ["text/csv"])),
    "json": (["model.tar.gz", "--json"], (3, ["application/json"])),
    "show": (["model.tar.gz", "--show", "--content-type", "text/csv"], CSV),
    "show, for a family": (
        ["model.tar.gz", "--show", "--recipe", "xgboost"],
        b"0.0,0.0,0",
    ),
    "show, although a folder is named": (
        ["model.tar.gz", "-o", "out", "--show", "--set", "CONTENT_TYPES=text/csv; header=absent"],
        ROW,
    ),
    "show the first of two": (
        ["model.tar.gz", "--show", "--set", "CONTENT_TYPES=text/csv, application/json"],
        CSV,
    ),
    "show the first file": (
        [*("model.tar.gz", "--show", "--set", "PAYLOAD_LAYOUT=flat", "--set", "SAMPLE_COUNT=2"),
         *("--content-type", "text/csv; header=absent", "--set", "SPECIAL_FIELD_age=9")],
        b"9.0,0.0,DEFAULT_TEXT",
    ),
    "a value with an equals sign": (
        ["model.tar.gz", "--show", "--content-type", "text/csv; header=absent",
         "--set", "DEFAULT_TEXT_VALUE=a=b"],
        b"0.0,0.0,a=b",
    ),
    "check": (["--check", "made/payload.tar.gz"], "The payload archive is valid: 2 payload files"),
    "check as JSON": (["--check", "made/payload.tar.gz", "--json"], '"valid": true'),
    "version": (["--version"], f"mims-payload {VERSION}\n"),
    "help": (["--help"], "settings"),
    "-h": (["-h", "model.tar.gz"], "settings"),
}  # fmt: skip


@pytest.mark.parametrize("call", VALID.values(), ids=VALID)
def test_a_valid_call(call: Tuple[List[str], Any], models: Path) -> None:
    arguments, expected = call
    stdin = (models / "model.tar.gz").read_bytes() if "-" in arguments else None
    before = {path for path in models.rglob("*") if path.is_file()}
    done = command(*arguments, folder=models, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, b"")
    written = [path for path in models.rglob("*") if path.is_file() and path not in before]
    if isinstance(expected, tuple):
        figures = json.loads(done.stdout.splitlines()[-1])
        assert (figures["field_count"], figures["content_types"]) == expected
        assert written == [models / figures["payload_path"]]
        assert figures["payload_path"].startswith("out/") == any("out" in one for one in arguments)
        check = command("--check", figures["payload_path"], folder=models)
        assert (check.returncode, check.stderr) == (0, b"")
        return
    assert written == []
    if isinstance(expected, bytes):
        assert done.stdout == expected
    else:
        assert expected in done.stdout.decode()


# The arguments, the exit code, the error and a part of its line.
INVALID: Dict[str, Tuple[List[str], int, str, str]] = {
    "an unknown option": (
        ["model.tar.gz", "--contenttype", "text/csv"], 2, "InvalidRequestError", "--content-type",
    ),
    "an abbreviated one": (
        ["model.tar.gz", "--out", "x"], 2, "InvalidRequestError", "perhaps --output is meant",
    ),
    "one with a single dash": (
        ["model.tar.gz", "-output", "x"], 2, "InvalidRequestError", "perhaps --output is meant",
    ),
    "a setting as an option": (
        ["model.tar.gz", "--sample-count", "3"], 2, "InvalidRequestError", "--set SAMPLE_COUNT=",
    ),
    "one that is like nothing": (["--zzz"], 2, "InvalidRequestError", "'--zzz' is unknown."),
    "two models": (["model.tar.gz", "churn.tgz"], 2, "InvalidRequestError", "churn.tgz"),
    "two models in two ways": (
        ["model.tar.gz", "--model", "churn.tgz"], 2, "InvalidRequestError", "twice",
    ),
    "a setting as a model": (
        ["model.tar.gz", "SAMPLE_COUNT=3"], 2, "InvalidRequestError", "by --set NAME=VALUE",
    ),
    "no folder": (["model.tar.gz", "-o"], 2, "InvalidRequestError", "-o"),
    "an empty model": ([""], 2, "InvalidRequestError", "empty"),
    "an empty content type": (
        ["model.tar.gz", "--content-type", ""], 2, "InvalidRequestError", "empty",
    ),
    "no value": (["model.tar.gz", "--set", "SAMPLE_COUNT"], 2, "InvalidRequestError", "NAME=VALUE"),
    "an unknown setting": (
        ["model.tar.gz", "--set", "CONTENT_TYPE=text/csv"], 2, "InvalidSettingsError",
        "perhaps CONTENT_TYPES is meant",
    ),
    "a request's name of one": (
        ["model.tar.gz", "--set", "layout=flat"], 2, "InvalidSettingsError", "PAYLOAD_LAYOUT",
    ),
    "a field's value without the field": (
        ["model.tar.gz", "--set", "SPECIAL_FIELD_=1"], 2, "InvalidSettingsError",
        "SPECIAL_FIELD_<name>",
    ),
    "an unknown key": (
        ["model.tar.gz", "--settings", "unknown.json"], 2, "InvalidSettingsError",
        "perhaps content_types is meant",
    ),
    "a variable as a key": (
        ["model.tar.gz", "--settings", "variables.json"], 2, "InvalidSettingsError",
        "perhaps layout is meant",
    ),
    "one payload to send": (["--send", "made/payload.tar.gz"], 2, "InvalidRequestError", "--send"),
    "check and send": (
        ["--check", "a", "--send", "b", "c"], 2, "InvalidRequestError", "exclude each other",
    ),
    "check with a setting": (
        ["--check", "a", "--set", "SAMPLE_COUNT=1"], 2, "InvalidRequestError", "--set",
    ),
    "check with a model": (
        ["model.tar.gz", "--check", "a"], 2, "InvalidRequestError", "MODEL has no meaning",
    ),
    "show as JSON": (["model.tar.gz", "--show", "--json"], 2, "InvalidRequestError", "--json"),
    "a bad value": (
        ["model.tar.gz", "--set", "SAMPLE_COUNT=0"], 1, "InvalidSettingsError", "SAMPLE_COUNT",
    ),
    "a bad value in a file": (
        ["model.tar.gz", "--settings", "bad_value.json"], 1, "InvalidSettingsError", "sample_count",
    ),
    "an unknown content type": (
        ["model.tar.gz", "--content-type", "text/html"], 1, "InvalidSettingsError", "text/html",
    ),
    "an unknown recipe": (
        ["model.tar.gz", "--recipe", "xgbost"], 1, "InvalidSettingsError", "xgboost",
    ),
    "bad fields": (["model.tar.gz", "--fields", "0"], 1, "InvalidSettingsError", "FIELDS"),
    "no file of settings": (
        ["model.tar.gz", "--settings", "none.json"], 1, "InvalidSettingsError", "none.json",
    ),
    "a file that is not an object": (
        ["model.tar.gz", "--settings", "list.json"], 1, "InvalidSettingsError", "JSON object",
    ),
    "no model": (["none.tar.gz"], 1, "ModelNotFoundError", "none.tar.gz"),
    "a model below a file": (["model.tar.gz/x"], 1, "ModelNotFoundError", "model.tar.gz/x"),
    "an empty folder": (["empty"], 1, "ModelNotFoundError", "empty"),
    "a cut archive": (["cut.tar.gz"], 1, "CorruptArchiveError", "offset"),
    "a model that names no fields": (
        ["nameless.tar.gz"], 1, "HyperparametersNotFoundError", "weights",
    ),
    "nothing on standard input": (["-"], 1, "CorruptArchiveError", "empty"),
    "an output that is a file": (
        ["model.tar.gz", "-o", "churn.tgz"], 1, "OutputError", "churn.tgz",
    ),
    "a model to check": (
        ["--check", "model.tar.gz"], 1, "InvalidRequestError", "is a model archive",
    ),
    "a model that names no fields, to check": (
        ["--check", "nameless.tar.gz"], 1, "InvalidRequestError", "is a model archive",
    ),
    "a cut payload to check": (
        ["--check", "made/cut.tar.gz"], 1, "CorruptArchiveError", "payload archive is invalid",
    ),
    "nothing to check": (["--check", "none"], 1, "InvalidRequestError", "none"),
    "a folder to check": (["--check", "made"], 1, "InvalidRequestError", "made"),
    "no target": (
        ["--send", "localhost:8080", "made/payload.tar.gz"], 1, "InvalidRequestError", "http://",
    ),
    "a model to send": (
        ["--send", "http://localhost:1/", "model.tar.gz"], 1, "InvalidRequestError",
        "is a model archive",
    ),
    "a server that is not there": (
        ["--send", "http://127.0.0.1:1/", "made/payload.tar.gz"], 1, "InvalidRequestError",
        "gives no answer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("call", INVALID.values(), ids=INVALID)
def test_an_invalid_call(call: Tuple[List[str], int, str, str], models: Path) -> None:
    arguments, code, error, said = call
    before = sorted(models.rglob("*"))
    done = command(*arguments, folder=models)
    line = done.stderr.decode()
    assert done.returncode == code
    assert line.startswith(f"{error}: ")
    assert said in line
    assert line.count("\n") == 1
    assert sorted(models.rglob("*")) == before


def test_there_are_enough_of_both() -> None:
    assert len(VALID) >= 25
    assert len(INVALID) >= 25


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--model", "{}/model.tar.gz", "--outpt", "x"], 2),
        (["{}/model.tar.gz", "--set", "CONTENT_TYPE=text/csv"], 2),
        (["{}/model.tar.gz", "--settings", "{}/unknown.json"], 2),
        (["{}/cut.tar.gz"], 1),
        (["--check", "{}/made/cut.tar.gz"], 1),
    ],
)
def test_each_error_is_also_in_the_jobs_message(
    arguments: List[str],
    code: int,
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    message = tmp_path / "message"
    monkeypatch.setattr(mims_payload, "FAILURE_MESSAGE", str(message))
    assert mims_payload.command([one.format(models) for one in arguments]) == code
    assert message.read_text() + "\n" == capsys.readouterr().err


# --- which setting wins


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "environment"),
        (["--settings", "s.json"], "file"),
        (["--settings", "s.json", "--set", "DEFAULT_TEXT_VALUE=set"], "set"),
        (["--set", "DEFAULT_TEXT_VALUE=one", "--set", "DEFAULT_TEXT_VALUE=two"], "two"),
        (["--set", "SPECIAL_FIELD_note=special"], "special"),
        (["--set", 'FIELD_DEFAULTS={"note": "default"}'], "default"),
        (["--settings", "f.json", "--set", "SPECIAL_FIELD_note=special"], "special"),
    ],
)
def test_arguments_win_over_files_and_these_over_the_environment(
    arguments: List[str], expected: str, tmp_path: Path
) -> None:
    (tmp_path / NAME).write_text('{"full_field_list": ["note"]}')
    (tmp_path / "s.json").write_text('{"default_text_value": "file"}')
    (tmp_path / "f.json").write_text('{"field_values": {"note": "file"}}')
    done = command(
        *(NAME, "--show", "--content-type", "text/csv; header=absent"),
        *arguments,
        folder=tmp_path,
        DEFAULT_TEXT_VALUE="environment",
    )
    assert done.stdout.decode() == expected


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ([], b"age\n0.0"),  # the model's own payload_settings
        (["--content-type", "text/csv; header=absent"], b"0.0"),
        (["--set", "CONTENT_TYPES=application/json; format=lists"], b"[[0.0]]"),
        (
            ["--set", "CONTENT_TYPES=text/csv", "--content-type", "application/json; format=lists"],
            b"[[0.0]]",
        ),
        (["--recipe", "triton", "--set", "CONTENT_TYPES=text/csv; header=absent"], b"0.0"),
        (["--set", "RECIPE=triton", "--recipe", "sklearn"], b"[[0.0]]"),
        (["--settings", "lists.json", "--recipe", "xgboost"], b"[[0.0]]"),
    ],
)
def test_a_setting_in_any_argument_wins_over_any_recipe_and_the_models_own_settings(
    arguments: List[str], body: bytes, models: Path
) -> None:
    (models / "lists.json").write_text('{"content_types": "application/json; format=lists"}')
    done = command(
        "with_settings.tar.gz", "--show", *arguments, folder=models, CONTENT_TYPES="text/csv"
    )
    assert (done.returncode, done.stdout) == (0, body)


# --- what is printed, and where


def test_show_writes_only_the_body_to_standard_output_and_warnings_elsewhere(models: Path) -> None:
    done = command("unpacked", "--show", folder=models, CONTENT_TYPE="text/csv")
    assert json.loads(done.stdout)["instances"]
    lines = done.stderr.decode().splitlines()
    assert [line for line in lines if "CONTENT_TYPE " in line and line.startswith("Warning: ")]
    assert all(line.startswith("Warning: ") for line in lines)
    npy = command(
        "packed", "--show", "--fields", "2", "--content-type", "application/x-npy", folder=models
    )
    assert npy.stdout.startswith(b"\x93NUMPY")
    for arguments in (["cut.tar.gz", "--show"], ["packed", "--show", "--bogus"]):
        assert command(*arguments, folder=models).stdout == b""


def test_only_json_is_on_standard_output_if_it_is_asked_for(models: Path) -> None:
    done = command("model.tar.gz", "--json", folder=models, CONTENT_TYPE="text/csv")
    (warning,) = json.loads(done.stdout)["warnings"]
    assert "CONTENT_TYPE" in warning
    failed = command("cut.tar.gz", "--json", folder=models)
    assert json.loads(failed.stdout)["error"] == "CorruptArchiveError"
    invalid = command("--check", "made/cut.tar.gz", "--json", folder=models)
    report = json.loads(invalid.stdout)
    assert (report["valid"], report["error"]) == (False, "CorruptArchiveError")
    assert report["message"] in invalid.stderr.decode()


def test_help_lists_every_setting_content_type_and_recipe_in_80_columns(tmp_path: Path) -> None:
    text = command("--help", folder=tmp_path).stdout.decode()
    for setting in setting_names():
        assert f"\n  {setting} " in text
    for recipe in RECIPES:
        assert f"\n  {recipe.name} " in text
    for supported in supported_types():
        assert "".join(supported.split()) in "".join(text.split())
    assert max(map(columns, text.splitlines())) <= 80


@pytest.mark.parametrize("depth", [1, 40])
def test_no_line_of_a_check_is_wider_than_80_columns(depth: int, models: Path) -> None:
    folder = models / "/".join(["deep"] * depth)
    long_name: Dict[str, Any] = {f"SPECIAL_FIELD_{'long' * 20}": "1"}
    done = command(
        *("model.tar.gz", "-o", str(folder), "--set", "DEFAULT_TEXT_VALUE=" + "x" * 500),
        *("--set", f"CONTENT_TYPES={','.join(CHECKED_TYPES)}", "--set", "SAMPLE_COUNT=3"),
        folder=models,
        **long_name,
    )
    assert done.returncode == 0
    for arguments in (
        [str(folder / "payload.tar.gz")],
        [os.path.relpath(folder, models) + "/payload.tar.gz"],
    ):
        text = command("--check", *arguments, folder=models).stdout.decode()
        assert max(map(len, text.splitlines())) <= 80
        for content_type in CHECKED_TYPES:
            assert text.count(f"\n{content_type}\n") == 1


CHECKED_TYPES = [
    "application/json; format=dataframe_records",
    "application/json",
    "text/csv",
    "text/csv; header=absent",
    "application/jsonlines; format=features",
]  # fmt: skip
