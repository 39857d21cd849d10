"""What a model's files say of its inputs → what is taken: the order among them, in one place.

Nothing here depends on the order of the files in their archive.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from mims.errors import shown
from mims.fields import BOOLEAN, INTEGER, NUMERIC, TEXT, Field
from mims.inputs.field_info import of_unknown_types
from mims.inputs.kept import Candidate, Kept, Order, candidate_of
from mims.inputs.member import (
    EXAMPLE,
    TENSOR,
    TOKENIZER,
    Told,
)
from mims.inputs.sources import FEATURE_LIST_RANK, RANKS
from mims.limits import TOLD_BYTES
from mims.values import is_unicode, number
from mims.wording import counted, of_kind, shown_short

XGBOOST_CONTAINERS_FILE = "xgboost-model"  # what SageMaker's XGBoost container loads
_MLFLOW, _SKLEARN, _AUTOGLUON, _XGBOOST = "mlflow", "sklearn", "autogluon", "xgboost"
COMPLETING = (EXAMPLE, TOKENIZER)
# The Python types of a category that a field of a signature can take, by the field's type.
_OF_TYPE: Dict[str, Tuple[type, ...]] = {
    TEXT: (str,),
    INTEGER: (int,),
    NUMERIC: (int, float),
    BOOLEAN: (bool,),
}
_REASONS = 10  # files of which an error says why they name no fields
_UNKNOWN_RANK = FEATURE_LIST_RANK + 1  # of a file that no source knows, and nobody misses


class Chosen(NamedTuple):
    """What is taken: the file that names the fields, and the model itself, if it is known."""

    names: Candidate
    model: Optional[Candidate]
    training: Tuple[Tuple[str, Tuple[object, ...]], ...]
    warnings: Tuple[str, ...]


class _WithoutFields(NamedTuple):
    """A file that names no fields, in the order of those that do, and why."""

    order: Order
    member: str
    source: str
    why: str


class Candidates:
    """The files of a model that were looked into, and what each says of its inputs."""

    def __init__(self) -> None:
        self._models = Kept(TOLD_BYTES // 2)
        self._lists = Kept(TOLD_BYTES // 4)
        self._completing = Kept(TOLD_BYTES // 4)
        self._without_fields: List[_WithoutFields] = []
        self._paths: Set[int] = set()  # their hashes: there may be a million, each a megabyte long

    def add(self, member: str, modified: int, told: Told) -> None:
        """Add what a file says; if a path comes twice, the first counts."""
        if not self._is_new(member):
            return
        order = _order(member, told.source, told.transformer)
        if not told.fields:
            self._note(_WithoutFields(order, member, told.source, told.why))
            return
        candidate = candidate_of(order, member, modified, told)
        if told.form in COMPLETING:
            self._completing.add(candidate)
        elif candidate.rank < FEATURE_LIST_RANK:
            self._models.add(candidate)
        else:
            self._lists.add(candidate)

    def note(self, member: str, source: str, why: str) -> None:
        """Note that a file of that source names no fields, and why."""
        if self._is_new(member):
            self._note(_WithoutFields(_order(member, source, False), member, source, why))

    def note_unknown(self, member: str) -> None:
        """Note that a file which looked like one of a source's turned out to be something else."""
        if self._is_new(member):
            order = (_UNKNOWN_RANK, *_order(member, "", False)[1:])
            why = "is not a file that is known to name them"
            self._note(_WithoutFields(order, member, "", why))

    def _is_new(self, member: str) -> bool:
        """Say whether a path comes for the first time."""
        count = len(self._paths)
        self._paths.add(hash(member))
        return len(self._paths) > count

    def _note(self, file: _WithoutFields) -> None:
        if file.why:
            self._without_fields.append(file)
            self._without_fields = sorted(self._without_fields)[: 2 * _REASONS]

    def reasons(self) -> List[str]:
        """Return, for an error, which files were looked into and why they name no fields."""
        looked_into = self._without_fields[:_REASONS]
        reasons = [f"'{shown(file.member)}' {file.why}" for file in looked_into]
        return reasons + ["…"] * (len(self._without_fields) > _REASONS)

    def model(self) -> Optional[Candidate]:
        """Return the model itself: the best of the files that are more than a list of names."""
        models = list(self._models)
        if models and models[0].told.source == _XGBOOST:
            for candidate in models:
                if candidate.member == XGBOOST_CONTAINERS_FILE:
                    return candidate
        return models[0] if models else None

    def choose(self, lists: Sequence[Candidate] = ()) -> Optional[Chosen]:
        """Return what names the fields; `None` where nothing does.

        `lists` are the feature lists among the hyperparameters.
        """
        examples = self._examples_that_count()
        told = sorted([*self._models, *self._lists, *examples, *lists])
        model = min((c for c in (self.model(), *examples) if c is not None), default=None)
        warnings: List[str] = []
        feature_lists = [c for c in told if c.rank == FEATURE_LIST_RANK]
        if model is None:
            names = told[0] if told else None
        elif model.told.made_up:
            names = _names_for(model, told) or model
            if names is model:
                warnings += [_made_up(model), *_outdated(model, feature_lists)]
        else:
            names = told[0] if told[0].rank < model.rank else model
        if names is None:
            return None
        warnings += self._disagreements(names, model, lists)
        better = [
            f"'{shown_short(file.member)}' would have named the fields, but it {file.why}"
            for file in self._without_fields
            if _goes_before(file, names, model) and not _completes(names, file.member)
        ]
        warnings += of_kind(f"{{names}}; '{shown_short(names.member)}' named them.", better)
        warnings += of_unknown_types(names.told.untyped)
        completed = self._with_categories(self._with_mask(names))
        return Chosen(completed, model, self._training(names), tuple(warnings))

    def _examples_that_count(self) -> List[Candidate]:
        """Return the examples next to an `MLmodel` without a signature."""
        unsigned = {
            _folder(file.member)
            for file in self._without_fields
            if file.member.split("/")[-1] == "MLmodel" and file.order[0] < _UNKNOWN_RANK
        }
        return [
            c for c in self._completing if c.told.form == EXAMPLE and _folder(c.member) in unsigned
        ]

    def _with_mask(self, names: Candidate) -> Candidate:
        """Return a model that fills masks, with the mask of the tokenizer next to it."""
        masked = names.told.fields[0].mask
        for other in self._completing if masked else ():
            if other.told.form == TOKENIZER and _folder(other.member) == _folder(names.member):
                return names._replace(told=names.told._replace(fields=other.told.fields))
        return names

    def _with_categories(self, names: Candidate) -> Candidate:
        """Return a signature's inputs, each with a category if the model next to it has some.

        To a signature a category is just a string; the model may refuse one that it does not know.
        """
        if names.told.source != _MLFLOW:
            return names
        folder = names.member[: -len(names.member.rpartition("/")[2])]
        looked_at: Set[int] = set()  # many models may share their fields
        for model in self._models:
            if id(model.told.fields) in looked_at:
                continue
            if model.told.source != _SKLEARN or not model.member.startswith(folder):
                continue
            looked_at.add(id(model.told.fields))
            first = {f.name: f.categories[0] for f in model.told.fields if f.categories}
            if not first:
                continue
            fields = tuple(_with_known(field, first) for field in names.told.fields)
            return names._replace(told=names.told._replace(fields=fields))
        return names

    def _training(self, names: Candidate) -> Tuple[Tuple[str, Tuple[object, ...]], ...]:
        training = dict(names.told.training)
        if names.told.source == _MLFLOW:
            for example in sorted(self._completing, reverse=True):
                if _folder(example.member) == _folder(names.member):
                    training.update(_example_values(names.told, example.told))
        return tuple(training.items())

    def _disagreements(
        self, names: Candidate, model: Optional[Candidate], lists: Sequence[Candidate]
    ) -> List[str]:
        """Return a warning for the first other file that names other inputs."""
        if names.rank == FEATURE_LIST_RANK or names.told.transformer:
            told = sorted([*self._models, *self._lists, *lists])
            others = [c for c in told if c.rank == names.rank]
        else:
            others = list(self._models)
        if names.told.source == _AUTOGLUON:  # its models take what it derives from the inputs
            others = [c for c in others if c.told.source == _AUTOGLUON]
        alike: Set[int] = set()  # the fields of others that name the same: many may share them
        for other in others:
            if other.told.made_up or names.told.made_up:
                continue
            if other.told.transformer != names.told.transformer:
                continue
            if (
                model is not None
                and names.rank == FEATURE_LIST_RANK
                and other.number != model.number
            ):
                continue
            if id(other.told.fields) in alike:
                continue
            if not _name_the_same(other, names):
                return [
                    f"'{shown(names.member)}' and '{shown(other.member)}' name different inputs; "
                    f"those of '{shown(names.member)}' were taken. Name the fields (FIELDS) if "
                    "the other is the model that is served."
                ]
            alike.add(id(other.told.fields))
        return []


