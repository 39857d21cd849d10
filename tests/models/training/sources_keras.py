"""Keras models for the tests of the source `keras`, and what Keras says about them once loaded.

Run with a folder, once with each version: `python -m tests.models.training.sources_keras FOLDER`.
The folders in the project were made with keras 3.15.1 and tf_keras 2.21.0 (of tensorflow-cpu
2.21.0, Python 3.12; the latter with `TF_USE_LEGACY_KERAS=1`), the Keras within tensorflow-cpu
2.12.1 (Python 3.11) and 2.4.4 (3.8), and keras 2.2.5 (of tensorflow 1.15.5, Python 3.7; with
`STANDALONE_KERAS=1`); their names begin with the version of Keras.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-return"
# mypy: disable-error-code="no-untyped-call,no-untyped-def"
import numpy as np

if os.environ.get("STANDALONE_KERAS"):
    import keras
elif os.environ.get("TF_USE_LEGACY_KERAS"):
    import tf_keras as keras
else:
    from tensorflow import keras

VERSION = ".".join(keras.__version__.split("-")[0].split(".")[:2])
MAJOR = int(VERSION[0])
TYPES = {
    "float32": ("numeric", "FP32"),
    "int32": ("integer", "INT32"),
    "int64": ("integer", "INT64"),
    "string": ("text", "BYTES"),
    "bool": ("boolean", "BOOL"),
}
layers = keras.layers


def several():
    """Return a model with named inputs of several widths, one of them of whole numbers."""
    age = layers.Input((1,), name="Age")
    codes = layers.Input((3,), name="codes.bought", dtype="int32")
    series = layers.Input((None, 2), name="Größe")
    looked_up = layers.Flatten()(layers.Embedding(9, 1, name="lookup")(codes))
    averaged = layers.GlobalAveragePooling1D()(series)
    joined = layers.Concatenate()([age, looked_up, averaged])
    return keras.Model([age, codes, series], layers.Dense(1)(joined))


def texts():
    """Return a model with a column of strings and one of booleans."""
    city = layers.Input((1,), name="city", dtype="string")
    member = layers.Input((), name="is_member", dtype="bool")
    hashed = layers.Hashing(4, output_mode="one_hot")(city)
    return keras.Model([member, city], [layers.Dense(1)(hashed), layers.Identity()(member)])


def as_dict():
    """Return a model with inputs in a dict, in which one key is not the name of its layer."""
    area = layers.Input((2,), name="area")
    rooms = layers.Input((1,), name="rooms_input")
    joined = layers.Concatenate()([area, rooms])
    return keras.Model({"rooms": rooms, "area": area}, layers.Dense(1)(joined))


def nested():
    """Return a model with inputs in a list within a list."""
    first, second = layers.Input((1,), name="first"), layers.Input((2,), name="second")
    joined = layers.Concatenate()([first, second])
    return keras.Model([[second], first], layers.Dense(1)(joined))


def single():
    """Return a model with one input, which Keras 3 writes without a list around it."""
    readings = layers.Input((4,), name="readings")
    return keras.Model(readings, layers.Dense(1)(readings))


def sequential():
    """Return a Sequential model that knows its input's shape from the beginning."""
    if MAJOR < 3:
        return keras.Sequential([layers.Dense(1, input_shape=(6,), name="scores")])
    return keras.Sequential([layers.Input((6,), name="samples"), layers.Dense(1, name="scores")])


def fitted():
    """Return a Sequential model that learned its input's shape from data."""
    model = keras.Sequential([layers.Dense(1, name="scores")])
    model.build((None, 7))
    return model


def around_a_model():
    """Return a Sequential model whose first layer is a model."""
    return keras.Sequential([single(), layers.Dense(1)])


def unbuilt():
    """Return a Sequential model that has seen no data."""
    return keras.Sequential([layers.Dense(1)])


def subclass():
    """Return a model of its own class."""

    class Scorer(keras.Model):
        def __init__(self, **options):
            super().__init__(**options)
            self.dense = layers.Dense(1)

        def call(self, inputs):
            return self.dense(inputs)

    model = Scorer()
    model(np.zeros((2, 3), np.float32))
    return model


