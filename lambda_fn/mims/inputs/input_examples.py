"""MLflow's `input_example.json` and `serving_input_example.json` → the inputs and their values.

https://mlflow.org/docs/latest/ml/model/signatures/#input-examples
"""

from __future__ import annotations

from itertools import islice
from math import isfinite
from typing import (
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from mims.deadline import checked
from mims.fields import BOOLEAN, INTEGER, NUMERIC, TEXT, Field
from mims.inputs.hyperparameters import as_name
from mims.inputs.json_text import JsonText
from mims.inputs.member import Told, UnreadableError, check_count
from mims.values import is_unicode

UNNAMED = "input"  # the name of an input that has none, of a signature's tensor too

# How much of an example is taken: rows, values after the first row, characters of lists.
_ROWS = 100
_VALUES = 100_000
_BUILT_CHARACTERS = 524_288
_PARAMETERS = "params"


class _Table(NamedTuple):
    """Columns by name, each with its values; `made_up` says that the names are made up."""

    columns: Dict[str, List[Any]]
    made_up: bool = False


def read_example(json: JsonText, source: str, form: str) -> Told:
    """Return the inputs that an example shows, with the types and shapes of its values.

    Raises
    ------
    UnreadableError
        It is not JSON, or damaged.
    """
    start = json.start()
    table = _object(json, start) if json.opening(start) == "{" else _samples(json, start)
    if table is None or not table.columns:
        return Told(source, form=form, why="shows no inputs")
    check_count(len(table.columns))
    fields = []
    training: Dict[str, Tuple[Any, ...]] = {}
    for name, values in checked(table.columns.items(), json.check):
        if not is_unicode(name):
            raise UnreadableError("holds a name that is not valid Unicode")
        known = [value for value in values if _is_known(value)]
        shape = _shape(known)
        fields.append(Field(name, _type(known), shape))
        fitting = tuple(value for value in known if _shape([value]) == shape and _is_plain(value))
        if fitting:
            training[name] = fitting
    return Told(source, tuple(fields), table.made_up, training=training, form=form)


def _object(json: JsonText, at: int) -> Optional[_Table]:
    """Return the table of an example that is an object: a request's body, or just values."""
    starts = _starts(json, at)
    keys = {*starts} - {_PARAMETERS}
    if keys == {"dataframe_split"}:
        if json.opening(starts["dataframe_split"]) != "{":
            return None
        starts = _starts(json, starts["dataframe_split"])
        keys = {*starts}
    elif keys in ({"dataframe_records"}, {"inputs"}, {"instances"}):
        return _samples(json, starts[keys.pop()])
    if keys - {"index", "columns"} == {"data"}:
        names = _names(json, starts["columns"]) if "columns" in keys else None
        return _rows(json, starts["data"], names)
    if keys == {"data", "indices", "indptr", "shape"}:  # a sparse matrix
        shape = _value(json, starts["shape"])
        if not isinstance(shape, list) or len(shape) != 2 or type(shape[1]) is not int:
            return None
        check_count(shape[1])
        return _Table({f"f{index}": [] for index in range(shape[1])}, True)
    return _values_by_name(json, starts)


def _starts(json: JsonText, at: int) -> Dict[str, int]:
    """Return the positions of an object's values, by key."""
    starts: Dict[str, int] = {}
    try:
        for key, value_at in json.entries(at):
            starts[key] = value_at
            check_count(len(starts))
    except UnreadableError:
        if json.whole or "columns" not in starts or "data" not in starts:
            raise
        # A large table: its names are known, and its last rows are not needed.
    return starts


def _samples(json: JsonText, at: int) -> Optional[_Table]:
    """Return the table of a request's samples: records, rows, values by name, or one tensor."""
    if json.opening(at) == "{":
        return _values_by_name(json, _starts(json, at))
    if json.opening(at) != "[":
        return _Table({UNNAMED: [_value(json, at)]})
    first = next(json.elements(at), None)
    if first is None:
        return None
    if json.opening(first) == "{":
        return _records(json, at)
    if json.opening(first) == "[":
        cell = next(json.elements(first), None)
        if cell is None:
            return None
        if json.opening(cell) not in "[{":
            return _rows(json, at, None)
    return _Table({UNNAMED: [_value(json, row) for row in islice(json.elements(at), _ROWS)]})


def _values_by_name(json: JsonText, starts: Mapping[str, int]) -> Optional[_Table]:
    """Return the table of an object: of columns if all values are lists of one length.

    Otherwise it is a single record.
    """
    if not starts or not all(starts):
        return None
    columns = {}
    for name, at in starts.items():
        if json.opening(at) != "[":
            break
        columns[name] = [_value(json, row) for row in islice(json.elements(at), _ROWS)]
    else:
        if len({len(values) for values in columns.values()}) == 1:
            return _Table(columns)
    return _Table({name: [_value(json, at)] for name, at in starts.items()})


def _records(json: JsonText, at: int) -> Optional[_Table]:
    columns: Dict[str, List[Any]] = {}
    taken = 0
    for row in islice(json.elements(at), _ROWS):
        if taken > _VALUES:
            break
        if json.opening(row) != "{":
            return None
        for name, value_at in json.entries(row):
            if not name:
                return None
            columns.setdefault(name, []).append(_value(json, value_at))
            taken += 1
        check_count(len(columns))
    return _Table(columns)


def _rows(json: JsonText, at: int, names: Optional[List[str]]) -> Optional[_Table]:
    """Return the table of rows, which are lists of values; missing names are made up."""
    rows: List[List[Any]] = []
    try:
        for row in islice(json.elements(at), _ROWS):
            if json.opening(row) != "[" or len(rows) * len(rows[0] if rows else ()) > _VALUES:
                break
            rows.append([_value(json, cell) for cell in json.elements(row)])
            check_count(len(rows[-1]))
    except UnreadableError:
        if json.whole or not (rows or names):  # otherwise the rest is not needed
            raise
    made_up = names is None
    if names is None:
        names = [f"f{index}" for index in range(len(rows[0]) if rows else 0)]
    rows = [row for row in rows if len(row) == len(names)]
    columns: Dict[str, List[Any]] = {}
    for index, name in enumerate(checked(names, json.check)):
        columns.setdefault(name, [row[index] for row in rows])
    return _Table(columns, made_up)


def _names(json: JsonText, at: int) -> List[str]:
    if json.opening(at) != "[":
        raise UnreadableError("shows columns that are not a list")
    names = []
    for start in json.elements(at):
        name = as_name(_value(json, start))
        if name is None:
            raise UnreadableError("shows a column whose name is not a string")
        names.append(name)
        check_count(len(names))
    return names


def _value(json: JsonText, at: int) -> Any:
    """Return a value; `None` for a list or object once enough of them have been taken."""
    if json.opening(at) in "[{" and json.built > _BUILT_CHARACTERS:
        return None
    return json.value(at)


def _is_known(value: Any) -> bool:
    """Say whether a value is known: not null, and not NaN or infinite."""
    return value is not None and (not isinstance(value, float) or isfinite(value))


def _leaves(values: Iterable[Any]) -> Iterator[Any]:
    """Yield what is in the values, however deep: each only once through, not level by level."""
    pending = [iter(values)]
    while pending:
        for value in pending[-1]:
            if isinstance(value, list):
                pending.append(iter(value))
                break
            yield value
        else:
            pending.pop()


def _is_plain(value: Any) -> bool:
    """Say whether a sample may have every element of the value."""
    return all(_is_known(leaf) and not isinstance(leaf, dict) for leaf in _leaves([value]))


def _type(values: Iterable[Any]) -> str:
    types = {type(leaf) for leaf in _leaves(values) if leaf is not None}
    if types & {str, dict}:
        return TEXT
    if types == {bool}:
        return BOOLEAN
    return INTEGER if types == {int} else NUMERIC


def _shape(values: Sequence[Any]) -> Tuple[int, ...]:
    """Return the shape that the values have in common; a length that differs counts as 1."""
    if not values or not all(isinstance(value, list) for value in values):
        return ()
    lengths = {len(value) for value in values}
    elements = [element for value in values for element in value]
    return (lengths.pop() if len(lengths) == 1 and elements else 1, *_shape(elements))
