"""Keras: the inputs of a whole saved model, as its configuration names them.

A `.keras` file is a zip archive with `config.json` before the weights (or, from TensorFlow before
2.12, an HDF5 file); an `.h5` file has the same in the attribute `model_config`. Keras 2 and 3:
https://keras.io/api/models/model_saving_apis/model_saving_and_loading/
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Tuple

from mims.inputs import hdf5, zip_entries
from mims.inputs.json_text import JsonText
from mims.inputs.member import MemberBytes, Told, UnreadableError, check_count
from mims.inputs.sources import KERAS
from mims.inputs.tensors import Input, tensor_input, told_inputs
from mims.values import is_unicode

_ZIPPED = ".keras"

_NESTED_MODELS = 8
_BATCH_SHAPES = ("batch_shape", "batch_input_shape")  # of Keras 3; of earlier versions
_OF_AN_INPUT = (*_BATCH_SHAPES, "name", "dtype", "sparse", "ragged")
_TUPLE = "__tuple__"


def wants(path: str, head: bytes) -> bool:
    """Say whether a member is a Keras model, by its name and its first bytes."""
    name = path.lower()
    if name.endswith(_ZIPPED) and head.startswith(zip_entries.HEAD):
        return True
    return name.endswith(KERAS.endings) and head.startswith(hdf5.HEAD)


def read(member: MemberBytes) -> Optional[Told]:
    """Return the inputs of a Functional or Sequential model, as Keras orders them.

    Inputs that were given as a dict are named by its keys, others by their layers.

    Raises
    ------
    UnreadableError
        It is damaged, or its configuration is larger than a reader may hold.
    """
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
    inputs = _configured(member, configuration)
    if inputs is None:
        return Told("tensorflow", why="has a configuration that does not say what its inputs are")
    return told_inputs("tensorflow", inputs.items(), "has no inputs")


def _configured(member: MemberBytes, configuration: bytes) -> Optional[Dict[str, Input]]:
    try:
        json = JsonText(configuration.decode("utf-8"), member)
        return _inputs(json, json.start())
    except UnicodeDecodeError:
        raise UnreadableError("has a configuration that is not UTF-8") from None
    except UnreadableError as error:
        raise UnreadableError(f"has a configuration that {error}") from None


def _inputs(json: JsonText, model: int, nested: int = 0) -> Optional[Dict[str, Input]]:
    """Return a model's inputs by name, in Keras' order; `None` if it does not give them."""
    config = _entries(json, model, "config").get("config")
    if config is None:
        return None
    if (
        json.opening(config) == "["
    ):  # a Sequential model before Keras 2.2.3 has only its layers there
        found = {"layers": config}
    else:
        found = _entries(json, config, "layers", "input_layers")
    layers = found.get("layers")
    if layers is None or json.opening(layers) != "[" or nested > _NESTED_MODELS:
        return None
    if "input_layers" in found:
        return _functional(json, layers, json.value(found["input_layers"]))
    first = next(json.elements(layers), None)
    return None if first is None else _sequential(json, first, nested)


def _functional(json: JsonText, layers: int, input_layers: Any) -> Dict[str, Input]:
    wanted = list(_leaves(input_layers, None))
    if not wanted:
        return {}
    check_count(len(wanted))
    missing = {layer_name for _, layer_name in wanted}
    by_layer: Dict[str, Input] = {}
    for layer in json.elements(layers):
        if not missing:
            break
        found = _entries(json, layer, "name", "config")
        layer_name = json.value(found["name"]) if len(found) == 2 else None
        if isinstance(layer_name, str) and layer_name in missing:
            missing.remove(layer_name)
            by_layer[layer_name] = _input(_values(json, found["config"]))
    if missing:
        raise _foreign()
    inputs: Dict[str, Input] = {}
    for name, layer_name in wanted:
        inputs.setdefault(_checked(name), by_layer[layer_name])
    return inputs


def _leaves(node: Any, key: Optional[str]) -> Iterator[Tuple[str, str]]:
    """Yield the name and the layer of each input in `input_layers`, however they nest.

    A leaf is `[layer's name, 0, 0]`. A dict is sorted by its keys, as Keras flattens it; a request
    names its values by these. (JSON that is nested too deep was refused before.)
    """
    if isinstance(node, dict) and node.get("class_name") != _TUPLE:
        for name in sorted(node):
            yield from _leaves(node[name], name)
        return
    items = node.get("items") if isinstance(node, dict) else node
    if not isinstance(items, list):
        raise _foreign()
    if items and isinstance(items[0], str):
        yield (items[0] if key is None else key), items[0]
        return
    for inner in items:
        yield from _leaves(inner, None)


def _sequential(json: JsonText, first: int, nested: int) -> Optional[Dict[str, Input]]:
    """Return the input of a Sequential model by its first layer.

    Before Keras 3, that may be any layer, which knows the shape of its input; the input is named
    after it.
    """
    layer = _entries(json, first, "class_name", "config")
    if "config" not in layer or json.opening(layer["config"]) != "{":
        return None
    config = _values(json, layer["config"])
    name = config.get("name")
    if any(config.get(key) is not None for key in _BATCH_SHAPES):
        is_input = "class_name" in layer and json.value(layer["class_name"]) == "InputLayer"
        return {_checked(name if is_input else _named_after(name)): _input(config)}
    inner = _inputs(json, first, nested + 1)
    if inner is None or len(inner) != 1:
        return None
    (given,) = inner.values()
    return {_named_after(name): given}


def _named_after(layer_name: Any) -> str:
    return f"{_checked(layer_name)}_input"


def _input(config: Dict[str, Any]) -> Input:
    """Return the input that a layer takes, according to its configuration."""
    if config.get("sparse") is True or config.get("ragged") is True:
        return "takes a sparse or ragged tensor"
    shape: Any = next((config[key] for key in _BATCH_SHAPES if config.get(key) is not None), [])
    if isinstance(shape, dict):  # a tuple, as Keras' own encoder writes it
        shape = shape.get("items")
    if not isinstance(shape, list):
        raise _foreign()
    lengths: List[Optional[int]] = []
    for length in shape:
        if length is not None and type(length) is not int:
            raise _foreign()
        lengths.append(length)
    if lengths:
        lengths[0] = None  # the batch's, whatever its length
    dtype = config.get("dtype")
    if isinstance(dtype, dict):  # a policy
        policy = dtype.get("config")
        dtype = policy.get("name") if isinstance(policy, dict) else None
    if not isinstance(dtype, str) or dtype.startswith("mixed_"):
        dtype = "float32"
    return tensor_input(dtype, lengths)


def _entries(json: JsonText, at: int, *keys: str) -> Dict[str, int]:
    """Return the positions of the values of those keys, as far as these are there."""
    if json.opening(at) != "{":
        raise _foreign()
    found: Dict[str, int] = {}
    for key, value_at in json.entries(at):
        if key in keys:
            found[key] = value_at
            if len(found) == len(keys):
                break
    return found


def _values(json: JsonText, config: int) -> Dict[str, Any]:
    """Return what a layer's configuration says about its input."""
    found = _entries(json, config, *_OF_AN_INPUT)
    return {key: json.value(value_at) for key, value_at in found.items()}


def _checked(name: Any) -> str:
    if not isinstance(name, str) or not name or not is_unicode(name):
        raise _foreign()
    return name


def _foreign() -> UnreadableError:
    return UnreadableError("is not a Keras model's")
