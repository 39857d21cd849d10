"""Which candidates are kept does not depend on the order in which a model's files came."""

from __future__ import annotations

from typing import List, Tuple

from hypothesis import given
from hypothesis import strategies as st
from mims.fields import NUMERIC, Field
from mims.inputs.kept import Candidate, Kept, candidate_of
from mims.inputs.member import Told

LIMIT = 35_000


def candidate(place: int, width: int, name: str) -> Candidate:
    order = (2, False, False, 1, True, 0, b"%05d" % place)
    fields = tuple(Field(f"{name}{index}", NUMERIC) for index in range(width))
    return candidate_of(order, f"{place:05}", 0, Told("xgboost", fields))


def members(candidates: List[Candidate]) -> List[str]:
    kept = Kept(LIMIT)
    for one in candidates:
        kept.add(one)
    return [one.member for one in kept]


PLACES = st.lists(st.tuples(st.integers(1, 60), st.sampled_from("ab")), min_size=1, max_size=30)


@given(PLACES, st.randoms(use_true_random=False))
def test_the_same_candidates_are_kept_in_any_order(
    told: List[Tuple[int, str]], random: object
) -> None:
    candidates = [candidate(place, *one) for place, one in enumerate(told)]
    first = members(candidates)
    assert first == [one.member for one in candidates][: len(first)]
    random.shuffle(candidates)  # type: ignore[attr-defined]
    assert members(candidates) == first


def test_a_candidate_that_does_not_fit_is_left_out_with_all_after_it() -> None:
    small, large, last = candidate(1, 1, "a"), candidate(2, 200, "b"), candidate(3, 1, "c")
    assert members([small, large, last]) == ["00001"]
    assert members([last, large, small]) == ["00001"]


def test_the_first_candidate_is_kept_at_any_size() -> None:
    assert members([candidate(2, 1, "a"), candidate(1, 1_000, "b")]) == ["00001"]


def test_equal_fields_are_kept_once() -> None:
    kept = Kept(LIMIT)
    for place in range(15):
        kept.add(candidate(place, 60, "a"))
    first, *others = kept
    assert len(others) == 14
    assert all(one.told.fields is first.told.fields for one in others)
    assert len(members([candidate(place, 60, "abcdefghijklmno"[place]) for place in range(15)])) < 3


def test_training_values_and_paths_count() -> None:
    def large(place: int, path: str, value: str) -> Candidate:
        one = candidate(place, 1, "a")
        return one._replace(
            member=path, told=one.told._replace(training={"a0": (value,)}, form="example")
        )

    paths = [large(place, f"{place}" + "n" * 5_000, "") for place in range(9)]
    values = [large(place, f"{place}", f"{place}" + "v" * 9_000) for place in range(9)]
    assert 1 <= len(members(paths)) < 4
    assert 1 <= len(members(values)) < 4