def _example_values(told: Told, example: Told) -> Mapping[str, Tuple[object, ...]]:
    """Return the values of an example by the names of the fields.

    An example of a tensor without a name has rows without names: each is a value of the tensor.
    """
    if told.form != TENSOR or not example.made_up:
        return example.training
    columns = [example.training.get(field.name, ()) for field in example.fields]
    if len({len(column) for column in columns}) != 1:
        return {}
    return {told.fields[0].name: tuple(list(row) for row in zip(*columns))}


def feature_list(member: str, modified: int, source: str, fields: Tuple[Field, ...]) -> Candidate:
    """Return a candidate that ranks as a feature list, whatever its source."""
    order = _order(member, source, False)
    return candidate_of((FEATURE_LIST_RANK, *order[1:]), member, modified, Told(source, fields))


def _order(member: str, source: str, transformer: bool) -> Order:
    """Return the key that files are sorted by: the source's rank, predictors first, and so on."""
    parts = member.split("/")
    version = parts[-2] if source == "tensorflow" and len(parts) > 1 else ""
    return (
        RANKS.get(source, FEATURE_LIST_RANK - 1),
        transformer,
        parts[0] == "code",
        len(parts),
        not parts[-1].startswith("model"),
        -int(version) if version.isdecimal() and len(version) < 19 else 0,
        member.encode("utf-8", "surrogateescape"),
    )


