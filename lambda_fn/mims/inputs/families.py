"""Which server a model is made for, as its files show."""

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

# In this order they are told apart: by what a server needs, then by the model's own content.
_FIRST = ("mlflow", "triton", "tensorflow", "huggingface", "autogluon")
_BY_CONTENT = ("xgboost", "lightgbm", "catboost", "sklearn", "onnx")
KNOWN = (*_FIRST, *_BY_CONTENT, "pytorch")

# What shows a family beside the sources' own files.
ENDINGS = (*_PYTORCH_ENDINGS, _PYTORCH_NAME, *sorted(_AUTOGLUON_FILES))


class Families:
    """The families that a model's files have shown so far."""

    def __init__(self) -> None:
        self._seen: Set[str] = set()
        # The hashes of folders, which may be a million of a megabyte each, by the file seen there.
        self._autogluon: Dict[str, Set[int]] = {name: set() for name in _AUTOGLUON_FILES}

    def look_at(self, member: str) -> None:
        """Take note of a file's name."""
        folder, _, name = member.rpartition("/")
        if name in _BY_NAME:
            self._seen.add(_BY_NAME[name])
        if name.lower().endswith(_PYTORCH_ENDINGS) or name == _PYTORCH_NAME:
            self._seen.add("pytorch")
        if name in _AUTOGLUON_FILES:
            self._autogluon[name].add(hash(folder))

    def add(self, family: str) -> None:
        """Take note of a family that a file's content showed."""
        self._seen.add(family)

    def shown(self, model: Optional[Candidate]) -> Optional[str]:
        """Return the family: the first that was seen, in the order in which servers are told apart.

        `model` is the one that is taken among those recognised by their content.
        """
        if set.intersection(*self._autogluon.values()):
            self._seen.add("autogluon")
        by_content = [model.told.source] if model is not None else []
        for family in (*_FIRST, *by_content, *_BY_CONTENT, "pytorch"):
            if family in self._seen:
                return family
        return None
