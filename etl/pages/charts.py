"""Charts as inline SVG: colours come from the page's CSS, every chart says in words what it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from etl.pages.formats import count, percent, short_day

# Outlines on a 16 by 16 field; the shape differs as well as the colour.
_ICONS = {
    "published": '<circle cx="8" cy="8" r="7"/><path d="M4.8 8.3l2.2 2.2 4.3-4.7"/>',
    "blocked": '<rect x="1.5" y="1.5" width="13" height="13" rx="3"/><path d="M6.2 5v6M9.8 5v6"/>',
    "failed": '<path d="M5.2 1h5.6L15 5.2v5.6L10.8 15H5.2L1 10.8V5.2z"/><path d="M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8"/>',
    "running": '<circle cx="8" cy="8" r="7"/><path d="M8 4.2V8l2.6 1.8"/>',
    "none": '<circle cx="8" cy="8" r="7"/><path d="M5 8h6"/>',
}
_AS = {
    "open": "published", "done": "published", "reused": "published", "closed": "blocked", "left": "none",
    "lost": "failed",
    "approved": "published", "refused": "blocked", "waiting": "running",
    "unpublished": "none",
}  # fmt: skip

_WIDTH, _HEIGHT, _TOP, _BASE = 340, 128, 24, 104
_SPARK_WIDTH, _SPARK_HEIGHT = 96, 28
_MIN_SPAN = 0.02


@dataclass(frozen=True, slots=True)
class Point:
    """One night of a trend; `value` is None where the run stopped before it was known."""

    night: date
    value: float | None
    state: str


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a whole: a CSS class, a name and a number of rows."""

    kind: str
    name: str
    rows: int


def state_icon(state: str) -> Markup:
    """The icon of the state of a run, gate, stage or decision; decorative, the word stands beside it."""
    name = _AS.get(state, state if state in _ICONS else "none")
    return Markup('<svg class="icon {}" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">{}</svg>').format(
        f"is-{name}", Markup(_ICONS[name])
    )


def rate_bar(rate: float | None, before: float | None, label: str) -> Markup:
    """A horizontal bar for a rate (0-1) with a tick at the rate `before`."""
    text = f"{label}: {percent(rate)} mapped" + (f", {percent(before)} before" if before is not None else "")
    bar = Markup('<rect class="fill" width="{:.2f}%" y="2" height="10" rx="2"/>').format(100 * (rate or 0))
    tick = Markup("")
    if before is not None:
        tick = Markup('<rect class="tick" x="{:.2f}%" width="2" height="14"/>').format(min(100 * before, 99.5))
    track = Markup('<rect class="track" width="100%" y="2" height="10" rx="2"/>')
    return Markup('<svg class="bar" role="img" aria-label="{}" height="14" width="100%">{}{}{}</svg>').format(
        text, track, bar, tick
    )


def share_bar(parts: Sequence[Part]) -> Markup:
    """One bar divided by the parts' rows; every part that has rows stays visible."""
    whole = sum(part.rows for part in parts) or 1
    shown = [part for part in parts if part.rows]
    widths = [max(100 * part.rows / whole, 0.4) for part in shown]
    scale = 100 / sum(widths) if widths else 1
    starts = [scale * sum(widths[:i]) for i in range(len(widths))]
    rects = Markup("").join(
        Markup('<rect class="part {}" x="{:.3f}%" width="{:.3f}%" height="16"><title>{}</title></rect>').format(
            part.kind, start, scale * width, f"{part.name}: {count(part.rows)} ({percent(part.rows, whole)})"
        )
        for part, start, width in zip(shown, starts, widths, strict=True)
    )
    text = ", ".join(f"{part.name} {percent(part.rows, whole)}" for part in shown)
    return Markup('<svg class="shares" role="img" aria-label="{}" height="16" width="100%">{}</svg>').format(
        f"Where the rows went: {text}", rects
    )


def sparkline(points: Sequence[Point], label: str) -> Markup:
    """A small line of rates (0-1) without axes; the last known night is a dot."""
    low, high = _rate_range(points)
    xs = _spread(len(points), 4, _SPARK_WIDTH - 4)
    ys = [_scale(p.value, low, high, _SPARK_HEIGHT - 5, 5) for p in points]
    known = [(x, y) for x, y in zip(xs, ys, strict=True) if y is not None]
    dot = Markup("")
    if known:
        dot = Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="3"/>').format(*known[-1])
    first, last = (next((p.value for p in order if p.value is not None), None) for order in (points, points[::-1]))
    return Markup(
        '<svg class="spark" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">{}{}</svg>'
    ).format(
        f"{label}: from {percent(first)} to {percent(last)} over {len(points)} nights",
        *(_SPARK_WIDTH, _SPARK_HEIGHT) * 2,
        _line(xs, ys),
        dot,
    )


