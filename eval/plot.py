"""Plots as inline SVG, drawn by hand: no scripts, no fonts, colours from the page's CSS variables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, BOTTOM = 54, 22, 12, 40


@dataclass(frozen=True, slots=True)
class Axes:
    """Maps data to pixels: ``x`` and ``y`` give the position of a value."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        """Horizontal pixel of a value."""
        share = (value - self.x_low) / ((self.x_high - self.x_low) or 1)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Vertical pixel of a value; larger values are higher."""
        share = (value - self.y_low) / ((self.y_high - self.y_low) or 1)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


@dataclass(frozen=True, slots=True)
class Series:
    """A line with its own name and colour class (``s0`` … ``s3``), and intervals where known."""

    label: str
    points: tuple[tuple[float, float], ...]
    style: str
    intervals: tuple[tuple[float, float], ...] = ()


def text(x: float, y: float, words: str, style: str = "", anchor: str = "middle") -> str:
    """A piece of text at a pixel position."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{style}">{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def _percent(value: float) -> str:
    return f"{value:.0%}"


def _frame(
    axes: Axes,
    x_ticks: Sequence[tuple[float, str]],
    x_name: str,
    y_name: str,
    y_ticks: Sequence[tuple[float, str]],
) -> list[str]:
    parts: list[str] = []
    for value, words in y_ticks:
        parts += [
            _line(LEFT, axes.y(value), WIDTH - RIGHT, axes.y(value), "grid"),
            text(LEFT - 6, axes.y(value) + 3.5, words, "tick", "end"),
        ]
    parts += [text(axes.x(value), HEIGHT - BOTTOM + 15, words, "tick") for value, words in x_ticks]
    parts += [
        _line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "axis"),
        text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 7, x_name, "name"),
        f'<text transform="translate(11 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)" '
        f'text-anchor="middle" class="name">{escape(y_name)}</text>',
    ]
    return parts


def _svg(parts: Sequence[str], words: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(words)}">'
        f"<title>{escape(words)}</title>{''.join(parts)}</svg>"
    )


def _path(points: Sequence[tuple[float, float]], axes: Axes, style: str) -> str:
    steps = " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in points)
    return f'<polyline points="{steps}" class="line {style}"/>'


def _shares() -> list[tuple[float, str]]:
    return [(value, _percent(value)) for value in (0.0, 0.25, 0.5, 0.75, 1.0)]


def lines(series: Sequence[Series], x_labels: Sequence[str], x_name: str, y_name: str, words: str) -> str:
    """Shares over named steps, one line a series; x of a point is its step number from 0."""
    lows = [low for item in series for low, _ in item.intervals] or [0.0]
    floor = max(0.0, math.floor((min(lows) - 0.02) * 10) / 10)
    axes = Axes(-0.3, len(x_labels) - 0.7, floor, 1.0)
    steps = max(0.1, round((1 - floor) / 5 + 0.04, 1))
    y_ticks = [(1 - steps * n, _percent(1 - steps * n)) for n in range(int((1 - floor) / steps + 1e-9) + 1)]
    parts = _frame(axes, [(n, label) for n, label in enumerate(x_labels)], x_name, y_name, y_ticks)
    for shift, item in enumerate(series):
        moved = [(x + 0.05 * (shift - 1), y) for x, y in item.points]
        parts += [
            _line(axes.x(x), axes.y(low), axes.x(x), axes.y(high), f"whisker {item.style}")
            for (x, _), (low, high) in zip(moved, item.intervals, strict=bool(item.intervals))
        ]
        parts += [_path(moved, axes, item.style)]
        parts += [
            f'<circle cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="3.5" class="dot {item.style}">'
            f"<title>{escape(item.label)} {escape(x_labels[n])}: {y:.3f}</title></circle>"
            for n, (x, y) in enumerate(moved)
        ]
    parts += [
        f'<rect x="{WIDTH - 112}" y="{HEIGHT - BOTTOM - 60 + 17 * n}" width="10" height="10" rx="2" '
        f'class="fill {item.style}"/>'
        + text(WIDTH - 97, HEIGHT - BOTTOM - 51 + 17 * n, item.label, "tick", "start")
        for n, item in enumerate(series)
    ]
    return _svg(parts, words)


def steps(points: Sequence[tuple[float, float]], base: float, x_name: str, y_name: str, words: str) -> str:
    """Risk (y) over coverage (x); ``base`` is drawn as a level: the risk of answering all that was."""
    high = min(1.0, max(0.2, math.ceil(max(y for _, y in points) * 10 + 1.2) / 10))
    axes = Axes(0.0, 1.0, 0.0, high)
    y_ticks = [(high * n / 4, f"{high * n / 4:.0%}") for n in range(5)]
    parts = _frame(axes, _shares(), x_name, y_name, y_ticks)
    area = [(points[0][0], 0.0), *points, (points[-1][0], 0.0)]
    outline = " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in area)
    last = points[-1]
    parts += [
        f'<polygon points="{outline}" class="area s0"/>',
        _line(LEFT, axes.y(base), WIDTH - RIGHT, axes.y(base), "level"),
        _path(points, axes, "s0"),
        f'<circle cx="{axes.x(last[0]):.1f}" cy="{axes.y(last[1]):.1f}" r="4.5" class="dot s0"/>',
        text(
            WIDTH - RIGHT, TOP + 9, f"지금 {last[0]:.0%} 답하고, 그 가운데 {last[1]:.0%} 틀림", "tick", "end"
        ),
    ]
    return _svg(parts, words)


def histogram(values: Sequence[float], marks: Sequence[tuple[float, str]], x_name: str, words: str) -> str:
    """Counts over a logarithmic axis, with marked values."""
    logs = [math.log10(max(value, 0.01)) for value in values]
    low, high = math.floor(min(logs) * 4) / 4, math.ceil(max(logs) * 4 + 1e-9) / 4
    high = max(high, low + 0.5)
    bins = 24
    counts = [0] * bins
    for value in logs:
        counts[min(bins - 1, int((value - low) / (high - low) * bins))] += 1
    axes = Axes(low, high, 0.0, max(counts) * 1.12)
    whole = range(math.floor(low), math.ceil(high) + 1)
    ticks = [10.0**n * m for n in whole for m in (1, 2, 5) if low <= math.log10(10.0**n * m) <= high]
    x_ticks = [(math.log10(value), f"{value:,.0f}" if value >= 1 else f"{value:g}") for value in ticks]
    y_ticks = [(float(n), str(n)) for n in sorted({0, max(counts) // 2, max(counts)})]
    parts = _frame(axes, x_ticks, x_name, "질문 수", y_ticks)
    step = (high - low) / bins
    for row, count in enumerate(counts):
        x = axes.x(low + row * step)
        wide = axes.x(low + (row + 1) * step) - x - 1
        y = axes.y(count)
        parts += [
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{HEIGHT - BOTTOM - y:.1f}" '
            'class="fill s0"/>'
        ]
    for row, (value, label) in enumerate(marks):
        x = axes.x(math.log10(max(value, 0.01)))
        parts += [
            _line(x, TOP, x, HEIGHT - BOTTOM, "mark"),
            text(x + 4, TOP + 9 + 14 * row, label, "tick", "start"),
        ]
    return _svg(parts, words)


def reliability(points: Sequence[tuple[float, float, int]], words: str) -> str:
    """Accuracy over stated confidence, ``(confidence, accuracy, n)``; the diagonal is perfect."""
    axes = Axes(0.0, 1.0, 0.0, 1.0)
    most = max(n for _, _, n in points)
    parts = _frame(axes, _shares(), "말한 확신", "실제로 맞은 비율", _shares())
    parts += [_line(axes.x(0), axes.y(0), axes.x(1), axes.y(1), "level")]
    for confidence, accuracy, n in points:
        x, y = axes.x(confidence), axes.y(accuracy)
        radius = 3.5 + 9 * math.sqrt(n / most)
        parts += [
            _line(x, axes.y(confidence), x, y, "gap"),
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" class="bubble s0">'
            f"<title>확신 {confidence:.2f}, 맞음 {accuracy:.2f}, {n}개</title></circle>",
            text(x, y + 3.5, str(n), "count"),
        ]
    return _svg(parts, words)
