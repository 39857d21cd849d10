"""Estimators of scikit-learn, and of libraries like it → their inputs."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

from mims.fields import TEXT, Field
from mims.inputs import encoders
from mims.inputs.arrays import array_shape, listed, scalar
from mims.inputs.member import Told, check_count
from mims.inputs.named import NO_INPUTS, Found, numbered_fields, numeric_fields
from mims.inputs.nodes import Instance
from mims.inputs.shared_lists import Lists

NAME = "sklearn"
TEXT_FIELDS = (Field("text", TEXT),)
Look = Callable[[Any], Optional[Found]]

_STEPS, _UNION = "steps", "transformer_list"
_PIPELINES = 8  # within each other; in a pickle one may be its own step
# scikit-learn's own; of its ColumnTransformer before 1.0; of sklearn2pmml's pipelines.
_NAMES = ("feature_names_in_", "_feature_names_in", "_df_columns", "active_fields")
_COUNT = "n_features_in_"
# Attributes in which an estimator keeps an inner one that takes the same inputs.
_INNER = ("best_estimator_", "estimator_", "base_estimator_", "regressor_", "estimators_")
_CALIBRATED = "calibrated_classifiers_"
_PLAIN_INNER = ("estimator", "base_estimator")
# Before n_features_in_ (0.24): modules, and the attribute whose last dimension is the number.
_OLD_COUNTS = ("sklearn.tree", "sklearn.ensemble")
_OLD_SHAPES = (
    (("sklearn.linear_model", "sklearn.svm", "sklearn.discriminant_analysis"), "coef_"),
    (("sklearn.preprocessing",), "scale_"),
    (("sklearn.impute",), "statistics_"),
    (("sklearn.decomposition",), "components_"),
    (("sklearn.naive_bayes",), "theta_"),
    (("sklearn.neighbors",), "_fit_X"),
    (("sklearn.cluster",), "cluster_centers_"),
)
_TRANSFORMERS = (
    "sklearn.preprocessing",
    "sklearn.impute",
    "sklearn.decomposition",
    "sklearn.feature_",
    "sklearn.compose",
    "sklearn.random_projection",
    "sklearn.kernel_approximation",
    "category_encoders",
    "feature_engine",
    "imblearn.over_sampling",
    "imblearn.under_sampling",
    "imblearn.combine",
)
_PREDICTORS = ("TransformedTargetRegressor",)
_NARROWED = ("Bagging", "RFE", "SelectFrom", "Sequential", "ClassifierChain", "RegressorChain")
_OTHERS = ("n_features_", "_preprocessor", _CALIBRATED, _COUNT, _STEPS, _UNION)
WANTED = encoders.WANTED.union(_NAMES, _INNER, _PLAIN_INNER, _OTHERS)


def estimator_inputs(instance: Instance, look: Look, lists: Lists) -> Optional[Found]:
    """Return the inputs of an estimator; `None` if it is not known as one.

    Parameters
    ----------
    look
        Returns the inputs of another object.
    lists
        The lists of the pickle.
    """
    attributes = instance.attributes
    if type(attributes.get(_STEPS)) is list:
        return _pipeline(instance, look, lists)
    if type(attributes.get(_UNION)) is list:
        return _union(instance, look)
    if encoders.is_vectorizer(instance):
        return Found(Told(NAME, TEXT_FIELDS, transformer=True), is_certain=True)
    found = _own(instance, lists)
    if _may_have_inner(instance, found):
        inner = _inner(instance, look)
        if inner is not None and (found is None or inner.names == found.names):
            told = _as_own(inner.told) if instance.made_by.library == NAME else inner.told
            return Found(told, inner.is_certain and bool(inner.names))
    if found is None and instance.made_by.library == NAME:
        return Found(Told(NAME, why=NO_INPUTS, transformer=is_transformer(instance)))
    return found


def is_transformer(value: Any, depth: int = _PIPELINES) -> bool:
    """Say whether it only transforms its inputs, as a step that is passed through does."""
    if type(value) is not Instance:
        return True
    steps = pipeline_steps(value) if depth else []
    if steps:
        return is_transformer(steps[-1], depth - 1)
    made_by = value.made_by
    if made_by.name in _PREDICTORS:
        return False
    return made_by.module.startswith(_TRANSFORMERS) or made_by.name == "FeatureUnion"


def pipeline_steps(pipeline: Instance) -> List[Any]:
    """Return the steps of a pipeline, without their names, as far as they have been read."""
    written = pipeline.attributes.get(_STEPS)
    steps = []
    if type(written) is list:
        for entry in written:
            parts = listed(entry) if type(entry) in (tuple, list) else None
            if parts is not None and len(parts) == 2:
                steps.append(parts[1])
            elif type(entry) is Instance:  # the tuple around it is not complete yet
                steps.append(entry)
    return steps


def _pipeline(pipeline: Instance, look: Look, lists: Lists) -> Optional[Found]:
    if not lists.take(len(pipeline.attributes[_STEPS])):
        return None
    steps = [step for step in pipeline_steps(pipeline) if type(step) is Instance]
    if not steps:
        return None
    found = _own(pipeline, lists) or look(steps[0])
    if found is None:
        return Found(Told(NAME, why=NO_INPUTS, transformer=is_transformer(pipeline)))
    # A step that does not transform can only be the last one.
    is_last_known = pipeline.is_complete or not is_transformer(steps[-1])
    is_first_known = found.is_certain or (steps[0].is_complete and len(steps) > 1)
    told = _as_own(found.told)._replace(transformer=is_last_known and is_transformer(pipeline))
    # A vocabulary may have millions of words; pipelines of text nearly always end in a predictor.
    is_text = told.fields == TEXT_FIELDS
    return Found(told, is_text or (is_last_known and is_first_known))


def _union(union: Instance, look: Look) -> Optional[Found]:
    for entry in union.attributes[_UNION]:
        if type(entry) is tuple and len(entry) == 2 and type(entry[1]) is Instance:
            found = look(entry[1])
            if found is not None:
                told = _as_own(found.told)._replace(transformer=True)
                return Found(told, found.is_certain)
    return None


def _as_own(told: Told) -> Told:
    """Return the inputs of an estimator within an object of scikit-learn as that object's own."""
    if told.made_up and told.source != NAME:
        told = told._replace(fields=numbered_fields(len(told.fields)))
    return told._replace(source=NAME)


