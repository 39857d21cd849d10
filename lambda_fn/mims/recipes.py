"""Recipes: for each family of models, the bodies that its own server reads, as data.

`body` is the content type of a payload, unless there is another for the form of the model: `single`
for a model of one input, `tensors` for a signature of named tensors, `tensor` for one of a tensor
without a name, `numbered` for columns whose names are numbers. `reads` lists what else the family's
server takes.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from mims.inputs.member import NUMBERED, TENSOR, TENSORS

AUTO, NONE = "auto", "none"


class Recipe(NamedTuple):
    """What fits a family's server.

    Attributes
    ----------
    name
        The family's.
    body, single, tensors, tensor, numbered
        Content types; those after the first are empty where `body` serves.
    reads
        Further content types that the server takes.
    numbers_alone
        The server takes only numbers: texts, categories and times default to the number 0.
    coded_categories
        Categories without a value of their own are the number 0.
    """

    name: str
    body: str
    reads: Tuple[str, ...] = ()
    single: str = ""
    tensors: str = ""
    tensor: str = ""
    numbered: str = ""
    numbers_alone: bool = False
    coded_categories: bool = False

    def content_type(self, form: str, field_count: int) -> str:
        """Return the content type for a model of that form (`ModelInputs`) and number of inputs."""
        forms = {TENSOR: self.tensor, TENSORS: self.tensors, NUMBERED: self.numbered}
        if forms.get(form):
            return forms[form]
        return self.single if self.single and field_count == 1 else self.body

    @property
    def bodies(self) -> Tuple[str, ...]:
        """Every content type that the server takes."""
        own = (self.body, self.single, self.tensors, self.tensor, self.numbered)
        return tuple(dict.fromkeys(filter(None, (*own, *self.reads))))


_ROWS = "text/csv; header=absent"
_LISTS = "application/json; format=lists"

RECIPES: Tuple[Recipe, ...] = (
    # https://github.com/aws/sagemaker-xgboost-container (algorithm mode: csv, libsvm)
    Recipe(
        "xgboost",
        _ROWS,
        reads=(
            "text/libsvm",
            "text/libsvm; index=0",
            "text/x-libsvm",
            "text/x-libsvm; index=0",
        ),
        numbers_alone=True,
    ),
    Recipe("lightgbm", _ROWS, coded_categories=True),
    Recipe("catboost", _ROWS, coded_categories=True),
    # https://github.com/aws/sagemaker-inference-toolkit (the default decoders: JSON, CSV, npy)
    Recipe("sklearn", _LISTS, reads=(_ROWS, "application/x-npy")),
    Recipe("pytorch", _LISTS, reads=(_ROWS, "application/x-npy"), numbers_alone=True),
    # https://www.tensorflow.org/tfx/serving/api_rest
    Recipe(
        "tensorflow",
        "application/json",
        single="application/json; format=rows",
        reads=("application/json; format=inputs", "application/json; format=tensor"),
    ),
    # https://github.com/aws/sagemaker-huggingface-inference-toolkit
    Recipe(
        "huggingface",
        "application/json; format=task",
        reads=("application/json; format=record", "text/csv"),
    ),
    # https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
    Recipe(
        "mlflow",
        "application/json; format=dataframe_split",
        tensors="application/json; format=inputs",
        tensor="application/json; format=tensor",
        reads=("application/json; format=dataframe_records", "application/json", "text/csv"),
    ),
    # https://github.com/aws/deep-learning-containers (AutoGluon's serving script)
    Recipe(
        "autogluon",
        "text/csv",
        numbered=_ROWS,
        reads=("application/json; format=records", "application/jsonl"),
    ),
    # https://github.com/triton-inference-server/server (the Open Inference Protocol)
    Recipe("triton", "application/json; format=v2"),
)


def recipe_of(family: Optional[str]) -> Optional[Recipe]:
    """Return the recipe of that family; `None` where there is none."""
    for recipe in RECIPES:
        if recipe.name == family:
            return recipe
    return None