def rate_trend(points: Sequence[Point], title: str) -> Markup:
    """A line of rates (0-1) over the nights; the scale is zoomed to what they span."""
    low, high = _rate_range(points)
    xs = _spread(len(points), 10, _WIDTH - 10)
    ys = [_scale(p.value, low, high, _BASE - 4, _TOP + 8) for p in points]
    dots = Markup("").join(
        Markup('<circle class="dot is-{}" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>').format(
            p.state, x, y, _told(p, percent)
        )
        for p, x, y in zip(points, xs, ys, strict=True)
        if y is not None
    )
    return _framed(points, title, percent, _line(xs, ys) + dots)


def count_trend(points: Sequence[Point], title: str) -> Markup:
    """Columns of counts over the nights, from zero."""
    highest = max((p.value for p in points if p.value is not None), default=0) or 1
    step = (_WIDTH - 4) / max(len(points), 1)
    width = min(step * 0.72, 48)
    xs = [2 + step * (i + 0.5) - width / 2 for i in range(len(points))]
    columns = Markup("").join(
        Markup(
            '<rect class="column is-{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="1.5">'
            "<title>{}</title></rect>"
        ).format(p.state, x, _BASE - h, width, h, _told(p, count))
        for p, x in zip(points, xs, strict=True)
        if p.value and (h := max((_BASE - _TOP - 8) * p.value / highest, 1.0))
    )
    return _framed(points, title, count, columns)


def _framed(points: Sequence[Point], title: str, form: Callable[[float | None], str], marks: Markup) -> Markup:
    """Title range, base line and first and last night around the marks of a trend."""
    values = [p.value for p in points if p.value is not None]
    told = f"from {form(min(values))} to {form(max(values))}" if values else "no night with a figure"
    ends = Markup('<text class="axis" x="2" y="122">{}</text>').format(short_day(points[0].night))
    if len(points) > 1:
        ends += Markup('<text class="axis" x="{}" y="122" text-anchor="end">{}</text>').format(
            _WIDTH - 2, short_day(points[-1].night)
        )
    return Markup(
        '<svg class="trend" role="img" aria-label="{}" viewBox="0 0 {} {}">'
        '<text class="range" x="2" y="14">{}</text>'
        '<line class="base" x1="0" x2="{}" y1="{}" y2="{}"/>{}{}</svg>'
    ).format(f"{title} over {len(points)} nights: {told}", _WIDTH, _HEIGHT, told, _WIDTH, _BASE, _BASE, marks, ends)


def _told(point: Point, form: Callable[[float | None], str]) -> str:
    return f"{point.night} · {form(point.value)} · {point.state}"


def _line(xs: Sequence[float], ys: Sequence[float | None]) -> Markup:
    """A path through the known points; a night without a figure leaves a gap."""
    steps = [
        f"{'L' if i and ys[i - 1] is not None else 'M'}{x:.1f} {y:.1f}"
        for i, (x, y) in enumerate(zip(xs, ys, strict=True))
        if y is not None
    ]
    return Markup('<path class="line" d="{}"/>').format(" ".join(steps)) if steps else Markup("")


def _spread(number: int, start: float, end: float) -> list[float]:
    """Evenly spaced positions; the last one is always the end, so that the newest night is at the right."""
    step = (end - start) / max(number - 1, 1)
    return [end - step * (number - 1 - i) for i in range(number)]


def _scale(value: float | None, low: float, high: float, base: float, top: float) -> float | None:
    return None if value is None else base - (base - top) * (value - low) / (high - low)


def _rate_range(points: Sequence[Point]) -> tuple[float, float]:
    """What the rates span, widened so that a change of a tenth of a percent does not look like a cliff."""
    values = [p.value for p in points if p.value is not None] or [0.0, 1.0]
    middle = (min(values) + max(values)) / 2
    half = max(max(values) - min(values), _MIN_SPAN) / 2
    return middle - half, middle + half
