"""The trials of a run → a chart of the seconds that each way takes, with the limit, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from statistics import median
from typing import Any, NamedTuple

_WIDTH, _LABELS, _NUMBERS = 760, 190, 70
_BAR, _GAP, _HEAD, _MARGIN = 16, 8, 40, 16
_OURS, _OTHERS, _LIMIT, _TEXT = "#1f6feb", "#afb8c1", "#cf222e", "#24292f"
_FONT = "font-family='-apple-system, Segoe UI, Helvetica, Arial, sans-serif' font-size='13'"


class Panel(NamedTuple):
    """The bars for one archive: a way's name and its seconds; the limit is a line across all."""

    title: str
    bars: Sequence[tuple[str, float]]
    limit: float
    ours: str


def panel(
    title: str, key: str, ways: Mapping[str, str], trials: Sequence[Mapping[str, Any]]
) -> Panel:
    """Return the panel of an archive; the first of the ways is the limit, the second is ours.

    Raises
    ------
    ValueError
        One of the ways was not measured on this archive.
    """
    seconds = {way: _median(way, key, trials) for way in ways}
    limit, ours, *_ = ways
    bars = [(words, seconds[way]) for way, words in ways.items() if way != limit]
    return Panel(title, bars, seconds[limit], ways[ours])


def draw(panels: Sequence[Panel], limit_words: str) -> str:
    """Return the chart, in which each panel has its own scale."""
    heights = [_HEAD + len(each.bars) * (_BAR + _GAP) + _MARGIN for each in panels]
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{sum(heights)}' "
        f"viewBox='0 0 {_WIDTH} {sum(heights)}' role='img' {_FONT} fill='{_TEXT}'>",
        "<title>Seconds to read an archive to its end, by the way it is read</title>",
        "<rect width='100%' height='100%' fill='white'/>",
    ]
    top = 0
    for each, height in zip(panels, heights):
        lines += _panel(each, top, limit_words)
        top += height
    return "\n".join([*lines, "</svg>", ""])


def _panel(each: Panel, top: int, limit_words: str) -> Iterator[str]:
    most = max(each.limit, *(seconds for _, seconds in each.bars))
    scale = (_WIDTH - _LABELS - _NUMBERS) / most
    yield f"<text x='12' y='{top + 24}' font-weight='bold'>{escape(each.title)}</text>"
    y = top + _HEAD
    for words, seconds in each.bars:
        color = _OURS if words == each.ours else _OTHERS
        end = _LABELS + seconds * scale
        middle = y + _BAR - 3
        yield f"<text x='{_LABELS - 8}' y='{middle}' text-anchor='end'>{escape(words)}</text>"
        yield (
            f"<rect x='{_LABELS}' y='{y}' width='{max(1.0, seconds * scale):.1f}' "
            f"height='{_BAR}' fill='{color}'/>"
        )
        yield f"<text x='{end + 6:.1f}' y='{middle}'>{seconds:.2f} s</text>"
        y += _BAR + _GAP
    x = _LABELS + each.limit * scale
    yield (
        f"<line x1='{x:.1f}' y1='{top + _HEAD - 6}' x2='{x:.1f}' y2='{y}' stroke='{_LIMIT}' "
        "stroke-width='1.5' stroke-dasharray='4 3'/>"
    )
    yield (
        f"<text x='{_WIDTH - 12}' y='{top + 24}' text-anchor='end' fill='{_LIMIT}'>"
        f"{escape(limit_words)}: {each.limit:.2f} s</text>"
    )


def _median(way: str, key: str, trials: Sequence[Mapping[str, Any]]) -> float:
    walls = [trial["wall"] for trial in trials if (trial["way"], trial.get("key")) == (way, key)]
    if not walls:
        raise ValueError(f"There is no trial of {way} on {key}.")
    return float(median(walls))
