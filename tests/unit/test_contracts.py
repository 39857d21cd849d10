"""Contracts are checked when they are made, and compared with the source of scripts."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any, Dict

import pytest
from mims.settings import read_settings

from mims_pipeline import contracts
from mims_pipeline.contracts import MIMS_PAYLOAD_CONTRACT, ScriptContract

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "lambda_fn" / "mims_payload.py"

GOOD: Dict[str, Any] = {
    "entry_point": "script.py",
    "expected_input_paths": {"data": "/opt/ml/processing/input/data"},
    "expected_output_paths": {"result": "/opt/ml/processing/output"},
    "required_env_vars": ["TARGET"],
    "optional_env_vars": {"MODE": "fast"},
    "framework_requirements": {"python": ">=3.8"},
    "description": "",
}
CONTRACT = ScriptContract(**GOOD)
FULFILLED = """
import os
SOURCE = "/opt/ml/processing/input/data"
print(SOURCE, "/opt/ml/processing/output", os.environ["TARGET"])
"""
PATHS = 'PATHS = ["/opt/ml/processing/input/data", "/opt/ml/processing/output"]\n'


def check(tmp_path: Path, source: Any, contract: ScriptContract = CONTRACT) -> Any:
    script = tmp_path / "script.py"
    script.write_bytes(source if isinstance(source, bytes) else source.encode())
    return contract.validate_implementation(str(script))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("entry_point", ""),
        ("entry_point", "script.sh"),
        ("entry_point", "/abs/script.py"),
        ("entry_point", "../script.py"),
        ("entry_point", ".py"),
        ("entry_point", None),
        ("expected_input_paths", ["/opt/ml/processing/input/data"]),
        ("expected_input_paths", {"data": "input/data"}),
        ("expected_input_paths", {"data": "/tmp/data"}),
        ("expected_input_paths", {"data": "/opt/ml"}),
        ("expected_input_paths", {"data": "/opt/mlx/data"}),
        ("expected_input_paths", {"data": "/opt/ml/processing/../data"}),
        ("expected_input_paths", {"data": "/opt/ml//data"}),
        ("expected_input_paths", {"data": 7}),
        ("expected_input_paths", {"": "/opt/ml/processing/input/data"}),
        ("expected_input_paths", {"a": "/opt/ml/input/x", "b": "/opt/ml/input/x/"}),
        ("expected_output_paths", {"result": "output"}),
        ("expected_output_paths", {"result": "/opt/ml/processing/input/data"}),
        ("expected_output_paths", None),
        ("required_env_vars", "TARGET"),
        ("required_env_vars", ["1TARGET"]),
        ("required_env_vars", ["TAR.GET"]),
        ("required_env_vars", [7]),
        ("required_env_vars", ["TARGET", "TARGET"]),
        ("required_env_vars", {"TARGET": "x"}),
        ("optional_env_vars", {"MODE": 1}),
        ("optional_env_vars", {"MO-DE": "1"}),
        ("optional_env_vars", {"TARGET": "required already"}),
        ("framework_requirements", {"python": "3.8 or so"}),
        ("framework_requirements", {"python": ""}),
        ("framework_requirements", "python>=3.8"),
        ("description", None),
        ("expected_arguments", {"--mode": "x"}),
        ("expected_arguments", {"Mode": "x"}),
    ],
)
def test_a_malformed_part_is_refused_by_name(part: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{part}\b"):
        ScriptContract(**{**GOOD, part: value})


def test_a_contract_does_not_change_with_the_callers_mappings() -> None:
    paths = {"data": "/opt/ml/processing/input/data"}
    contract = ScriptContract(**{**GOOD, "expected_input_paths": paths})
    paths["more"] = "nonsense"
    assert contract.expected_input_paths == {"data": "/opt/ml/processing/input/data"}
    with pytest.raises(AttributeError):
        contract.entry_point = "other.py"  # type: ignore[misc]


def test_the_parts_that_have_a_default_may_be_left_out() -> None:
    contract = ScriptContract("script.py", {}, {})
    assert contract.required_env_vars == []
    assert contract.expected_arguments == contract.optional_env_vars == {}


def test_the_payload_contract_is_the_one_that_pipelines_know() -> None:
    assert MIMS_PAYLOAD_CONTRACT.entry_point == "mims_payload.py"
    assert MIMS_PAYLOAD_CONTRACT.expected_input_paths == {
        "model_input": "/opt/ml/processing/input/model"
    }
    assert MIMS_PAYLOAD_CONTRACT.expected_output_paths == {
        "payload_sample": "/opt/ml/processing/output"
    }
    assert MIMS_PAYLOAD_CONTRACT.required_env_vars == []
    assert MIMS_PAYLOAD_CONTRACT.framework_requirements == {"python": ">=3.8"}
    assert json.loads(json.dumps(MIMS_PAYLOAD_CONTRACT.optional_env_vars))["SAMPLE_COUNT"] == "1"


def test_the_payload_contract_mentions_the_variables_that_no_table_has() -> None:
    assert "SPECIAL_FIELD_<name>" in MIMS_PAYLOAD_CONTRACT.description


def test_the_payload_contracts_defaults_are_what_an_empty_environment_gives() -> None:
    defaults = read_settings(MIMS_PAYLOAD_CONTRACT.optional_env_vars)
    assert defaults.resolve({}) == read_settings({}).resolve({})
    assert defaults.limits == read_settings({}).limits


def test_the_real_script_keeps_the_payload_contract() -> None:
    result = MIMS_PAYLOAD_CONTRACT.validate_implementation(SCRIPT)
    assert (result.is_valid, result.errors, result.warnings) == (True, [], [])


def test_a_script_that_keeps_its_contract_has_no_errors_and_no_warnings(tmp_path: Path) -> None:
    result = check(tmp_path, FULFILLED)
    assert (result.is_valid, result.errors, result.warnings) == (True, [], [])


@pytest.mark.parametrize("name", [name for name in contracts.__all__ if name.endswith("CONTRACT")])
def test_a_script_with_all_parts_of_a_contract_keeps_it(tmp_path: Path, name: str) -> None:
    contract = getattr(contracts, name)
    spelled = [*contract.expected_input_paths.values(), *contract.expected_output_paths.values()]
    reads = [f"os.environ[{variable!r}]" for variable in contract.required_env_vars]
    source = f"import os\nPATHS = {spelled!r}\nREAD = [{', '.join(reads)}]\n"
    result = check(tmp_path, source, contract)
    assert (result.errors, result.warnings) == ([], [])


@pytest.mark.parametrize(
    "spelling",
    [
        "'/opt/ml/processing/output/'",
        "'/opt/ml/' 'processing/output'",
        "f'/opt/ml/processing/output'",
        "f'/opt/ml/processing/output/{name}'",
        "'/opt/ml/processing/output/' + name",
        "os.path.join('/opt/ml/processing/output', name)",
        "Path('/opt/ml/processing/output')",
        "print(folder := '/opt/ml/processing/output')",
        "{'out': ['/opt/ml/processing/output']}",
    ],
)
def test_a_path_counts_however_its_literal_is_written(tmp_path: Path, spelling: str) -> None:
    source = FULFILLED.replace('"/opt/ml/processing/output"', "1") + f"OUT = {spelling}\n"
    result = check(tmp_path, source)
    assert (result.errors, result.warnings) == ([], [])


@pytest.mark.parametrize(
    "source",
    [
        '"""/opt/ml/processing/output"""\n',
        "# /opt/ml/processing/output\n",
        '1\n"/opt/ml/processing/output"\n',
        'f"/opt/ml/processing/output"\n',
        'def main():\n    "/opt/ml/processing/output"\n    return 1\n',
        'class A:\n    """/opt/ml/processing/output"""\n',
        'x = "writes to /opt/ml/processing/output"\n',
        'x = "/opt/ml/processing/output2"\n',
        'x = f"/opt/ml/processing/output{suffix}"\n',
        'x = f"{root}/opt/ml/processing/output/"\n',
        'x = b"/opt/ml/processing/output"\n',
        'x = "/opt/ml/processing/output/payload.tar.gz"\n',
    ],
)
def test_a_path_that_is_not_in_the_code_is_an_error(tmp_path: Path, source: str) -> None:
    result = check(tmp_path, source + FULFILLED.replace('"/opt/ml/processing/output"', "1"))
    assert not result.is_valid
    (error,) = result.errors
    assert "output path /opt/ml/processing/output (result)" in error


@pytest.mark.parametrize(
    "read",
    [
        "import os\nx = os.environ['TARGET']",
        "import os\nos.environ['TARGET']",
        "import os\nx = os.environ.get('TARGET')",
        "import os\nx = os.environ.get('TARGET', 'd')",
        "import os\nx = os.environ.pop('TARGET')",
        "import os\nx = os.environ.setdefault('TARGET', 'd')",
        "import os\nx = os.getenv('TARGET')",
        "import os\nx = os.getenv(key='TARGET')",
        "import os as system\nx = system.environ['TARGET']",
        "import os as system\nx = system.getenv('TARGET')",
        "from os import environ\nx = environ['TARGET']",
        "from os import environ as e\nx = e.get('TARGET')",
        "from os import getenv as g\nx = g('TARGET')",
        "from os import *\nx = getenv('TARGET')",
        "def main(environ_vars): return environ_vars['TARGET']",
        "def main(environ_vars): return environ_vars.get('TARGET', '')",
        "import os\nenv = dict(os.environ)\nx = env['TARGET']",
        "import os\nenv = os.environ.copy()\nx = env['TARGET']",
        "import os\nenv = {**os.environ, 'A': 'b'}\nx = env['TARGET']",
        "import os\nb = a = os.environ\nx = b['TARGET']",
        "import os\nclass A:\n def f(self):\n  self.e = os.environ\n  return self.e['TARGET']",
        "import os\nKEY = 'TARGET'\nx = os.environ[KEY]",
        "import os\nfor name in ('A', 'TARGET'): print(os.environ[name])",
        "import os\nNAMES = ['TARGET']\nx = {name: os.environ[name] for name in NAMES}",
        "import os\nx = f\"{os.environ['TARGET']}\"",
    ],
)
def test_a_required_variable_counts_however_it_is_read(tmp_path: Path, read: str) -> None:
    result = check(tmp_path, PATHS + read + "\n")
    assert (result.errors, result.warnings) == ([], [])


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.environ['TARGET'] = 'x'",
        "import os\ndel os.environ['TARGET']",
        "import os\nx = 'TARGET' in os.environ",
        "import os\nx = os.environ['TARGET2']",
        "import os\nx = os.environ.get('MODE', 'TARGET')",
        "x = settings['TARGET']",
        "x = 'TARGET'",
        "import os\nos.putenv('TARGET', 'x')",
        '"""os.environ["TARGET"]"""',
        "# os.environ['TARGET']",
    ],
)
def test_a_required_variable_that_is_never_read_is_an_error(tmp_path: Path, source: str) -> None:
    result = check(tmp_path, source + "\n" + PATHS)
    (error,) = result.errors
    assert "TARGET" in error


@pytest.mark.parametrize(
    ("spelling", "warned"),
    [
        ("'/opt/ml/processing/other'", "/opt/ml/processing/other"),
        ("'/opt/ml/processing/input/data2'", "/opt/ml/processing/input/data2"),
        ("'/opt/ml/processing'", "/opt/ml/processing"),
        ("'/opt/ml'", "/opt/ml"),
        ("f'/opt/ml/model/{name}'", "/opt/ml/model"),
        ("'/opt/ml/output/data'", "/opt/ml/output/data"),
    ],
)
def test_an_undeclared_container_path_gives_a_warning(
    tmp_path: Path, spelling: str, warned: str
) -> None:
    result = check(tmp_path, FULFILLED + f"X = {spelling}\n")
    assert result.is_valid
    (warning,) = result.warnings
    assert f" {warned}," in warning


@pytest.mark.parametrize(
    "spelling",
    [
        "'/opt/ml/processing/input/data/train.csv'",
        "'/opt/ml/output/message'",
        "'/opt/ml/config/processingjobconfig.json'",
        "'/opt/ml/input/config/hyperparameters.json'",
        "'/opt/mlops/data'",
        "'/opt/ml/model is where the model lies'",
        "'/usr/opt/ml/model'",
    ],
)
def test_declared_platform_and_foreign_paths_give_no_warning(tmp_path: Path, spelling: str) -> None:
    assert check(tmp_path, FULFILLED + f"X = {spelling}\n").warnings == []


def test_an_expected_argument_that_is_not_in_the_script_gives_a_warning(
    tmp_path: Path,
) -> None:
    contract = ScriptContract(**{**GOOD, "expected_arguments": {"mode": "x", "depth": "1"}})
    (warning,) = check(tmp_path, FULFILLED + "p.add_argument('--mode')\n", contract).warnings
    assert "--depth" in warning


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def (:\n", "not valid Python"),
        (b"x = '\x00'\n", "not valid Python"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not valid Python"),
        (b"x = '\xff\xfe'\n", "not valid Python"),
        (b"# -*- coding: klingon -*-\n", "not valid Python"),
        ("x = " + "(" * 5000 + ")" * 5000, "not valid Python|too deeply"),
        pytest.param(
            "x = 1" + " + 1" * 20_000,
            "too deeply",
            marks=pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 parses it"),
        ),
        ("x = " + "-" * 50_000 + "1", "too deeply|not valid"),
        ("".join(" " * i + "if x:\n" for i in range(200)), "not valid Python"),
        (b"x = 1\n" * 200_000, "larger than"),
    ],
)
def test_a_script_that_is_not_source_is_an_error_that_says_why(
    tmp_path: Path, source: Any, why: str
) -> None:
    result = check(tmp_path, source)
    assert not result.is_valid
    (error,) = result.errors
    assert "script.py" in error
    assert re.search(why, error)


def test_a_script_in_a_declared_coding_is_read_in_it(tmp_path: Path) -> None:
    source = "# -*- coding: latin-1 -*-\nNAME = 'é'\n" + FULFILLED
    assert check(tmp_path, source.encode("latin-1")).is_valid
    assert check(tmp_path, b"\xef\xbb\xbf" + FULFILLED.encode()).is_valid


@pytest.mark.parametrize(
    "odd",
    [
        "f''",
        "f'{x}'",
        "f'{x!r:>{y}}'",
        "''",
        "os.path.join()",
        "Path()",
        "open(*a, **b)",
        "x[()]",
        "os.environ[1:2]",
    ],
)
def test_odd_expressions_do_no_harm(tmp_path: Path, odd: str) -> None:
    assert check(tmp_path, FULFILLED + f"X = {odd}\n").errors == []


def test_any_source_of_this_project_can_be_checked() -> None:
    scripts = [*ROOT.glob("lambda_fn/**/*.py"), *ROOT.glob("tests/**/*.py")]
    assert len(scripts) > 20
    for script in scripts:
        errors = CONTRACT.validate_implementation(script).errors
        assert not any("cannot be read" in error for error in errors)


def test_an_invalid_escape_in_a_script_does_not_matter_to_the_contract(tmp_path: Path) -> None:
    assert check(tmp_path, FULFILLED + "X = '\\d'\n").is_valid


def test_what_is_not_a_file_is_an_error_and_never_raises(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    for path in (
        tmp_path / "missing.py",
        tmp_path,
        tmp_path / "pipe.py",
        "/dev/zero",
        "a\x00b.py",
        "x" * 5000,
        None,
    ):
        result = CONTRACT.validate_implementation(path)  # type: ignore[arg-type]
        assert not result.is_valid
        assert len(result.errors) == 1
