"""The layers: each part of the core imports only parts before it on the way of the data."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List, Tuple

ROOT = Path(__file__).parents[2]
MIMS = ROOT / "lambda_fn" / "mims"

# From the lowest layer to the function, as a model's bytes go: a part may import the parts before
# it and, within a package, its own modules.
WAY = (
    "limits",
    "version",
    "deadline",
    "errors",
    "wording",
    "values",
    "shapes",
    "json_parsing",
    "fields",
    "samples",
    "archive",
    "inputs",
    "formats",
    "recipes",
    "setting_table",
    "misspelt_variables",
    "setting_layers",
    "settings",
    "given_values",
    "recorded",
    "sampling",
    "payload",
    "__init__",
    "aws",
    "command",
)


def imports(path: Path) -> Iterator[str]:
    """Yield the parts of the core that a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            parts = node.module.split(".")
            if parts[0] == "mims":
                yield parts[1] if len(parts) > 1 else "__init__"


def modules() -> List[Tuple[str, Path]]:
    found = []
    for path in sorted(MIMS.rglob("*.py")):
        parts = path.relative_to(MIMS).with_suffix("").parts
        found.append((parts[0], path))
    return found


def test_each_part_imports_only_parts_before_it() -> None:
    for part, path in modules():
        for imported in imports(path):
            is_module = (MIMS / imported).is_dir() or (MIMS / f"{imported}.py").exists()
            package = imported if is_module else "__init__"
            assert WAY.index(package) <= WAY.index(part), f"{path} imports {imported}"


def test_a_module_has_fewer_than_350_lines() -> None:
    for folder in ("lambda_fn", "mims_pipeline", "benchmarks", "local", "scripts"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", "") and path.is_file():
                lines = path.read_text(encoding="utf-8").splitlines()
                assert len(lines) < 350, f"{path} has {len(lines)} lines"


STANDARD = {"isal"}  # used if it is there, never required


def test_the_core_imports_only_the_standard_library() -> None:
    script = "import sys; print(*sorted(sys.stdlib_module_names))"
    known = {*subprocess.check_output([sys.executable, "-c", script], text=True).split()}
    for part, path in modules():
        if part == "aws":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                root = name.split(".")[0]
                assert root in known | STANDARD | {"mims"} or part == "command", f"{path}: {name}"


FORBIDDEN = {"os", "time", "socket", "subprocess", "pickle", "marshal", "shelve", "tempfile"}


def test_no_module_of_the_core_uses_clock_or_environment_or_evaluates_code() -> None:
    for part, path in modules():
        if part in ("aws", "command"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not FORBIDDEN & {alias.name.split(".")[0] for alias in node.names}, path
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in FORBIDDEN, path
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "open", "__import__"}, path
