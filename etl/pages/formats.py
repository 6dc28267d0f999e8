"""How figures are written: thousands separators, honest percentages, durations, sizes, Korean time."""

from __future__ import annotations

import math
import re
import shlex
from datetime import UTC, date, datetime, timedelta, timezone

from markupsafe import Markup, escape

from etl.pages.language import ENGLISH, Say, noted

DASH = "–"
# Korea keeps one offset all year, so no time zone data is needed.
KOREA = timezone(timedelta(hours=9), "KST")

_WEEKDAYS = (
    noted("Mon"), noted("Tue"), noted("Wed"), noted("Thu"), noted("Fri"), noted("Sat"), noted("Sun"),
)  # fmt: skip
_LATIN = re.compile(r"[A-Za-z]{2}")
_HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")


def count(value: int | float | None) -> str:
    """A count with thousands separators."""
    return DASH if value is None else f"{value:,.0f}"


def percent(part: float | None, whole: float | None = 1) -> str:
    """A share in percent, one decimal; never `100.0 %` unless all, never `0.0 %` unless none."""
    if part is None or not whole:
        return DASH
    share = 100 * part / whole
    if 0 < share < 0.05:
        return "<0.1 %"
    if 99.95 <= share < 100:
        return ">99.9 %"
    return f"{share:.1f} %"


def thousandths(share: float | None) -> str:
    """A share in percent with three decimals, rounded towards the worse: `100.000 %` is all."""
    return DASH if share is None else f"{math.floor(share * 100_000 + 1e-6) / 1000:.3f} %"


def rows_found(found: int | None, total: int | None, carried: int | None = None) -> str:
    """`3 of 1,000 rows`, and how many of the three are `carried` over from earlier nights."""
    return f"{count(found)} of {count(total)} rows" + (f", {count(carried)} from earlier nights" if carried else "")


def points(change: float | None) -> str:
    """A change in percentage points, with its sign; `±0.0` when it is less than half a tenth."""
    if change is None:
        return DASH
    return "±0.0" if abs(change) < 0.05 else f"{change:+.1f}".replace("-", "−")


def date_or_dash(value: date | None) -> str:
    """A day, or a dash."""
    return DASH if value is None else value.isoformat()


def relative(value: float | None, before: float | None) -> str:
    """The change from `before` to `value` in percent of `before`, with its sign."""
    if value is None or not before:
        return DASH
    return f"{points(100 * (value / before - 1))} %"


def times(factor: float | None) -> str:
    """A fan-out factor."""
    return DASH if factor is None else f"×{factor:,.2f}"


def duration(seconds: float | None, say: Say = ENGLISH) -> str:
    """A duration in its two largest units."""
    if seconds is None:
        return DASH
    if seconds < 60:
        return say("%(seconds)s s", seconds=f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return say("%(minutes)s min %(seconds)s s", minutes=minutes, seconds=f"{rest:02d}")
    return say("%(hours)s h %(minutes)s min", hours=minutes // 60, minutes=f"{minutes % 60:02d}")


def size(value: float | None) -> str:
    """Bytes in decimal units."""
    if value is None:
        return DASH
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


def clock(moment: datetime | None) -> str:
    """A moment of the ledger (UTC) as Korean time of day."""
    return DASH if moment is None else f"{moment.replace(tzinfo=UTC).astimezone(KOREA):%H:%M}"


def moment(when: datetime) -> str:
    """A moment of the ledger (UTC) as Korean day and time of day."""
    return f"{when.replace(tzinfo=UTC).astimezone(KOREA):%Y-%m-%d %H:%M}"


def iso_moment(when: datetime) -> str:
    """A moment (without a zone: UTC, as the ledger keeps it) in Korean time, as ISO 8601 with its offset."""
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return aware.astimezone(KOREA).isoformat(timespec="seconds")


def weekday(value: date, say: Say = ENGLISH) -> str:
    """The day of the week, short."""
    return say(_WEEKDAYS[value.weekday()])


def day(value: date, say: Say = ENGLISH) -> str:
    """A night with its weekday."""
    return f"{value:%Y-%m-%d} ({weekday(value, say)})"


def short_day(value: date) -> str:
    """A night without its year, for narrow columns."""
    return f"{value:%m-%d}"


def words(name: str) -> str:
    """An identifier such as a stage's name as words."""
    return re.sub(r"\bcdm\b", "CDM", name.replace("_", " "))


def plural(number: int, noun: str) -> str:
    """A count and its noun."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def tagged(text: str | None) -> Markup:
    """Escaped text, marked as Korean where it holds Hangul, so that fonts and screen readers choose right."""
    if text is None:
        return Markup(DASH)
    return Markup('<span lang="ko">{}</span>').format(text) if _HANGUL.search(text) else escape(text)


def tagged_beside(text: str | None) -> Markup:
    """As `tagged`, on a Korean page: what is not Korean there, a name or what a suite says, is marked as English."""
    if text is None or _HANGUL.search(text) or not _LATIN.search(text):
        return tagged(text)
    return Markup('<span lang="en">{}</span>').format(text)


def sql_command(sql: str, run_id: str | None) -> str:
    """The shell command that runs `sql` on a run's rows (None: on what is published), quoted as shells need it."""
    text = sql.strip()
    quoted = shlex.quote(text) if re.search(r'["$`\\!]', text) else f'"{text}"'
    return f"etl sql {f'--run {run_id} ' if run_id else ''}{quoted}"
