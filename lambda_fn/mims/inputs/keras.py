"""Keras: the inputs of a model that was saved whole, as its configuration names them.

A `.keras` file is a zip whose `config.json` stands before the weights (or, of TensorFlow before
2.12, HDF5 too); an `.h5` file keeps the same in the attribute `model_config`. Keras 2 and 3:
https://keras.io/api/models/model_saving_apis/model_saving_and_loading/
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any, Dict, Iterator, List, Optional, Tuple

from mims.inputs import hdf5, zip_entries
from mims.inputs.member import MemberBytes, Told, UnreadableError, check_count, unreadable
from mims.inputs.tensors import Input, tensor_input, told_inputs
from mims.values import is_unicode

_ENDINGS = (".keras", ".h5", ".hdf5")

# What a configuration may be, as JSON: how deep, and how much its values may take in memory, by
# what CPython's lists, dicts and texts take at most. That of a network of 1,000 layers has 1 MB,
# and comes to two thirds of this.
_DEPTH = 100
_VALUES_BYTES = 26 * 1024**2
_JSON_MARK = re.compile(r'\\.|["\[\]{}:,]', re.DOTALL)
_WEIGHTS = {'"': 30, "[": 90, "{": 64, ":": 200, ",": 40}
_MARKS_A_CHECK = 4096
_MOST_DIGITS = 18
_NESTED_MODELS = 8

_BATCH_SHAPES = ("batch_shape", "batch_input_shape")  # of Keras 3, of the versions before
_TUPLE = "__tuple__"
_CUSTOM = "has a configuration that does not say what its inputs are"
_DAMAGED = "is damaged: its configuration is not that of a Keras model"


def wants(path: str, head: bytes) -> bool:
    """Say whether a member is a Keras model, by its name and its first bytes."""
    ending = path.lower().endswith(_ENDINGS)
    zipped = path.lower().endswith(_ENDINGS[0]) and head.startswith(zip_entries.HEAD)
    return zipped or (ending and head.startswith(hdf5.HEAD))


def read(member: MemberBytes) -> Optional[Told]:
    """Return the inputs of a Functional or Sequential model, as Keras orders them.

    Inputs that were given as a dict have its keys for names; others their layers' names.

    Raises
    ------
    UnreadableError
        It is damaged, or its configuration is more than a reader may hold.
    """
    try:
        zipped = member.peek(len(zip_entries.HEAD)) == zip_entries.HEAD
        if zipped:
            configuration = zip_entries.read_entry(member, "config.json")
        elif member.peek(len(hdf5.HEAD)) == hdf5.HEAD:
            configuration = hdf5.root_text(member, "model_config")
        else:
            return None
        if configuration is None:
            name = "config.json" if zipped else "model_config"
            return Told("tensorflow", why=f"has no {name}: it does not hold a whole Keras model")
        inputs = _inputs(_parsed(member, configuration))
    except UnreadableError as error:
        error.source = "tensorflow"
        raise
    if inputs is None:
        return Told("tensorflow", why=_CUSTOM)
    return told_inputs("tensorflow", inputs.items(), "has no inputs")


def _parsed(member: MemberBytes, configuration: bytes) -> Any:
    """Return JSON as values, where they are few enough and not nested too deep."""
    try:
        text = configuration.decode("utf-8")
    except UnicodeDecodeError:
        unreadable("is damaged: its configuration is not UTF-8")
    depth = marks = 0
    weight = 2 * sys.getsizeof(text)  # itself, and the texts that are cut from it
    quoted = False
    for match in _JSON_MARK.finditer(text):
        mark = match.group()
        marks += 1
        if marks % _MARKS_A_CHECK == 0:
            member.step(_MARKS_A_CHECK)
        if mark == '"':
            quoted = not quoted
        elif quoted or mark[0] == "\\":
            continue
        elif mark in "[{":
            depth += 1
            if depth > _DEPTH:
                unreadable("has a configuration that is nested too deep")
        elif mark in "]}":
            depth -= 1
        weight += _WEIGHTS.get(mark, 0)
    if weight > _VALUES_BYTES:
        unreadable("has a configuration of too many values")
    try:
        return json.loads(text, parse_int=_integer)
    except ValueError:
        unreadable("is damaged: its configuration is not JSON")


def _integer(digits: str) -> int:
    return int(digits) if len(digits) <= _MOST_DIGITS else 0


def _inputs(model: Any, nested: int = 0) -> Optional[Dict[str, Input]]:
    """Return a model's inputs by name, in Keras' order; `None` where it does not say them."""
    config = _object(model).get("config")
    # Before Keras 2.2.3, a Sequential model's configuration was the list of its layers alone.
    layers = config if isinstance(config, list) else _object(config).get("layers")
    if not isinstance(layers, list) or not layers or nested > _NESTED_MODELS:
        return None
    if isinstance(config, dict) and "input_layers" in config:
        return _functional(layers, config["input_layers"])
    return _sequential(layers[0], nested)


def _functional(layers: List[Any], input_layers: Any) -> Dict[str, Input]:
    by_name: Dict[str, Any] = {}
    for layer in layers:
        name = _object(layer).get("name")
        if isinstance(name, str):
            by_name.setdefault(name, layer)
    inputs: Dict[str, Input] = {}
    for name, layer_name in _leaves(input_layers, None, _DEPTH):
        if layer_name not in by_name:
            unreadable(_DAMAGED)
        config = _object(by_name[layer_name]).get("config")
        inputs.setdefault(_checked(name), _input(_object(config)))
    if inputs:
        check_count(len(inputs))
    return inputs


def _leaves(node: Any, key: Optional[str], depth: int) -> Iterator[Tuple[str, str]]:
    """Yield the name and the layer of each input in `input_layers`, however they nest.

    A leaf is `[layer's name, 0, 0]`. A dict is taken in the order of its keys, as Keras flattens
    it, and its keys are what a request's values go by.
    """
    if isinstance(node, dict):
        if node.get("class_name") == _TUPLE:
            node = node.get("items")
        else:
            for name in sorted(node):
                yield from _leaves(node[name], name, depth - 1)
            return
    if not isinstance(node, list) or not depth:
        unreadable(_DAMAGED)
    if node and isinstance(node[0], str):
        yield (node[0] if key is None else key), node[0]
        return
    for inner in node:
        yield from _leaves(inner, None, depth - 1)


def _sequential(first: Any, nested: int) -> Optional[Dict[str, Input]]:
    """Return the input of a Sequential model by its first layer.

    Before Keras 3 that may be any layer, which knows the shape of its input: the input is named
    after it.
    """
    layer = _object(first)
    config = layer.get("config")
    if isinstance(config, dict) and any(config.get(key) is not None for key in _BATCH_SHAPES):
        name = config.get("name")
        if layer.get("class_name") != "InputLayer" and isinstance(name, str):
            name += "_input"
        return {_checked(name): _input(config)}
    inner = _inputs(layer, nested + 1)
    if inner is None or len(inner) != 1:
        return None
    (given,) = inner.values()
    name = config.get("name") if isinstance(config, dict) else None
    return {_checked(f"{name}_input"): given}


def _input(config: Dict[str, Any]) -> Input:
    """Return the input that a layer takes by its configuration."""
    if config.get("sparse") is True or config.get("ragged") is True:
        return "takes a sparse or ragged tensor"
    shape: Any = next((config[key] for key in _BATCH_SHAPES if config.get(key) is not None), [])
    if isinstance(shape, dict):  # a tuple, as Keras' own encoder writes it
        shape = shape.get("items")
    if not isinstance(shape, list):
        unreadable(_DAMAGED)
    lengths: List[Optional[int]] = []
    for length in shape:
        if length is not None and type(length) is not int:
            unreadable(_DAMAGED)
        lengths.append(length)
    if lengths:
        lengths[0] = None  # the batch's, whatever its length
    dtype = config.get("dtype")
    if isinstance(dtype, dict):  # a policy
        dtype = _object(dtype.get("config")).get("name")
    if not isinstance(dtype, str) or dtype.startswith("mixed_"):
        dtype = "float32"
    return tensor_input(dtype, lengths)


def _object(value: Any) -> Dict[str, Any]:
    if not isinstance(value, dict):
        unreadable(_DAMAGED)
    return value


def _checked(name: Any) -> str:
    if not isinstance(name, str) or not name or not is_unicode(name):
        unreadable(_DAMAGED)
    return name
