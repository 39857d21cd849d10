"""What a model's files told → what is taken: the order among them, in one place.

Nothing here depends on the order of the files in their archive.
"""

from __future__ import annotations

import hashlib
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from mims.errors import shown
from mims.fields import Field
from mims.inputs.member import Told
from mims.inputs.sources import FEATURE_LIST_RANK, RANKS
from mims.limits import TOLD_BYTES

_XGBOOST_CONTAINERS_FILE = "xgboost-model"  # what SageMaker's XGBoost container loads
_EXAMPLE = "example"
_REASONS = 10  # members that an error says why they told nothing

_Order = Tuple[int, bool, bool, int, bool, int, bytes]


class Candidate(NamedTuple):
    """A file that told something, and where it stands among the others: the lowest is taken."""

    order: _Order
    member: str
    modified: int
    told: Told

    @property
    def rank(self) -> int:
        return self.order[0]

    @property
    def number(self) -> int:
        """How many inputs it tells; a field with a shape counts its elements."""
        return sum(field.size for field in self.told.fields)


class Chosen(NamedTuple):
    """What is taken: the file that names the fields, and the model that takes them, if known."""

    names: Candidate
    model: Optional[Candidate]
    training: Tuple[Tuple[str, Tuple[object, ...]], ...]
    warnings: Tuple[str, ...]


class Candidates:
    """The files of a model that were looked into, and what each told."""

    def __init__(self) -> None:
        self._told = _Kept()
        self._examples = _Kept()
        self._untold: List[Tuple[_Order, str, str]] = []
        self._paths: Set[bytes] = set()  # digests: a path may have a megabyte

    def add(self, member: str, modified: int, told: Told) -> None:
        """Take what a file told; of one path twice, the first counts."""
        if not self._is_new(member):
            return
        order = _order(member, told.source, told.transformer)
        if not told.fields:
            self._note(order, member, told.why)
            return
        candidate = Candidate(order, member, modified, told)
        if told.form == _EXAMPLE:
            self._examples.add(candidate)
        else:
            self._told.add(candidate)

    def note(self, member: str, source: str, why: str) -> None:
        """Note that a file of that source told nothing, and why."""
        if self._is_new(member):
            self._note(_order(member, source, False), member, why)

    def _is_new(self, member: str) -> bool:
        digest = hashlib.blake2b(member.encode("utf-8", "surrogateescape"), digest_size=16).digest()
        is_new = digest not in self._paths
        self._paths.add(digest)
        return is_new

    def _note(self, order: _Order, member: str, why: str) -> None:
        if why:
            self._untold.append((order, member, why))
            self._untold = sorted(self._untold)[: 2 * _REASONS]

    def reasons(self) -> List[str]:
        """Return, for an error, which files were looked into and why they told nothing."""
        reasons = [f"'{shown(member)}' {why}" for _, member, why in self._untold[:_REASONS]]
        return reasons + ["…"] * (len(self._untold) > _REASONS)

    def model(self) -> Optional[Candidate]:
        """Return the model itself: the best of those that are no mere list of names."""
        models = [c for c in self._told.in_order() if c.rank < FEATURE_LIST_RANK]
        if models and models[0].told.source == "xgboost":
            for candidate in models:
                if candidate.member == _XGBOOST_CONTAINERS_FILE:
                    return candidate
        return models[0] if models else None

    def choose(self, lists: Sequence[Candidate] = ()) -> Optional[Chosen]:
        """Return what names the fields; `None` where nothing does.

        `lists` are the feature lists among the hyperparameters.
        """
        told = sorted(
            [*self._told.in_order(), *self._examples_that_count(), *lists],
            key=lambda candidate: candidate.order,
        )
        model = self.model()
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
        warnings += self._disagreements(names, model)
        warnings += [
            f"'{shown(member)}' would have told the fields, but it {why}; '{shown(names.member)}' "
            "told them."
            for order, member, why in self._untold
            if order < names.order and not _completes(names, member)
        ]
        return Chosen(names, model, self._training(names), tuple(warnings))

    def _examples_that_count(self) -> List[Candidate]:
        """Return the examples that stand beside an `MLmodel` without a signature."""
        unsigned = {
            _folder(member) for _, member, _ in self._untold if member.split("/")[-1] == "MLmodel"
        }
        return [c for c in self._examples.in_order() if _folder(c.member) in unsigned]

    def _training(self, names: Candidate) -> Tuple[Tuple[str, Tuple[object, ...]], ...]:
        training = dict(names.told.training)
        if names.told.source == "mlflow":
            for example in reversed(self._examples.in_order()):
                if _folder(example.member) == _folder(names.member):
                    training.update(example.told.training)
        return tuple(training.items())

    def _disagreements(self, names: Candidate, model: Optional[Candidate]) -> List[str]:
        """Return a warning for the first other model that tells other names."""
        if names.rank == FEATURE_LIST_RANK or names.told.transformer:
            others = [c for c in self._told.in_order() if c.rank == names.rank]
        else:
            others = [c for c in self._told.in_order() if c.rank < FEATURE_LIST_RANK]
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
            if _digest(other) != _digest(names):
                return [
                    f"'{shown(names.member)}' and '{shown(other.member)}' tell different inputs; "
                    f"those of '{shown(names.member)}' were taken. Name the fields (FIELDS) if "
                    "the other is the model that is served."
                ]
        return []


