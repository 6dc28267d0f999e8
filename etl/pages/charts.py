"""Charts as inline SVG: colours come from the page's CSS, every chart says in words what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from etl.pages.formats import count, percent
from etl.pages.language import ENGLISH, Say

# Outlines on a 16 by 16 field; the shape differs as well as the colour.
_ICONS = {
    "published": '<circle cx="8" cy="8" r="7"/><path d="M4.8 8.3l2.2 2.2 4.3-4.7"/>',
    "blocked": '<rect x="1.5" y="1.5" width="13" height="13" rx="3"/><path d="M6.2 5v6M9.8 5v6"/>',
    "failed": '<path d="M5.2 1h5.6L15 5.2v5.6L10.8 15H5.2L1 10.8V5.2z"/><path d="M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8"/>',
    "running": '<circle cx="8" cy="8" r="7"/><path d="M8 4.2V8l2.6 1.8"/>',
    "none": '<circle cx="8" cy="8" r="7"/><path d="M5 8h6"/>',
    "waiting": '<circle cx="8" cy="4.8" r="3.2"/><path d="M2 14.6c0-3.2 2.6-4.8 6-4.8s6 1.6 6 4.8"/>',
}
_AS = {
    "open": "published", "done": "published", "reused": "published", "closed": "blocked", "left": "none",
    "lost": "failed",
    "approved": "published", "refused": "blocked", "late": "running",
    "unpublished": "none",
}  # fmt: skip

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


def rate_bar(rate: float | None, before: float | None, label: str, say: Say = ENGLISH) -> Markup:
    """A horizontal bar for a rate (0-1) with a tick at the rate `before`."""
    text = say("%(label)s: %(rate)s mapped", label=label, rate=percent(rate))
    if before is not None:
        text += say(", %(rate)s before", rate=percent(before))
    bar = Markup('<rect class="fill" width="{:.2f}%" y="2" height="10" rx="2"/>').format(100 * (rate or 0))
    tick = Markup("")
    if before is not None:
        tick = Markup('<rect class="tick" x="{:.2f}%" width="2" height="14"/>').format(min(100 * before, 99.5))
    track = Markup('<rect class="track" width="100%" y="2" height="10" rx="2"/>')
    return Markup('<svg class="bar" role="img" aria-label="{}" height="14" width="100%">{}{}{}</svg>').format(
        text, track, bar, tick
    )


def share_bar(parts: Sequence[Part], say: Say = ENGLISH) -> Markup:
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
        say("Where the rows went: %(parts)s", parts=text), rects
    )


def sparkline(points: Sequence[Point], label: str, say: Say = ENGLISH) -> Markup:
    """A small line of rates (0-1) without axes; the last known night is a dot."""
    low, high = _rate_range(points)
    xs = _spread(len(points), 4, _SPARK_WIDTH - 4)
    ys = [_scale(p.value, low, high, _SPARK_HEIGHT - 5, 5) for p in points]
    known = [(x, y) for x, y in zip(xs, ys, strict=True) if y is not None]
    dot = Markup("")
    if known:
        dot = Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="3"/>').format(*known[-1])
    first, last = (next((p.value for p in order if p.value is not None), None) for order in (points, points[::-1]))
    told = say(
        "%(label)s: from %(first)s to %(last)s over %(n)s nights",
        label=label,
        first=percent(first),
        last=percent(last),
        n=len(points),
    )
    return Markup(
        '<svg class="spark" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">{}{}</svg>'
    ).format(told, *(_SPARK_WIDTH, _SPARK_HEIGHT) * 2, _line(xs, ys), dot)


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
