"""Warnings: never more or longer than all that store or show them accept."""

from __future__ import annotations

from typing import List

from hypothesis import given
from hypothesis import strategies as st
from mims.wording import bounded, count_left_out


def test_a_few_short_warnings_stay_as_they_are() -> None:
    told = [f"warning {number}" for number in range(20)]
    assert bounded(told) == told


def test_what_is_left_out_is_counted() -> None:
    told = bounded([f"warning {number}" for number in range(4000)])
    assert told == [*(f"warning {number}" for number in range(19)), "… and 3,981 more warnings"]


def test_a_long_warning_is_cut() -> None:
    (told,) = bounded(["x" * 501])
    assert told == "x" * 499 + "…"


def test_one_warning_that_is_left_out_is_one() -> None:
    assert bounded(["a"] * 20 + [count_left_out(1)])[-1] == "… and 2 more warnings"
    assert bounded([count_left_out(1)]) == ["… and 1 more warning"]


@given(st.lists(st.lists(st.text(max_size=600), max_size=60), max_size=4))
def test_bounded_lists_can_be_joined_and_bounded_again(parts: List[List[str]]) -> None:
    joined = bounded([warning for part in parts for warning in bounded(part)])
    assert len(joined) <= 20
    assert all(len(warning) <= 500 for warning in joined)
    assert bounded(joined) == joined
    every = sum(map(len, parts))
    if every <= 20:
        assert len(joined) == every
    else:
        assert joined[-1] == count_left_out(every - 19)
