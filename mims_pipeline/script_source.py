"""A script's syntax tree → the paths it spells and the environment variables it reads.

What counts:

* A path is a string literal, or an expression of literals alone whose value is plain to see:
  `"a" + "b"`, an f-string without fields, `os.path.join("a", "b")`, `Path("a") / "b"`. An f-string
  that goes on after a slash, f"/opt/ml/model/{name}", spells the folder before it.
* Docstrings, comments, annotations, and every other statement that is a bare value count for
  nothing: no code sees them.
* A variable is read by `os.environ["X"]`, `.get("X")`, `.pop("X")`, `.setdefault("X", …)`,
  `os.getenv("X")`, or the same on a name that stands for the environment: an import's alias, a
  variable assigned from `os.environ` or a copy of it, or the parameter `environ_vars`. The key may
  be a name with one literal value, or a loop's variable over literal values. Writing, deleting and
  asking (`"X" in os.environ`) are no reads: none of them obtains the value.
"""

from __future__ import annotations

import ast
import os
import posixpath
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, FrozenSet, Iterator, List, Optional, Sequence, Set, Tuple, Union

_MAX_SCRIPT_BYTES = 1024**2
_MAX_TEXT = 4096  # PATH_MAX; longer texts are no paths
_JOINS = {"os.path.join", "posixpath.join", "path.join", "join"}
_PATHS = {"Path", "PurePath", "PosixPath", "PurePosixPath"}
_READING_METHODS = {"get", "pop", "setdefault", "__getitem__"}
_COPIES = {"dict", "copy", "copy.copy", "copy.deepcopy", "deepcopy"}
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def read_script(path: Union[str, os.PathLike[str]]) -> ScriptSource:
    """Return what the Python script at `path` spells and reads.

    Raises
    ------
    UnreadableScriptError
        There is no such file, or it is no Python source; the message says why.
    """
    try:
        tree = _parse(_source(path))
        return _facts(tree)
    except OSError as error:
        reason = error.strerror or str(error)
    except SyntaxError as error:
        where = f"line {error.lineno}: " if error.lineno else ""
        reason = f"no valid Python source ({where}{error.msg})"
    except (RecursionError, MemoryError):
        reason = "nested too deeply, or too complex, for Python's own parser"
    except (ValueError, LookupError) as error:
        reason = f"no valid Python source ({error})"
    raise UnreadableScriptError(f"{os.fspath(path)!r} cannot be read: {reason}.")


def _source(path: Union[str, os.PathLike[str]]) -> bytes:
    file = Path(path)
    # A device or a pipe would never end, so the kind is known before anything is opened.
    if not stat.S_ISREG(file.stat().st_mode):
        raise ValueError("it is a folder or a device, not a file")
    with file.open("rb") as stream:
        source = stream.read(_MAX_SCRIPT_BYTES + 1)
    if len(source) > _MAX_SCRIPT_BYTES:
        raise ValueError(f"it is larger than {_MAX_SCRIPT_BYTES:,} bytes")
    return source


def _parse(source: bytes) -> ast.Module:
    with warnings.catch_warnings():
        # An invalid escape in somebody's script is no business of the caller's warning filters.
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _facts(tree: ast.Module) -> ScriptSource:
    nodes = list(_living(tree))
    texts = _texts(nodes)
    environments, getenvs = _environment_names(nodes)
    named = _named_texts(nodes, texts)
    paths: Set[str] = set()
    folders: Set[str] = set()
    parts: Set[int] = set()
    for node in nodes:  # a whole expression comes before its parts
        if id(node) in parts:
            continue
        if id(node) in texts:
            paths.add(texts[id(node)])
            parts.update(id(part) for part in ast.walk(node))
        elif isinstance(node, ast.JoinedStr):
            parts.update(id(part) for part in node.values if isinstance(part, ast.Constant))
            start = "".join(texts.get(id(part), "") for part in node.values[:1])
            folders.add(start[: start.rfind("/") + 1])
    variables: Set[str] = set()
    for node in nodes:
        for key in _read_keys(node, environments, getenvs):
            text = texts.get(id(key))
            variables.update(named.get(_dotted(key), ()) if text is None else (text,))
    return ScriptSource(frozenset(paths), frozenset(folders - {""}), frozenset(variables))


def _living(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes that code can see, each before its parts."""
    waiting: List[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Expr) and _is_bare_value(node.value):
            continue
        yield node
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns"):
                continue
            parts = value if isinstance(value, list) else [value]
            waiting.extend(part for part in parts if isinstance(part, ast.AST))


def _is_bare_value(expression: ast.expr) -> bool:
    effects = (ast.Name, ast.Call, ast.Await, ast.Yield, ast.YieldFrom)
    return not any(isinstance(node, effects) for node in ast.walk(expression))


def _texts(nodes: List[ast.AST]) -> Dict[int, str]:
    """Return the texts that expressions of literals alone make, by the expression's `id`."""
    texts: Dict[int, str] = {}
    for node in reversed(nodes):  # the parts before the whole
        text = _text(node, texts)
        if text is not None and len(text) <= _MAX_TEXT:
            texts[id(node)] = text
    return texts


def _text(node: ast.AST, texts: Dict[int, str]) -> Optional[str]:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    parts: List[ast.expr] = []
    join: Callable[..., str] = posixpath.join
    if isinstance(node, ast.JoinedStr):
        parts, join = node.values, _concatenated
    elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Div)):
        parts = [node.left, node.right]
        join = _concatenated if isinstance(node.op, ast.Add) else posixpath.join
    elif isinstance(node, ast.Call) and not node.keywords:
        function = _dotted(node.func)
        if function in _JOINS or function.rpartition(".")[2] in _PATHS:
            parts = node.args
    known = [texts[id(part)] for part in parts if id(part) in texts]
    return join(*known) if parts and len(known) == len(parts) else None


