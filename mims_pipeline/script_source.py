"""A script's syntax tree → the strings in it and the environment variables that it reads.

What counts:

* A string is a string literal, but not a docstring or another statement that is only a string. If
  an f-string begins with a literal part, as f"/opt/ml/model/{name}" does, that part counts up to
  its last slash.
* A variable is read by `os.environ["X"]`, `.get("X")`, `.pop("X")`, `.setdefault("X", …)` or
  `os.getenv("X")`, however they were imported; the same on the parameter `environ_vars`, and on a
  name assigned from one of these or a copy. A key that is not a literal may be any string in the
  script. Setting, deleting and testing (`"X" in os.environ`) are not reads.
"""

from __future__ import annotations

import ast
import os
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, FrozenSet, Iterator, List, Optional, Sequence, Set, Union

_MAX_SCRIPT_BYTES = 1024**2
_READING_METHODS = {"get", "pop", "setdefault"}


class UnreadableScriptError(ValueError):
    """A script is missing or not valid Python; the message says which and why."""


@dataclass(frozen=True)
class ScriptSource:
    """The `strings` in a script, and the environment `variables` that it reads."""

    strings: FrozenSet[str]
    variables: FrozenSet[str]


def read_script(path: Union[str, os.PathLike[str]]) -> ScriptSource:
    """Return the strings and variables of the Python script at `path`; it is parsed, never run.

    Raises
    ------
    UnreadableScriptError
        There is no such file, or it is not valid Python; the message says why.
    """
    try:
        nodes = list(_nodes(_parse(_source(path))))
    except OSError as error:
        reason = error.strerror or str(error)
    except SyntaxError as error:
        reason = f"not valid Python ({error.msg}, line {error.lineno or 1})"
    except (RecursionError, MemoryError):
        reason = "nested too deeply for Python's own parser"
    except (ValueError, LookupError) as error:
        reason = f"not valid Python ({error})"
    else:
        strings = frozenset(_strings(nodes))
        keys = set(_read_keys(nodes, _environment_names(nodes)))
        return ScriptSource(strings, strings if None in keys else frozenset(filter(None, keys)))
    raise UnreadableScriptError(f"{os.fspath(path)!r} cannot be read: {reason}.")


def _source(path: Union[str, os.PathLike[str]]) -> bytes:
    file = Path(path)
    # Reading a device or a pipe might never end, so the kind is checked before opening.
    if not stat.S_ISREG(file.stat().st_mode):
        raise ValueError("it is a folder or a device, not a file")
    with file.open("rb") as stream:
        source = stream.read(_MAX_SCRIPT_BYTES + 1)
    if len(source) > _MAX_SCRIPT_BYTES:
        raise ValueError(f"it is larger than {_MAX_SCRIPT_BYTES:,} bytes")
    return source


def _parse(source: bytes) -> ast.Module:
    with warnings.catch_warnings():
        # An invalid escape in a script must not trigger the caller's warning filters.
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _nodes(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes in the source's order, without bare strings and the parts of f-strings."""
    waiting: List[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, (ast.Constant, ast.JoinedStr)):
            continue
        yield node
        parts = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.JoinedStr):
            parts = [part for part in parts if not isinstance(part, ast.Constant)]
        waiting.extend(reversed(parts))


def _strings(nodes: Sequence[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.JoinedStr) and node.values:
            start = getattr(node.values[0], "value", None)
            if isinstance(start, str):
                yield start if len(node.values) == 1 else start[: start.rfind("/") + 1]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _environment_names(nodes: Sequence[ast.AST]) -> Set[str]:
    """Return the names of the environment, of copies of it, and of `os.getenv`."""
    names = {"environ", "environ_vars", "getenv"}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            names.update(one.asname for one in node.names if one.asname and one.name in names)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and any(
            _last_name(part) in names for part in _copied(node.value)
        ):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(map(_last_name, targets))
    return names - {""}


def _copied(value: Optional[ast.expr]) -> Sequence[Optional[ast.expr]]:
    """Return what an expression copies as a whole: `a`, `dict(a)`, `a.copy()`, `{**a}`."""
    if isinstance(value, ast.Dict):
        return value.values
    if isinstance(value, ast.Call):
        is_copy = isinstance(value.func, ast.Attribute) and value.func.attr == "copy"
        return [value.func.value] if is_copy else value.args  # type: ignore[attr-defined]
    return [value]


def _read_keys(nodes: Sequence[ast.AST], environments: Set[str]) -> Iterator[Optional[str]]:
    """Yield the key of each expression that reads a variable; `None` if it is not a literal."""
    for node in nodes:
        keys: Sequence[ast.AST] = ()
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            if _last_name(node.value) in environments:
                # Until Python 3.9 a subscript's key is wrapped in an Index.
                key: Any = node.slice
                keys = [key.value if type(key).__name__ == "Index" else key]
        elif isinstance(node, ast.Call):
            method, owner = _last_name(node.func), getattr(node.func, "value", None)
            if (method not in _READING_METHODS and method in environments) or (
                method in _READING_METHODS and _last_name(owner) in environments
            ):
                keys = [
                    *node.args[:1],
                    *(word.value for word in node.keywords if word.arg == "key"),
                ]
        for key in keys:
            yield (
                key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None
            )


def _last_name(node: Optional[ast.AST]) -> str:
    """Return `c` of `a.b.c`; empty if the expression has no name."""
    return str(getattr(node, "attr", getattr(node, "id", "")))
