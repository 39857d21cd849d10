"""The outermost object of a pickle → its inputs: a model, or a container of models and names."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

from mims.deadline import Check, no_deadline
from mims.inputs import autogluon, boosted, estimators
from mims.inputs.arrays import is_wrapper
from mims.inputs.member import Told
from mims.inputs.named import Found, numeric_fields
from mims.inputs.nodes import Instance
from mims.inputs.shared_lists import Lists
from mims.inputs.sources import FEATURE_LIST_NAMES

_VISITS, _DEPTH = 2000, 8  # how many objects are looked at, and how deep
_FIELDS_A_VISIT = 100  # so many inputs count as one more: the same names may be in every object
_VALUES = ("numpy", "pandas", "scipy", "pyarrow", "builtins", "__builtin__", "datetime", "decimal")
_DICTIONARIES = ("Bunch", "OrderedDict", "defaultdict")
# Keys under which people keep the names of a model's inputs.
_LISTS = ("feature_names_in_", *FEATURE_LIST_NAMES, "feature_names_", "feature_name_", "cols")
_LIST = re.compile("feature|column|cols")
WANTED = estimators.WANTED | boosted.WANTED | autogluon.WANTED | frozenset(_LISTS)


def found_in(outermost: Any, check: Check = no_deadline) -> Optional[Found]:
    """Return the inputs of the outermost object; `None` if there is no model in it."""
    return _Search(check).look(outermost)


def source_of(outermost: Any) -> str:
    """Return the source that a pickle of this object would be, judging by its class; else empty."""
    return _source_of(outermost, 3, set())


def _source_of(outermost: Any, depth: int, seen: Set[int]) -> str:
    if id(outermost) in seen:  # objects may be shared, and contain themselves
        return ""
    seen.add(id(outermost))
    if type(outermost) is Instance and not is_wrapper(outermost):
        library = outermost.made_by.library
        if library in (*boosted.LIBRARIES, estimators.NAME, autogluon.NAME):
            return library
        parts: Iterable[Any] = outermost.attributes.values()
    elif type(outermost) is dict:
        parts = outermost.values()
    else:
        parts = outermost if type(outermost) in (list, tuple) else ()
    sources = (_source_of(part, depth - 1, seen) for part in parts) if depth else ()
    return next((source for source in sources if source), "")


class _Search:
    """A walk through objects that may contain each other; it ends after `_VISITS` of them.

    At each it looks at the deadline: a list of names may be part of all of them.
    """

    def __init__(self, check: Check) -> None:
        self._check = check
        self._lists = Lists(check)
        self._visits = _VISITS
        self._depth = 0

    def look(self, value: Any) -> Optional[Found]:
        """Return the inputs of the model that a value is or contains."""
        if self._visits <= 0 or self._depth >= _DEPTH:
            return None
        self._check()
        self._visits -= 1
        self._depth += 1
        found = self._found(value)
        self._depth -= 1
        if found is not None:
            self._visits -= len(found.told.fields) // _FIELDS_A_VISIT
        return found

    def _found(self, value: Any) -> Optional[Found]:
        if type(value) is dict:
            return self._within(value.items(), is_model=False)
        if type(value) in (list, tuple):
            return self._within([("", item) for item in value[:_VISITS]], is_model=False)
        if not _is_object(value):
            return None
        library = value.made_by.library
        if library == autogluon.NAME:
            return autogluon.learner_inputs(value, self._lists)
        if value.made_by.name in _DICTIONARIES:
            return self._within(value.attributes.items(), is_model=False)
        if library in boosted.LIBRARIES:
            return boosted.boosted_inputs(value, self._lists)
        found = estimators.estimator_inputs(value, self.look, self._lists)
        if found is not None or library == estimators.NAME:
            return found
        # A class of the user's own, around a model.
        return self._within(value.attributes.items(), is_model=True)

    def _within(self, items: Iterable[Tuple[str, Any]], is_model: bool) -> Optional[Found]:
        """Return the inputs of models and lists of names that are next to each other.

        Parameters
        ----------
        is_model
            What contains them is itself a model.
        """
        all_found: List[Found] = []
        lists: Dict[str, Tuple[str, ...]] = {}
        for key, value in items:
            found = self.look(value) if type(value) in (dict, list, tuple, Instance) else None
            if found is not None:
                all_found.append(found)
            elif _is_object(value):
                is_model = True
            elif not key or _LIST.search(key.lower()) is not None:
                names = self._lists.names(value)
                if names:
                    lists.setdefault(key, names)
        best = min(all_found, key=_rank, default=None)
        if best is None:
            names = _of_number(0, lists, ()) if is_model else ()
            return Found(Told(estimators.NAME, numeric_fields(names))) if names else None
        if best.names:
            return best._replace(is_certain=best.is_certain and not best.told.transformer)
        if any(found.told.fields == estimators.TEXT_FIELDS for found in all_found):
            return Found(best.told._replace(fields=estimators.TEXT_FIELDS, made_up=False, why=""))
        names = _of_number(len(best.told.fields), lists, [found.names for found in all_found])
        return Found(_named(best.told, names)) if names else best._replace(is_certain=False)


def _is_object(value: Any) -> bool:
    """Say whether it is an object of some class, not a value such as an array."""
    return (
        type(value) is Instance and value.made_by.library not in _VALUES and not is_wrapper(value)
    )


def _rank(found: Found) -> Tuple[bool, bool, bool]:
    """Return a sort key: predictors before transformers, and names before a mere number."""
    told = found.told
    return not told.fields, told.transformer, told.made_up


def _of_number(
    count: int, lists: Dict[str, Tuple[str, ...]], others: Iterable[Tuple[str, ...]]
) -> Tuple[str, ...]:
    """Return the list with as many names as the model takes.

    If that number is not known, it is the list whose key says that it names inputs.
    """
    keys = [key for key in _LISTS if key in lists]
    if not count:
        return lists[keys[0]] if keys else lists.get("", ())
    keys += [key for key in lists if key not in keys]
    candidates = (*(lists[key] for key in keys), *others)
    return next((names for names in candidates if len(names) == count), ())


def _named(told: Told, names: Tuple[str, ...]) -> Told:
    fields = told.fields or numeric_fields(names)
    renamed = tuple(field._replace(name=name) for field, name in zip(fields, names))
    return told._replace(fields=renamed, made_up=False, why="")
