"""Tracked findings as they look in a terminal, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from etl.pages.disclosure import SMALL_CELL, few, in_steps
from etl.pages.formats import DASH, moment, plural
from etl.quality.findings.actions import today
from etl.quality.findings.links import Links
from etl.quality.findings.read import NEWS, Seen, Tracked, TrackedDetail
from etl.quality.findings.states import states
from etl.quality.findings.told import rows_told

_COLOURS = {"fatal": "red", "convention": "yellow", "characterization": ""}
_COURSES = {"new": "red", "came back": "red", "worse": "red", "better": "green", "gone": "green"}
_NIGHTS = 14
_WIDE = 130  # characters a line with owner and day needs


def sentence(found: Sequence[Tracked]) -> str:
    """What a person has to know, in one line."""
    if not found:
        return "no finding"
    waiting = [f for f in found if f.needs_a_person]
    hospitals = plural(len({f.hospital for f in waiting}), "hospital")
    words = Counter(f.course for f in waiting)
    news = ", ".join(f"{words[word]:,} {word}" for word in NEWS if words[word])
    late = sum(f.is_late(today()) for f in found)
    need = f"{plural(len(waiting), 'finding')} of {hospitals} {'needs' if len(waiting) == 1 else 'need'} a person"
    told = (need if waiting else "no finding needs a person") + (f": {news}" if news else "")
    return f"{told}; {late:,} late; {len(found):,} in all" if late else f"{told}; {len(found):,} in all"


def findings_table(found: Sequence[Tracked], cells: Mapping[str, int], width: int) -> Table:
    """A line for each finding; a narrow terminal does without whose it is."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("", justify="right", no_wrap=True)
    for name in ("hospital", "what", "where"):
        table.add_column(name, overflow="fold")
    for name in ("course", "since"):
        table.add_column(name, no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    if width >= _WIDE:
        table.add_column("owner", overflow="fold")
    for f in found:
        cell: list[str | Text] = [
            str(f.number), f.hospital, Text(f.title.en, style=_COLOURS[f.severity]), f.where,
            Text(f.course or DASH, style=_COURSES.get(f.course or "", "")), str(f.course_night or DASH),
            rows_told(f.violated, f.total, cells.get(f.hospital, SMALL_CELL)) or DASH, _state(f),
        ]  # fmt: skip
        table.add_row(*cell, *([_owner(f)] if width >= _WIDE else []))
    return table


def _state(f: Tracked) -> str:
    return f"{f.state} until {f.until}" if f.until else f.state


def _owner(f: Tracked) -> Text:
    day = f", due {f.due}" if f.due else ""
    return Text(f"{f.owner or DASH}{day}", style="red" if f.is_late(today()) else "")


def plain(f: Tracked, cells: Mapping[str, int]) -> dict[str, Any]:
    """A finding as JSON; few rows in steps, `fewer_than` says of which number."""
    hidden = few(cells.get(f.hospital, SMALL_CELL), f.violated or 0, f.total or 0)
    return {
        "number": f.number, "hospital": f.hospital, "kind": f.kind, "title": f.title.en, "place": f.place,
        "table": f.table, "column": f.column, "says": f.says, "severity": f.severity, "course": f.course,
        "course_night": f.course_night, "first_night": f.first_night, "seen_night": f.seen_night, "nights": f.nights,
        "violated": None if f.violated is None else in_steps(f.violated, hidden),
        "total": None if f.total is None else in_steps(f.total, few(hidden or 0, f.total)), "fewer_than": hidden,
        "state": f.state, "needs_a_person": f.needs_a_person, "owner": f.owner, "due": f.due, "until": f.until,
        "last_action": f.last_action,
    }  # fmt: skip


def detail_lines(detail: TrackedDetail, links: Links, cells: Mapping[str, int]) -> Iterator[Text]:
    """A finding, line by line."""
    f = detail.finding
    yield Text.assemble((f"{f.number}  {f.title.en}", f"bold {_COLOURS[f.severity]}"), f"  {f.hospital} {f.where}")
    yield Text(f"{f.says}", style="dim")
    whose = f", {_owner(f)}" if f.owner or f.due else ""
    yield Text(f"{states().states[f.state].title.en if not f.until else _state(f)}{whose}; {f.severity}")
    yield Text()
    yield Text(f"nights (seen on {f.nights:,} since {f.first_night})", style="bold")
    small = cells.get(f.hospital, SMALL_CELL)
    for step in detail.course[:_NIGHTS]:
        told = rows_told(step.violated, step.total, small)
        yield Text.assemble(f"  {step.night}  ", (f"{step.word:<12}", _COURSES.get(step.word, "")), told)
    if detail.signs:
        yield Text(f"\nchecks on {detail.signs[0].night}", style="bold")
        yield from (_sign(sign, small) for sign in detail.signs if sign.night == detail.signs[0].night)
    yield from _links(links)
    if detail.actions:
        yield Text("\nwhat was done", style="bold")
    for a in detail.actions:
        why = f": {a.reason}" if a.reason else ""
        yield Text(f"  {a.number}. {moment(a.at)} KST  {a.actor} {a.action}, {a.before} → {a.after}{why}")
    yield Text(f"\n→ etl findings {' | '.join(detail.possible)} {f.number} --seen {f.last_action}", style="dim")


def _sign(sign: Seen, small_cell: int) -> Text:
    told = rows_told(sign.violated, sign.total, small_cell)
    word = "failed" if sign.failed else "holds"
    back = ", of a run that was gone back from" if sign.withdrawn else ""
    return Text(f"  {sign.kind:<8}{word:<8}{sign.says or sign.check}  {told}{back}")


def _links(links: Links) -> Iterator[Text]:
    if links.run_id is None:
        return
    yield Text(f"\nwhere it leads (run {links.run_id})", style="bold")
    for each in links.entries:
        yield Text(f"  {each.source} → {each.table}  by the entry {each.entry}")
    for rows in links.rows:
        yield Text(f"  {rows.command}")
