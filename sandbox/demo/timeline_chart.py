"""Draws a job's timeline as horizontal bars on a scale of seconds, in plain HTML."""

from __future__ import annotations

from sandbox.demo.markup import Markup, element, joined
from sandbox.demo.report import Row, Segment

_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
_MOST_TICKS = 8
_LAST_PERCENT = 95.0
"""A tick beyond has no room for its number."""
_LATE_PERCENT = 82.0
"""A tick beyond has none on a narrow screen, where the chart is about 200 pixels wide."""


def timeline_chart(rows: tuple[Row, ...], scale_s: float) -> Markup:
    """The chart; empty without rows.

    Args:
        rows: stages and pipelines in order.
        scale_s: seconds at the right end, the same for all jobs that are to be compared.
    """
    if not rows:
        return joined()
    scale_s = max(
        [scale_s, *(segment.end_s for row in rows for segment in row.segments)], default=0
    )
    scale_s = scale_s or 1.0
    lines = [_line(row, scale_s) for row in rows]
    return element(
        "section",
        element("h3", "Timeline", element("small", _legend(rows))),
        element("div", _grid(scale_s), *lines, class_="chart"),
        class_="timeline",
    )


def _legend(rows: tuple[Row, ...]) -> str:
    legend = "since the request was sent"
    if any(segment.is_wait for row in rows for segment in row.segments):
        legend += "; lighter: ended at Hautech, the next poll was still to come"
    return legend


def _line(row: Row, scale_s: float) -> Markup:
    bars = [_bar(segment, scale_s) for segment in row.segments]
    last = max(segment.end_s for segment in row.segments)
    busy_s = sum(segment.end_s - segment.start_s for segment in row.segments if not segment.is_wait)
    # Beside its last bar, or in front of the first when there is no room behind.
    at = _percent(last, scale_s)
    first = _percent(min(segment.start_s for segment in row.segments), scale_s)
    place = f"left:{at:.2f}%" if at < 88 else f"right:{100 - first:.2f}%"
    note = element("span", _seconds(busy_s), class_="took", style=place)
    return element(
        "div",
        element("span", row.label, class_="stage"),
        element("span", *bars, note, class_="track"),
        class_=f"line {row.stage}",
    )


def _bar(segment: Segment, scale_s: float) -> Markup:
    left = _percent(segment.start_s, scale_s)
    width = _percent(segment.end_s, scale_s) - left
    took = _seconds(segment.end_s - segment.start_s)
    return element(
        "span",
        class_="bar wait" if segment.is_wait else "bar",
        style=f"left:{left:.2f}%;width:{width:.2f}%",
        title=f"{segment.text}: {took}, from {segment.start_s:.2f} s to {segment.end_s:.2f} s",
    )


def _grid(scale_s: float) -> Markup:
    step_s = next((step for step in _STEPS_S if scale_s / step <= _MOST_TICKS), scale_s)
    ticks = []
    for number in range(int(scale_s / step_s) + 1):
        at = _percent(number * step_s, scale_s)
        room = "last" if at > _LAST_PERCENT else "late" if at > _LATE_PERCENT else None
        ticks.append(
            element("span", f"{number * step_s:g} s", class_=room, style=f"left:{at:.2f}%")
        )
    return element(
        "div", element("span", *ticks, class_="ticks"), class_="grid", aria_hidden="true"
    )


def _percent(at_s: float, scale_s: float) -> float:
    return min(100.0, max(0.0, at_s / scale_s * 100))


def _seconds(duration_s: float) -> str:
    return f"{duration_s * 1000:.0f} ms" if duration_s < 0.995 else f"{duration_s:.1f} s"
