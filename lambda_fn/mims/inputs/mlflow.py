"""MLflow's `MLmodel` → the inputs of its signature, or of the input example next to it.

https://mlflow.org/docs/latest/ml/model/signatures/
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Set, Tuple

from mims.fields import NUMERIC, TEXT, TYPE_OF_DATATYPE, Field, parse_type
from mims.inputs.hyperparameters import as_name
from mims.inputs.input_examples import UNNAMED, read_example
from mims.inputs.json_text import JsonText, read_json, read_whole_text
from mims.inputs.member import (
    COLUMNS,
    EXAMPLE,
    TENSOR,
    TENSORS,
    MemberBytes,
    Told,
    UnreadableError,
    check_count,
)
from mims.inputs.tensors import DATATYPE_OF
from mims.inputs.yaml_text import has_key, string_at
from mims.values import is_unicode

SOURCE = "mlflow"

_FILE_NAME = "MLmodel"
_EXAMPLE_NAMES = ("serving_input_example.json", "input_example.json")
_TOP_KEYS = ("flavors", "mlflow_version", "signature")
_NESTED = ("object", "map")  # columns that no field can be
_TEXTS = ("str", "bytes", "object")  # NumPy's names of what a tensor of strings holds


def wants(path: str, head: bytes) -> bool:  # noqa: ARG001
    return path.rpartition("/")[2] in (_FILE_NAME, *_EXAMPLE_NAMES)


def read(member: MemberBytes) -> Optional[Told]:
    """Return the inputs of a signature or an example."""
    if member.name.rpartition("/")[2] != _FILE_NAME:
        return read_example(read_json(member), SOURCE, EXAMPLE)
    return _read_model(member)


def _read_model(member: MemberBytes) -> Optional[Told]:
    yaml = read_whole_text(member)
    signature = string_at(yaml, ("signature", "inputs"), member.step)
    if signature is not None:
        return _read_signature(JsonText(signature, member))
    if not any(has_key(yaml, key, member.step) for key in _TOP_KEYS):
        return None
    return Told(SOURCE, why="has no signature")


def _read_signature(inputs: JsonText) -> Told:
    """Return the inputs of a signature, as `mlflow.types.Schema.to_json` writes them."""
    start = inputs.start()
    if inputs.opening(start) != "[":
        raise UnreadableError("has a signature whose inputs are not a list")
    fields: List[Field] = []
    untyped: List[str] = []
    forms: Set[str] = set()
    unnamed = 0
    for at in inputs.elements(start):
        spec = inputs.value(at)
        if not isinstance(spec, dict):
            raise UnreadableError("has a signature whose inputs are not objects")
        name = _name(spec.get("name"))
        if not name:
            name = f"f{unnamed}"
            unnamed += 1
        tensor = spec.get("tensor-spec")
        forms.add(COLUMNS if tensor is None else TENSORS)
        read_input, written = (_column, spec) if tensor is None else (_tensor, tensor)
        fields.append(read_input(name, written, untyped))
        check_count(len(fields))
    if not fields:
        return Told(SOURCE, why="has a signature without inputs")
    if len(forms) > 1:
        raise UnreadableError("has a signature of columns and tensors")
    if 0 < unnamed < len(fields):
        raise UnreadableError("has a signature that names only some of its inputs")
    (form,) = forms
    if unnamed and form == TENSORS:
        if unnamed > 1:
            raise UnreadableError("has a signature of several tensors without names")
        named = fields[0]._replace(name=UNNAMED)
        return Told(SOURCE, (named,), form=TENSOR, untyped=(UNNAMED,) * len(untyped))
    if not unnamed:
        first: Dict[str, Field] = {}
        for field in fields:
            first.setdefault(field.name, field)
        fields = list(first.values())
        texts = {field.name for field in fields if field.type == TEXT}
        untyped = [name for name in dict.fromkeys(untyped) if name in texts]
    return Told(SOURCE, tuple(fields), made_up=unnamed > 0, form=form, untyped=tuple(untyped))


def _name(written: Any) -> str:
    """Return an input's name; an empty string where it has none."""
    name = as_name(written)
    if name is None and written not in (None, ""):
        raise UnreadableError("has a signature with a name that is not a string")
    if name and not is_unicode(name):
        raise UnreadableError("has a signature with a name that is not valid Unicode")
    return name or ""


def _column(name: str, spec: Mapping[str, Any], untyped: List[str]) -> Field:
    """Return a column; a list in it, whose length is not known, has one element.

    If its type is not a known one, its name is added to `untyped`.
    """
    shape: Tuple[int, ...] = ()
    while isinstance(spec, dict) and spec.get("type") == "array":
        shape += (1,)
        spec = spec.get("items", {})
    kind = spec.get("type") if isinstance(spec, dict) else spec
    if kind == "sparkml_vector":
        return Field(name, NUMERIC, (*shape, 1))
    written = None if kind in _NESTED else parse_type(kind)
    if written is None or written.is_array:
        untyped.append(name)
        return Field(name, TEXT, shape)
    return Field(name, written.type, shape, date_only=written.date_only)


def _tensor(name: str, spec: Any, untyped: List[str]) -> Field:
    """Return a tensor; the first dimension of its shape is the batch.

    If its type is not a known one, its name is added to `untyped`.
    """
    dtype, shape = (spec.get("dtype"), spec.get("shape")) if isinstance(spec, dict) else ("", "")
    if not isinstance(dtype, str) or not isinstance(shape, list):
        raise UnreadableError("has a signature with a tensor without type and shape")
    if not all(type(length) is int for length in shape):
        raise UnreadableError("has a signature with a tensor whose shape is not of whole numbers")
    lengths = tuple(max(length, 1) for length in shape[1:])
    datatype = DATATYPE_OF.get("string" if dtype in _TEXTS else dtype)
    if datatype is not None:
        return Field(name, TYPE_OF_DATATYPE[datatype], lengths, datatype)
    written = parse_type(dtype)
    if written is None:
        untyped.append(name)
        return Field(name, TEXT, lengths)
    return Field(name, written.type, lengths)