def _folder(member: str) -> str:
    return member.rpartition("/")[0]


def _with_known(field: Field, categories: Dict[str, Any]) -> Field:
    """Return the field with its category, if that is of the field's type."""
    category = categories.get(field.name)
    if field.shape or type(category) not in _OF_TYPE.get(field.type, ()):
        return field
    if type(category) is str and not is_unicode(category):
        return field
    return field._replace(known=number(category) if field.type == NUMERIC else category)


def _goes_before(file: _WithoutFields, names: Candidate, model: Optional[Candidate]) -> bool:
    """Say whether a file would have been taken, had it named the fields.

    Of XGBoost's files the one that its container loads goes before all others.
    """
    if model is not None and file.source == model.told.source == _XGBOOST:
        first = [other for other in (file, model) if other.member == XGBOOST_CONTAINERS_FILE]
        if first:
            return first[0] is file
    return file.order < names.order


def _completes(names: Candidate, member: str) -> bool:
    """Say whether an example replaces the signature that the `MLmodel` next to it lacks."""
    return names.told.form == EXAMPLE and _folder(names.member) == _folder(member)


def _names_for(model: Candidate, told: Sequence[Candidate]) -> Optional[Candidate]:
    """Return the first file that names as many inputs as a model that gives only their number."""
    for candidate in told:
        if not candidate.told.made_up and candidate.number == model.number:
            return candidate
    return None


def _made_up(model: Candidate) -> str:
    first, last = model.told.fields[0].name, model.told.fields[-1].name
    names = f"name {first} is" if first == last else f"names {first} to {last} are"
    in_a_folder = ", in a sub-folder" * (model.member == XGBOOST_CONTAINERS_FILE)
    return (
        f"'{shown(model.member)}' gives only the number of its inputs, {model.number:,}: the "
        f"{names} made up. Such a payload suits servers that go by position; name the fields "
        f"(FIELDS), or pack a list of them (feature_names.json{in_a_folder})."
    )


def _outdated(model: Candidate, lists: Sequence[Candidate]) -> List[str]:
    return [
        f"'{shown(listed.member)}' names {counted(listed.number, 'input')}, but the model "
        f"'{shown(model.member)}' takes {model.number:,}: the list was not used."
        for listed in lists[:1]
    ]


def _name_the_same(one: Candidate, other: Candidate) -> bool:
    """Say whether both name the same inputs."""
    fields, others = one.told.fields, other.told.fields
    return fields is others or (len(fields) == len(others) and all(map(_same_name, fields, others)))


def _same_name(field: Field, other: Field) -> bool:
    return field.name == other.name