def _concatenated(*parts: str) -> str:
    return "".join(parts)


def _dotted(node: ast.AST) -> str:
    """Return `a.b.c` as a text; empty for what is no dotted name."""
    names: List[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(names)])


def _environment_names(nodes: List[ast.AST]) -> Tuple[Set[str], Set[str]]:
    """Return the names that stand for the environment, and those that stand for `os.getenv`."""
    environments, getenvs = {"os.environ", "environ_vars"}, {"os.getenv"}
    for node in nodes:
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name == "os" and name.asname:
                    environments.add(f"{name.asname}.environ")
                    getenvs.add(f"{name.asname}.getenv")
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            for name in node.names:
                if name.name in ("environ", "*"):
                    environments.add(name.asname or "environ")
                if name.name in ("getenv", "*"):
                    getenvs.add(name.asname or "getenv")
    aliases: Dict[str, List[str]] = {}
    for target, value in _assignments(nodes):
        for source in _copied(value):
            aliases.setdefault(source, []).append(target)
    waiting = list(environments)
    while waiting:  # an alias of an alias, whatever their order in the file
        found = [name for name in aliases.get(waiting.pop(), ()) if name not in environments]
        environments.update(found)
        waiting.extend(found)
    return environments, getenvs


def _copied(value: ast.AST) -> Iterator[str]:
    """Yield the names that an expression takes over whole, or copies."""
    copied: Sequence[Optional[ast.AST]] = [value]
    if isinstance(value, ast.Call):
        if isinstance(value.func, ast.Attribute) and value.func.attr == "copy" and not value.args:
            copied = [value.func.value]
        elif _dotted(value.func) in _COPIES:
            copied = value.args[:1]
    elif isinstance(value, ast.Dict):  # {**os.environ}
        copied = [part for key, part in zip(value.keys, value.values) if key is None]
    for part in copied:
        if part is not None and _dotted(part):
            yield _dotted(part)


def _assignments(nodes: List[ast.AST]) -> Iterator[Tuple[str, ast.expr]]:
    for node in nodes:
        if isinstance(node, ast.Assign):
            for part in node.targets:
                if _dotted(part):
                    yield _dotted(part), node.value
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
            target, value = _dotted(node.target), node.value
            if target and value is not None:
                yield target, value


def _named_texts(nodes: List[ast.AST], texts: Dict[int, str]) -> Dict[str, Set[str]]:
    """Return the texts that a name can be: the constant it is assigned, or those it loops over."""
    values: Dict[str, List[ast.expr]] = {}
    for target, value in _assignments(nodes):
        values.setdefault(target, []).append(value)
    once = {name: assigned[0] for name, assigned in values.items() if len(assigned) == 1}
    named = {name: {texts[id(value)]} for name, value in once.items() if id(value) in texts}
    for node in nodes:
        loops: List[Tuple[ast.expr, ast.expr]] = []
        if isinstance(node, ast.For):
            loops.append((node.target, node.iter))
        elif isinstance(node, _COMPREHENSIONS):
            loops.extend((part.target, part.iter) for part in node.generators)
        for variable, looped in loops:
            items = once.get(_dotted(looped), looped)
            if isinstance(variable, ast.Name) and isinstance(items, (ast.List, ast.Tuple, ast.Set)):
                found = {texts[id(item)] for item in items.elts if id(item) in texts}
                named.setdefault(variable.id, set()).update(found)
    return named


def _read_keys(node: ast.AST, environments: Set[str], getenvs: Set[str]) -> Iterator[ast.AST]:
    """Yield the key of an expression that obtains a variable's value."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        if _dotted(node.value) in environments:
            yield _key(node)
    elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Subscript):
        if _dotted(node.target.value) in environments:
            yield _key(node.target)
    elif isinstance(node, ast.Call):
        function = _dotted(node.func)
        owner, _, method = function.rpartition(".")
        if function in getenvs or (owner in environments and method in _READING_METHODS):
            named = [word.value for word in node.keywords if word.arg == "key"]
            yield from node.args[:1] or named


def _key(node: ast.Subscript) -> ast.AST:
    # Until Python 3.9 a subscript's key is wrapped in an Index.
    key: ast.AST = node.slice
    wrapped = getattr(key, "value", None)
    if type(key).__name__ == "Index" and isinstance(wrapped, ast.AST):
        return wrapped
    return key


class UnreadableScriptError(ValueError):
    """A script is missing, or no Python source; the message says which and why."""


@dataclass(frozen=True)
class ScriptSource:
    """What a script spells and reads.

    `paths` are the texts of its literals (all of them, paths or not), `folders` the beginnings of
    its f-strings up to their last slash, `variables` the environment variables that it reads.
    """

    paths: FrozenSet[str]
    folders: FrozenSet[str]
    variables: FrozenSet[str]
