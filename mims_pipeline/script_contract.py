"""A script's contract: what it expects and promises; and a check that a real script keeps it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, NoReturn, Sequence, Union

from mims_pipeline.script_source import ScriptSource, UnreadableScriptError, read_script

# Paths that SageMaker itself creates or reads in every job; no contract has to declare them. The
# reason for a failure: https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html
# (`/opt/ml/output/message`, and `failure` for a training job); the job's configuration, below
# `/opt/ml/config` and, for a training job, `/opt/ml/input/config`.
PLATFORM_PATHS = (
    "/opt/ml/output/message",
    "/opt/ml/output/failure",
    "/opt/ml/config",
    "/opt/ml/input/config",
)

_ROOT = "/opt/ml"
_VARIABLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_LOGICAL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*\Z")
_ARGUMENT = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_VERSIONS = re.compile(r"(\*|(===|==|~=|!=|<=|>=|<|>)\s*[\w.*+!-]+)\Z")


@dataclass(frozen=True)
class ValidationResult:
    """The result of a check: `errors` break the contract, `warnings` do not."""

    errors: List[str] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)

    @property
    def is_valid(self) -> bool:
        """Say whether there are no errors."""
        return not self.errors


@dataclass(frozen=True)
class ScriptContract:
    """What a script of a pipeline expects and promises; checked on construction.

    Parameters
    ----------
    entry_point
        The script's file, relative to its code folder.
    expected_input_paths, expected_output_paths
        Logical name → absolute path in the container, below `/opt/ml`.
    required_env_vars
        Names of the variables without which the script does not run.
    optional_env_vars
        Name → default, as a string.
    framework_requirements
        Distribution (or `python`) → version specifiers, `>=3.8`.
    description
        For people.
    expected_arguments
        Command-line argument without its dashes → default.

    Raises
    ------
    ValueError
        A part has the wrong form; the message names it.
    """

    entry_point: str
    expected_input_paths: Mapping[str, str]
    expected_output_paths: Mapping[str, str]
    required_env_vars: Sequence[str] = ()
    optional_env_vars: Mapping[str, str] = field(default_factory=dict)
    framework_requirements: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    expected_arguments: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_entry_point(self.entry_point)
        for name, check in _MAPPINGS.items():
            # A copy, so that the contract does not change with the caller's own.
            object.__setattr__(self, name, _checked_mapping(name, getattr(self, name), check))
        if isinstance(self.required_env_vars, (str, bytes)) or not isinstance(
            self.required_env_vars, Sequence
        ):
            _bad("required_env_vars", self.required_env_vars, "a list of names")
        object.__setattr__(self, "required_env_vars", list(self.required_env_vars))
        for index, variable in enumerate(self.required_env_vars):
            _check_variable("required_env_vars", variable)
            if variable in self.required_env_vars[:index]:
                _bad("required_env_vars", variable, "named once")
            if variable in self.optional_env_vars:
                _bad("optional_env_vars", variable, "either required or optional, not both")
        if not isinstance(self.description, str):
            _bad("description", self.description, "a string")
        _check_distinct(self.expected_input_paths, self.expected_output_paths)

    def validate_implementation(self, path: Union[str, os.PathLike[str]]) -> ValidationResult:
        """Compare the script at `path` with this contract; `mims_pipeline.script_source` says how.

        Errors: a contract path that is not in the script as a literal, a required variable that the
        script never reads, or a script that cannot be read at all. Warnings: a container path that
        is neither in the contract, nor below one of its paths, nor the platform's own; an expected
        argument that is not in the script. No script makes this method raise.
        """
        try:
            script = read_script(path)
        except (UnreadableScriptError, TypeError) as error:
            return ValidationResult(errors=[str(error)])
        return ValidationResult(self._broken(script), self._undeclared(script))

    def _broken(self, script: ScriptSource) -> List[str]:
        literals = {_plain(string) for string in script.strings}
        errors = [
            f"The {kind} path {path} ({name}) is not in the script as a literal."
            for kind, paths in (
                ("input", self.expected_input_paths),
                ("output", self.expected_output_paths),
            )
            for name, path in paths.items()
            if _plain(path) not in literals
        ]
        errors.extend(
            f"The script never reads the required environment variable {variable}."
            for variable in self.required_env_vars
            if variable not in script.variables
        )
        return errors

    def _undeclared(self, script: ScriptSource) -> List[str]:
        declared = [
            _plain(path)
            for paths in (self.expected_input_paths, self.expected_output_paths)
            for path in paths.values()
        ]
        # A path may also be the default of a variable or an argument; that declares it too.
        for values in (self.optional_env_vars, self.expected_arguments):
            declared.extend(_plain(value) for value in values.values() if _is_container_path(value))
        declared.extend(PLATFORM_PATHS)
        warnings = [
            f"The script names {path}, which its contract does not declare."
            for path in sorted({_plain(string) for string in script.strings})
            if _is_container_path(path) and not any(_is_within(path, base) for base in declared)
        ]
        warnings.extend(
            f"The expected argument --{argument} is not in the script."
            for argument in self.expected_arguments
            if f"--{argument}" not in script.strings
        )
        return warnings


def _plain(path: str) -> str:
    return path.rstrip("/")


def _is_container_path(string: str) -> bool:
    # A string with white space is a message about a path.
    return (string == _ROOT or string.startswith(_ROOT + "/")) and not any(map(str.isspace, string))


def _is_within(path: str, base: str) -> bool:
    return path == base or path.startswith(base + "/")


def _check_entry_point(entry_point: Any) -> None:
    parts = entry_point.split("/") if isinstance(entry_point, str) else []
    if (
        not parts
        or not parts[-1].endswith(".py")
        or parts[-1] == ".py"
        or any(part in ("", ".", "..") for part in parts)
        or not re.match(r"[\w./-]+\Z", entry_point)
    ):
        _bad("entry_point", entry_point, "a Python file, relative to the code folder (script.py)")


def _checked_mapping(
    name: str, value: Any, check: Callable[[str, Any, Any], None]
) -> Dict[str, str]:
    if not isinstance(value, Mapping):
        _bad(name, value, "a mapping of names to strings")
    for key, part in value.items():
        if not isinstance(key, str) or not isinstance(part, str):
            _bad(name, {key: part}, "a mapping of names to strings")
        check(name, key, part)
    return dict(value)


def _check_path(name: str, key: str, path: str) -> None:
    if not _LOGICAL_NAME.match(key):
        _bad(name, key, "logical names of letters, digits, '_', '.' and '-'")
    parts = _plain(path).split("/")
    if not _is_container_path(path) or any(part in ("", ".", "..") for part in parts[1:]):
        _bad(f"{name}[{key!r}]", path, f"an absolute path below {_ROOT}/, without '..' and '//'")
    if _plain(path) == _ROOT:
        _bad(f"{name}[{key!r}]", path, f"a path below {_ROOT}/, not {_ROOT} itself")


def _check_distinct(inputs: Mapping[str, str], outputs: Mapping[str, str]) -> None:
    taken: Dict[str, str] = {}
    for field_name, paths in (("expected_input_paths", inputs), ("expected_output_paths", outputs)):
        for name, path in paths.items():
            other = taken.setdefault(_plain(path), name)
            if taken[_plain(path)] is not name:
                _bad(f"{field_name}[{name!r}]", path, f"a path of its own, not that of {other!r}")


def _check_variable(name: str, variable: Any, default: Any = "") -> None:  # noqa: ARG001
    if not isinstance(variable, str) or not _VARIABLE.match(variable):
        _bad(name, variable, "names of letters, digits and '_' that do not begin with a digit")


def _check_requirement(name: str, key: str, versions: str) -> None:
    if not key or not all(_VERSIONS.match(part.strip()) for part in versions.split(",")):
        _bad(f"{name}[{key!r}]", versions, "version specifiers such as '>=3.8' or '>=1.2,<2'")


def _check_argument(name: str, argument: str, default: str) -> None:  # noqa: ARG001
    if not _ARGUMENT.match(argument):
        _bad(name, argument, "lower-case arguments without leading dashes, such as 'batch-size'")


def _bad(name: str, value: Any, wanted: str) -> NoReturn:
    raise ValueError(f"{name} is {value!r}; it must be {wanted}.")


_MAPPINGS: Dict[str, Callable[[str, Any, Any], None]] = {
    "expected_input_paths": _check_path,
    "expected_output_paths": _check_path,
    "optional_env_vars": _check_variable,
    "framework_requirements": _check_requirement,
    "expected_arguments": _check_argument,
}
