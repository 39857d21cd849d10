"""The families of models, by the server that a model is made for, as its files show."""

from __future__ import annotations

from typing import Dict, Optional, Set

from mims.inputs.kept import Candidate

_BY_NAME = {
    "MLmodel": "mlflow",
    "config.pbtxt": "triton",
    "saved_model.pb": "tensorflow",
}
_PYTORCH_ENDINGS = (".pt", ".pth")
_PYTORCH_NAME = "pytorch_model.bin"
_AUTOGLUON_FILES = ("predictor.pkl", "learner.pkl")

# The order in which families are tried: first by the files that a server needs, then by content.
_FIRST = ("mlflow", "triton", "tensorflow", "huggingface", "autogluon")
_BY_CONTENT = ("xgboost", "lightgbm", "catboost", "sklearn", "onnx")
KNOWN = (*_FIRST, *_BY_CONTENT, "pytorch")

# Files that show a family, besides those of the sources.
ENDINGS = (*_PYTORCH_ENDINGS, _PYTORCH_NAME, *sorted(_AUTOGLUON_FILES))


class Families:
    """The families that a model's files have shown so far."""

    def __init__(self) -> None:
        self._seen: Set[str] = set()
        # By file, the hashes of the folders it was seen in: there may be a million long names.
        self._autogluon: Dict[str, Set[int]] = {name: set() for name in _AUTOGLUON_FILES}

    def look_at(self, member: str) -> None:
        """Note a file by its name."""
        folder, _, name = member.rpartition("/")
        if name in _BY_NAME:
            self._seen.add(_BY_NAME[name])
        if name.lower().endswith(_PYTORCH_ENDINGS) or name == _PYTORCH_NAME:
            self._seen.add("pytorch")
        if name in _AUTOGLUON_FILES:
            self._autogluon[name].add(hash(folder))

    def add(self, family: str) -> None:
        """Note a family that the content of a file shows."""
        self._seen.add(family)

    def shown(self, model: Optional[Candidate]) -> Optional[str]:
        """Return the first family that was seen, in the order in which they are tried.

        `model` is the model itself, of those that are recognised by content.
        """
        if set.intersection(*self._autogluon.values()):
            self._seen.add("autogluon")
        by_content = [model.told.source] if model is not None else []
        for family in (*_FIRST, *by_content, *_BY_CONTENT, "pytorch"):
            if family in self._seen:
                return family
        return None