def _own(instance: Instance, lists: Lists) -> Optional[Found]:
    """Return the inputs that the estimator itself gives: names, else a number."""
    names: Tuple[str, ...] = ()
    for key in _NAMES:
        names = names or lists.names(instance.attributes.get(key))
    fields = numeric_fields(names)
    if not names:
        count = _count(instance)
        if not count:
            return None
        fields = numbered_fields(count)
    name = instance.made_by.name
    preprocessor = instance.attributes.get("_preprocessor")  # of HistGradientBoosting, since 1.4
    is_certain = bool(names)
    if name == "ColumnTransformer":
        fields, is_certain = encoders.typed(fields, instance, lists), False
    elif name.endswith("Encoder"):
        fields, is_certain = encoders.encoded(fields, instance, lists), False
    elif type(preprocessor) is Instance:
        fields = encoders.typed(fields, preprocessor, lists)
    told = Told(NAME, fields, made_up=not names, transformer=is_transformer(instance))
    return Found(told, is_certain or instance.is_complete)


def _count(instance: Instance) -> int:
    attributes = instance.attributes
    module = instance.made_by.module
    count = scalar(attributes.get(_COUNT))
    if type(count) is not int and module.startswith(_OLD_COUNTS):
        count = scalar(attributes.get("n_features_"))
    if type(count) is not int and instance.made_by.name == "ColumnTransformer":
        count = scalar(attributes.get("_n_features"))
    for modules, key in _OLD_SHAPES:
        if type(count) is not int and module.startswith(modules):
            shape = array_shape(attributes.get(key))
            count = shape[-1] if shape else None
    if type(count) is not int or count < 1:
        return 0
    check_count(count)
    return count


def _may_have_inner(instance: Instance, found: Optional[Found]) -> bool:
    """Say whether an inner estimator may take the same inputs, and say more about them."""
    if instance.made_by.name.startswith(_NARROWED):
        return False
    return found is None or not found.told.made_up


def _inner(instance: Instance, look: Look) -> Optional[Found]:
    attributes = instance.attributes
    candidates = [attributes.get(key) for key in (*_INNER, _CALIBRATED)]
    for candidate in (*candidates, *(attributes.get(key) for key in _PLAIN_INNER)):
        if type(candidate) is list and candidate:
            candidate = candidate[0]
        if type(candidate) is not Instance:
            continue
        found = look(candidate)
        if found is not None and found.told.fields:
            return found
    return None
