"""SavedModels for the tests of the source `tensorflow`, and what their signatures say.

Run with a folder, once with each version of TensorFlow: `python -m
tests.models.training.sources_tensorflow FOLDER`. The folders in the project were made with
tensorflow 1.15.5 (Python 3.7), tensorflow-cpu 2.4.4 (3.8), 2.12.1 (3.11) and 2.21.0 (3.12); their
names begin with the version. Only `saved_model.pb` is kept: the variables say nothing about the
inputs.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, Optional

# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-return"
# mypy: disable-error-code="no-untyped-call,no-untyped-def"
import tensorflow as tf

try:
    from tensorflow.core.protobuf import saved_model_pb2
except ImportError:
    saved_model_pb2 = None

VERSION = ".".join(tf.__version__.split(".")[:2])
TYPES = {
    "float16": ("numeric", "FP16"),
    "float32": ("numeric", "FP32"),
    "float64": ("numeric", "FP64"),
    "int32": ("integer", "INT32"),
    "int64": ("integer", "INT64"),
    "uint8": ("integer", "UINT8"),
    "bool": ("boolean", "BOOL"),
    "string": ("text", "BYTES"),
}


def columns(folder: str) -> None:
    """Save a model with an input for each column; two names have a dot, as no argument can."""
    specs = {
        "account.type": tf.TensorSpec([None, 1], tf.string, name="account.type"),
        "age": tf.TensorSpec([None, 1], tf.float32, name="age"),
        "n_cards": tf.TensorSpec([None, 1], tf.int64, name="n_cards"),
        "is.new": tf.TensorSpec([None], tf.bool, name="is.new"),
    }

    class Columns(tf.Module):
        def __init__(self):
            super().__init__()
            self.weight = tf.Variable(0.5)

        @tf.function(input_signature=[specs])
        def score(self, inputs):
            return {"score": inputs["age"] * self.weight}

    module = Columns()
    tf.saved_model.save(module, folder, signatures=module.score.get_concrete_function())


def shapes(folder: str) -> None:
    """Save a model with a scalar, an unknown rank, a fixed batch, an unknown width, half floats."""

    class Shapes(tf.Module):
        @tf.function(
            input_signature=[
                tf.TensorSpec([], tf.bool, name="scalar"),
                tf.TensorSpec(None, tf.int32, name="anything"),
                tf.TensorSpec([1, 28, 28], tf.uint8, name="fixed"),
                tf.TensorSpec([None, 3, None], tf.float64, name="wide"),
                tf.TensorSpec([None], tf.float16, name="Amounts"),
            ]
        )
        def run(self, scalar, anything, fixed, wide, amounts):
            return {"out": amounts}

    module = Shapes()
    tf.saved_model.save(module, folder, signatures=module.run.get_concrete_function())


def _signatures(folder: str, *names: str) -> None:
    class Scorer(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="readings")])
        def score(self, readings):
            return {"score": tf.reduce_sum(readings, 1)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def classify(self, examples):
            return {"classes": examples}

    module = Scorer()
    made = {"score": module.score, "classify": module.classify, "serving_default": module.score}
    signatures = {name: made[name].get_concrete_function() for name in names}
    tf.saved_model.save(module, folder, signatures=signatures)


def sequential(folder: str) -> None:
    """Save a Keras model, as its own library saves or exports it."""
    layers = tf.keras.layers
    model = tf.keras.Sequential([layers.InputLayer((5,)), layers.Dense(1)])
    if hasattr(model, "export"):
        model.export(folder)
    else:
        model.save(folder, include_optimizer=False)


def waves(folder: str) -> None:
    """Save a model with an input that no request can carry."""

    class Waves(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.complex64, name="waves")])
        def run(self, waves):
            return {"out": waves}

    module = Waves()
    tf.saved_model.save(module, folder, signatures=module.run.get_concrete_function())


def placeholders(folder: str) -> None:
    """Save a graph of TensorFlow 1 with placeholders, and the signature of `simple_save`."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        readings = tf.compat.v1.placeholder(tf.float32, [None, 3], "readings")
        city = tf.compat.v1.placeholder(tf.string, [None], "city_in")
        weight = tf.compat.v1.get_variable("weight", [3, 1])
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.saved_model.simple_save(
            session,
            folder,
            inputs={"readings": readings, "home city": city},
            outputs={"score": tf.matmul(readings, weight)},
        )


MODELS = {
    "columns": columns,
    "shapes": shapes,
    "several-signatures": lambda folder: _signatures(folder, "classify", "serving_default"),
    "one-signature": lambda folder: _signatures(folder, "score"),
    "no-default": lambda folder: _signatures(folder, "score", "classify"),
    "no-signature": lambda folder: _signatures(folder),
    "keras-sequential": sequential,
    "complex": waves,
}
# The models that other versions write differently; 2.21 writes them all.
MADE = {
    "1.15": {"simple-save": placeholders},
    "2.4": {name: MODELS[name] for name in ("columns", "keras-sequential")},
    "2.12": {"keras-sequential": sequential},
}
WHY = {
    "no-default": "has 2 signatures, none of them 'serving_default'",
    "no-signature": "has no signature",
    "complex": "takes values of a type that no request carries as its input 'waves'",
}
SIGNATURES = {"one-signature": "score"}


def expected(written: bytes, name: str) -> Dict[str, Any]:
    """Return what the signature's map says, read with TensorFlow's own schema."""
    if name in WHY:
        return {"source": "tensorflow", "made_up": False, "fields": [], "why": WHY[name]}
    model = saved_model_pb2.SavedModel.FromString(written)
    (graph,) = model.meta_graphs
    assert list(graph.meta_info_def.tags) == ["serve"]
    inputs = graph.signature_def[SIGNATURES.get(name, "serving_default")].inputs
    fields = []
    for key in sorted(inputs):
        kind, datatype = TYPES[tf.as_dtype(inputs[key].dtype).name]
        lengths = [max(dim.size, 1) for dim in inputs[key].tensor_shape.dim]
        fields.append({"name": key, "type": kind, "datatype": datatype, "shape": lengths[1:]})
    return {"source": "tensorflow", "made_up": False, "fields": fields}


def main(folder: Path, only: Optional[str] = None) -> None:
    """Write each model to its own folder, with what is expected of it."""
    for name, make in MADE.get(VERSION, MODELS).items():
        if only not in (None, name):
            continue
        with tempfile.TemporaryDirectory() as made:
            target = Path(made, "1")
            make(str(target))
            (written,) = target.rglob("saved_model.pb")
            kept = folder / f"tensorflow-{VERSION}-{name}"
            (kept / "1").mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(written), str(kept / "1" / "saved_model.pb"))
        content = (kept / "1" / "saved_model.pb").read_bytes()
        text = json.dumps(expected(content, name), indent=2, ensure_ascii=False)
        (kept / "expect.json").write_text(text + "\n", encoding="utf-8")
        print(f"{name}: {len(content):,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
