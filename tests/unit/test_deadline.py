"""The deadline is checked in every part of the work, and its error ends the work."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import lru_cache
from typing import Any, Callable, Dict, List, Tuple

import pytest
from mims import find_inputs_in_files, generate_from
from mims.deadline import Check, checked, no_deadline
from mims.errors import CorruptArchiveError, InvalidHyperparametersError
from mims.fields import NUMERIC, Field
from mims.formats.registry import FORMATS, parse_content_types
from mims.inputs.field_lists import listed_fields, parse_fields
from mims.inputs.hyperparameters import Hyperparameters, Member, decode, parse_hyperparameters
from mims.inputs.model_files import ModelFile
from mims.inputs.model_inputs import Wishes
from mims.inputs.search import search_archive
from mims.limits import Limits
from mims.payload.archive import create_payload_archive
from mims.payload.check import check_payload_archive
from mims.payload.description import DescribedField, Description, FieldsFrom
from mims.payload.files import PayloadFile, encode
from mims.payload.metadata import read_metadata, write_metadata
from mims.payload.report import first_sample
from mims.sampling import make_samples
from mims.setting_layers import read_payload_settings
from mims.settings import GivenSettings, read_settings

from tests.archives import END, gz, member, payload_of

Part = Callable[[int, Check], Any]


class UpError(Exception):
    """The time is up."""


class Counting:
    """A check that counts how often it is called, and raises at a given call."""

    def __init__(self, last: int = -1) -> None:
        self.calls = 0
        self._last = last

    def __call__(self) -> None:
        if self.calls == self._last:
            raise UpError
        self.calls += 1


def names(count: int) -> List[str]:
    return [f"name {index}" for index in range(count)]


def fields(count: int, **more: Any) -> Tuple[Field, ...]:
    return tuple(Field(name, NUMERIC, **more) for name in names(count))


def hyperparameters(size: int, check: Check) -> Any:
    content = json.dumps({name: [0] for name in names(size)}).encode()
    return parse_hyperparameters(Member("hyperparameters.json", content, 0), check)


def too_deep(size: int, check: Check) -> None:
    with suppress(InvalidHyperparametersError):
        content = b'{"a":' + b"[" * size * 2
        parse_hyperparameters(Member("hyperparameters.json", content, 0), check)


def literal(size: int, check: Check) -> Any:
    return decode(f"[{'None,' * size}]", check)


def field_info(size: int, check: Check) -> Any:
    return listed_fields(Hyperparameters({"field_info": dict.fromkeys(names(size), "int")}), check)


def lists(size: int, check: Check) -> Any:
    return listed_fields(Hyperparameters({"tab_field_list": names(size)}, check), check)


def hint(size: int, check: Check) -> Any:
    return listed_fields(Hyperparameters(dict.fromkeys(names(size), "[1]"), check), check)


def setting_of_fields(size: int, check: Check) -> Any:
    return parse_fields(names(size), "FIELDS", check)


def payload_settings(size: int, check: Check) -> Any:
    values = {"a": names(size), **dict.fromkeys(names(size), 0)}
    return read_payload_settings({"field_values": values}, check)


def samples(size: int, check: Check) -> Any:
    settings = read_settings({}, {"field_values": {"name 0": list(range(size))}}).resolve({})
    return make_samples(fields(size), Hyperparameters(), {}, settings, 0, check)


def shaped_samples(size: int, check: Check) -> Any:
    settings = read_settings({}, {"field_values": {"name 0": [1] * size}}).resolve({})
    return make_samples(fields(1, shape=(size,)), Hyperparameters(), {}, settings, 0, check)


def description(size: int, check: Check) -> Any:
    described = tuple(
        DescribedField(name, NUMERIC, "default", (), "NUMERIC") for name in names(size)
    )
    source = FieldsFrom("settings", None)
    return write_metadata(Description("a 1", (), described, source, None, None, 1, ()), check)


def description_read(size: int, check: Check) -> None:
    fields = [{"name": name, "type": NUMERIC, "source": "default"} for name in names(size)]
    with suppress(CorruptArchiveError):  # the rest of it is missing
        read_metadata(json.dumps({"fields": fields}).encode(), check)


def search(size: int, check: Check) -> Any:
    files = b"".join(member(f"{name}/feature_names.json", b'["a"]') for name in names(size // 8))
    return search_archive([gz(files + END, 1)], Limits(), lambda _: Wishes(), check)


def packing(size: int, check: Check) -> Any:
    (content_type,) = parse_content_types("text/csv", "x")
    files = [PayloadFile(f"{name}.csv", content_type, b"0") for name in names(size // 8)]
    return create_payload_archive(files, b"", check)


PARTS: Dict[str, Part] = {
    part.__name__: part
    for part in (
        hyperparameters,
        too_deep,
        literal,
        field_info,
        lists,
        hint,
        setting_of_fields,
        payload_settings,
        samples,
        shaped_samples,
        description,
        description_read,
        search,
        packing,
    )
}


def encoding(content_type: str, width: int) -> Part:
    """Return the part that makes a body of that type, with `size` values in rows of that width."""

    def part(size: int, check: Check) -> Any:
        request: Dict[str, Any] = {"content_types": content_type, "sample_count": size // width}
        if "template" in content_type:
            request.update(content_template="[$records]", record_template="$features")
            if "jsonl" in content_type or "ndjson" in content_type:
                del request["content_template"]
        settings = read_settings({}, request).resolve({})
        made = make_samples(fields(width), Hyperparameters(), {}, settings, 0, no_deadline)
        return encode(made, settings.content_types[0], check)

    return part


PARTS.update(
    (str(format), encoding(str(format), 4))
    for format in FORMATS
    if not format.one_sample and not format.one_field
)


def one_record(content_type: str) -> Part:
    """Return the part that makes a body of that type, with one sample of `size` fields."""

    def part(size: int, check: Check) -> Any:
        return encoding(content_type, size)(size, check)

    return part


PARTS.update(
    (f"one record of {format}", one_record(str(format)))
    for format in FORMATS
    if format.media_type == "application/json" and not format.one_field
)


def one_vector(size: int, check: Check) -> Any:
    request = {"content_types": "text/csv; header=absent", "field_values": {"name 0": [1] * size}}
    settings = read_settings({}, request).resolve({})
    made = make_samples(fields(1, shape=(size,)), Hyperparameters(), {}, settings, 0, no_deadline)
    return encode(made, settings.content_types[0], check)


PARTS["one record of text/csv with a shape"] = one_vector


def first_record(size: int, check: Check) -> Any:
    (content_type,) = parse_content_types("application/json", "x")
    return first_sample(fields(size), [0.0] * size, content_type, check=check)


PARTS["the first record of a report"] = first_record


def checking(content_type: str) -> Part:
    def part(size: int, check: Check) -> Any:
        request = {"content_types": content_type, "sample_count": size // 4}
        archive = payload_of(
            json.dumps({"tab_field_list": names(4)}).encode(), read_settings({}, request)
        ).archive
        return check_payload_archive(archive, check)

    return part


PARTS.update(
    (f"check of {name}", checking(name))
    for name in ("application/json", "text/csv", "text/libsvm", "application/x-npy")
)


FEW = 8_192


@lru_cache(maxsize=None)
def calls_for_few(part: Part) -> int:
    counting = Counting()
    part(FEW, counting)
    return counting.calls


@pytest.mark.parametrize("part", PARTS.values(), ids=list(PARTS))
def test_the_deadline_is_looked_at_as_the_work_grows(part: Part) -> None:
    large = Counting()
    part(24_576, large)
    # Sixteen thousand more values, with at least one call for each four thousand.
    assert large.calls - calls_for_few(part) >= 4


@pytest.mark.parametrize("part", PARTS.values(), ids=list(PARTS))
def test_what_the_check_raises_ends_the_work_wherever_it_is(part: Part) -> None:
    calls = calls_for_few(part)
    for call in (0, calls // 2, calls - 1):
        with pytest.raises(UpError):
            part(FEW, Counting(call))


def test_a_whole_run_ends_at_any_of_its_checks() -> None:
    content = json.dumps({"tab_field_list": names(3_000), "x": [[]] * 3_000}).encode()

    def run(check: Check) -> None:
        file = ModelFile(
            "hyperparameters.json",
            True,
            len(content),
            0,
            lambda n: content[:n],
            lambda: iter([content]),
        )
        given = GivenSettings()
        generate_from(find_inputs_in_files([file], given, check), given, check)

    counting = Counting()
    run(counting)
    assert counting.calls > 20
    for call in range(0, counting.calls, 5):
        with pytest.raises(UpError):
            run(Counting(call))


def test_the_deadline_is_checked_once_for_each_thousand_items() -> None:
    counting = Counting()
    assert list(checked(range(3_000), counting)) == list(range(3_000))
    assert counting.calls == 3
    assert list(checked([], counting)) == []