# For each version: a folder's name, the model, and the file that it is saved as.
MADE: Dict[str, List[Tuple[str, Any, str]]] = {
    "3": [
        ("several", several, "model.keras"),
        ("texts", texts, "model.keras"),
        ("dict", as_dict, "model.keras"),
        ("nested-h5", nested, "1/model.hdf5"),
        ("single", single, "model.keras"),
        ("sequential", sequential, "model.keras"),
        ("unbuilt", unbuilt, "model.keras"),
        ("subclass", subclass, "model.keras"),
        ("weights", single, "model.weights.h5"),
    ],
    "2.4": [("several", several, "model.keras")],  # HDF5, whatever its name
    "2.21": [("several", several, "model.keras"), ("fitted", fitted, "model.keras")],
    "2.12": [
        ("dict-h5", as_dict, "model.h5"),
        ("fitted-h5", fitted, "model.h5"),
    ],
    "2.2": [
        ("sequential-h5", sequential, "model.h5"),
        ("around-a-model-h5", around_a_model, "model.h5"),
    ],
}
_NO_INPUTS = "has a configuration that does not say what its inputs are"
WHY = {
    "unbuilt": _NO_INPUTS,
    "subclass": _NO_INPUTS,
    "weights": "has no model_config: it does not hold a whole Keras model",
}


def hdf5_forms(folder: Path) -> None:
    """Write the same configuration in the other forms of HDF5 that h5py can write."""
    import h5py

    text = json.dumps(
        {
            "class_name": "Sequential",
            "config": [
                {
                    "class_name": "Embedding",
                    "config": {"name": "codes", "batch_input_shape": [None, 3], "dtype": "int64"},
                }
            ],
        }
    ).encode()
    field = {"name": "codes_input", "type": "integer", "datatype": "INT64", "shape": [3]}
    forms: List[Tuple[str, Dict[str, Any], int, bytes]] = [
        ("latest", {"libver": "latest"}, 2, text),
        ("in-order", {"track_order": True}, 2, text),
        ("many-attributes", {}, 40, text),
        ("fixed-length", {}, 2, np.bytes_(text)),
        ("indexed", {"libver": "latest"}, 40, text),
    ]
    for name, options, count, written in forms:
        kept = folder / f"h5py-{'.'.join(h5py.__version__.split('.')[:2])}-{name}"
        kept.mkdir(parents=True, exist_ok=True)
        with h5py.File(str(kept / "model.h5"), "w", **options) as file:
            for index in range(count):
                file.attrs[f"other_{index}"] = index
            file.attrs["model_config"] = written
        expect: Dict[str, Any] = {"source": "tensorflow", "made_up": False, "fields": [field]}
        if name == "indexed":
            expect = {"unreadable": "is HDF5 in a form that is not read"}
        expect_text = json.dumps(expect, indent=2)
        (kept / "expect.json").write_text(expect_text + "\n", encoding="utf-8")


def expected(path: Path, case: str) -> Dict[str, Any]:
    """Return the inputs of the loaded model: names (the keys, if in a dict), types and shapes."""
    if case in WHY:
        return {"source": "tensorflow", "made_up": False, "fields": [], "why": WHY[case]}
    model = keras.models.load_model(str(path), compile=False)
    names = [getattr(tensor, "name", "").split(":")[0] for tensor in model.inputs]
    if isinstance(getattr(model, "input", None), dict):
        names = sorted(model.input)
    elif MAJOR < 3:
        names = model.input_names
    fields = []
    for name, tensor in zip(names, model.inputs):
        dtype = getattr(tensor.dtype, "name", tensor.dtype)
        kind, datatype = TYPES[dtype]
        shape = [getattr(length, "value", length) or 1 for length in list(tensor.shape)[1:]]
        fields.append({"name": name, "type": kind, "datatype": datatype, "shape": shape})
    return {"source": "tensorflow", "made_up": False, "fields": fields}


def main(folder: Path) -> None:
    """Write each model to its own folder, with what is expected of it."""
    for case, make, file_name in MADE.get(VERSION, MADE["3"]):
        keras.backend.clear_session()
        kept = folder / f"{keras.__name__.split('.')[0]}-{VERSION}-{case}"
        path = kept / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name.endswith(".weights.h5"):
            make().save_weights(str(path))
        else:
            make().save(str(path))
        text = json.dumps(expected(path, case), indent=2, ensure_ascii=False)
        (kept / "expect.json").write_text(text + "\n", encoding="utf-8")
        print(f"{case}: {path.stat().st_size:,} bytes")
    if MAJOR == 3:
        hdf5_forms(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