class _Kept:
    """Candidates, of which the last in order go where all of them together take too much room."""

    def __init__(self) -> None:
        self._total = 0
        self._weights: Dict[_Order, int] = {}
        self._by_order: Dict[_Order, Candidate] = {}

    def add(self, candidate: Candidate) -> None:
        self._by_order[candidate.order] = candidate
        self._weights[candidate.order] = _weight(candidate)
        self._total += self._weights[candidate.order]
        while self._total > TOLD_BYTES and len(self._by_order) > 1:
            last = max(self._by_order)
            del self._by_order[last]
            self._total -= self._weights.pop(last)

    def in_order(self) -> List[Candidate]:
        return [self._by_order[order] for order in sorted(self._by_order)]


def _weight(candidate: Candidate) -> int:
    """Return about how many bytes of memory a candidate takes."""
    texts = sum(len(field.name) for field in candidate.told.fields) + 5 * len(candidate.member)
    values = sum(map(len, candidate.told.training.values()))
    return 2 * texts + 200 * len(candidate.told.fields) + 100 * values


def feature_list(member: str, modified: int, source: str, fields: Tuple[Field, ...]) -> Candidate:
    """Return a candidate that ranks as a feature list, whatever its source."""
    order = _order(member, source, False)
    return Candidate((FEATURE_LIST_RANK, *order[1:]), member, modified, Told(source, fields))


def _order(member: str, source: str, transformer: bool) -> _Order:
    """Return where a file stands: the source's rank, a predictor before a transformer, …"""
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


def _completes(names: Candidate, member: str) -> bool:
    """Say whether an example stands in for the signature that the `MLmodel` beside it lacks."""
    return names.told.form == _EXAMPLE and _folder(names.member) == _folder(member)


def _names_for(model: Candidate, told: Sequence[Candidate]) -> Optional[Candidate]:
    """Return who names as many inputs as a model that tells only their number."""
    for candidate in told:
        if not candidate.told.made_up and candidate.number == model.number:
            return candidate
    return None


def _made_up(model: Candidate) -> str:
    first, last = model.told.fields[0].name, model.told.fields[-1].name
    return (
        f"'{shown(model.member)}' tells only the number of its inputs, {model.number:,}: the names "
        f"{first} to {last} are made up. Such a payload suits servers that go by position; name "
        "the fields (FIELDS), or pack a list of them (feature_names.json)."
    )


def _outdated(model: Candidate, lists: Sequence[Candidate]) -> List[str]:
    return [
        f"'{shown(listed.member)}' names {listed.number:,} inputs, but the model "
        f"'{shown(model.member)}' takes {model.number:,}: the list was not used."
        for listed in lists[:1]
    ]


def _digest(candidate: Candidate) -> bytes:
    names = "\0".join(field.name for field in candidate.told.fields)
    return hashlib.sha256(names.encode("utf-8", "surrogatepass")).digest()
