"""The eight hospitals at a glance: how each stands, what is new since its last published night, what needs a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from etl.pages.charts import Point
from etl.pages.formats import count, points, relative
from etl.pages.language import ENGLISH, Say
from etl.quality.names import HospitalName
from etl.quality.report.figures import RunSummary
from etl.quality.report.needs import NEEDING, Need, need_of
from etl.quality.report.read import last_deliveries, newest_night, summaries
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import FINDING, RUN

TREND_NIGHTS = 30
GRID_NIGHTS = 14
_RANK = (*NEEDING, "running", "unpublished", "left", "published")
_RATE_MOVED = 0.5  # percentage points
_ROWS_MOVED = 0.1  # share of the rows before


@dataclass(frozen=True, slots=True)
class News:
    """One thing that is other than on the last published night; `tone` is worse, better or nothing."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One hospital: its newest run, the published one before, what is new, its nights so far, the oldest first."""

    name: HospitalName
    run: RunSummary
    before: RunSummary | None
    late: bool
    new_findings: int
    news: tuple[News, ...]
    runs: tuple[RunSummary, ...]

    @property
    def state(self) -> str:
        """How it stands; one whose newest night was published and is not the newest of all is late."""
        return "late" if self.late and self.run.state not in NEEDING else self.run.state

    @property
    def left_out(self) -> int | None:
        """Rows that did not become part of the CDM and were not left out on purpose."""
        run = self.run
        return None if run.quarantined is None else run.quarantined + (run.rejected or 0)

    @property
    def trend(self) -> list[Point]:
        """Mapping rates of its nights."""
        return [Point(run.night, run.rate, run.state) for run in self.runs]


@dataclass(frozen=True, slots=True)
class Tonight:
    """All hospitals, the worst first; `nights` are the newest ones, the oldest first."""

    newest: date | None
    lines: tuple[Line, ...]
    needs: tuple[Need, ...]
    nights: tuple[date, ...]
    summary: str

    def cell(self, hospital: str, when: date) -> RunSummary | None:
        """A hospital's run of a night."""
        for line in self.lines:
            if line.run.hospital == hospital:
                return next((run for run in line.runs if run.night == when), None)
        return None

    def states(self) -> dict[str, int]:
        """How many hospitals stand how, the worst first."""
        found = {state: sum(line.state == state for line in self.lines) for state in _RANK}
        return {state: number for state, number in found.items() if number}


#: What the table can be sorted by: how a line is compared, and whether the most comes first.
ORDERS = {
    "state": (lambda line: (_rank(line.state), line.new_findings, line.run.warnings), True),
    "hospital": (lambda line: line.name.ko, False),
    "warnings": (lambda line: (line.run.blocking, line.run.warnings), True),
    "rows": (lambda line: line.run.rows_in or 0, True),
    "left": (lambda line: (line.left_out or 0) / (line.run.rows_in or 1), True),
    "rate": (lambda line: -1 if line.run.rate is None else line.run.rate, False),
    "time": (lambda line: line.run.seconds or 0, True),
}


def tonight(ledger: Ledger, names: Mapping[str, HospitalName], say: Say = ENGLISH) -> Tonight:
    """Everything that the first page shows; a year of nights in the ledger costs as much as a month."""
    runs = last_deliveries(summaries(ledger, newest_runs(ledger)))
    newest = newest_night(runs)
    own = {
        hospital: [r for r in runs if r.hospital == hospital] for hospital in dict.fromkeys(r.hospital for r in runs)
    }
    lines = sorted(
        (_line(ledger, names.get(hospital) or HospitalName(hospital, hospital), found, newest, say)
         for hospital, found in own.items()),
        key=lambda line: (-_rank(line.state), -line.new_findings, -line.run.warnings, line.run.hospital),
    )  # fmt: skip
    needs = [_need(ledger, line, say) for line in lines]
    nights = sorted({run.night for run in runs})[-GRID_NIGHTS:]
    return Tonight(newest, tuple(lines), tuple(n for n in needs if n), tuple(nights), _summary(lines, newest, say))


def newest_runs(ledger: Ledger, nights: int = TREND_NIGHTS) -> list[str]:
    """The ids of the last deliveries of every hospital's newest nights."""
    last = sa.func.row_number().over(partition_by=(RUN.c.hospital, RUN.c.night), order_by=sa.desc(RUN.c.number))
    each = sa.select(RUN.c.run_id, RUN.c.hospital, RUN.c.night, last.label("place")).subquery()
    of_hospital = sa.func.row_number().over(partition_by=each.c.hospital, order_by=sa.desc(each.c.night))
    ranked = sa.select(each.c.run_id, of_hospital.label("rank")).where(each.c.place == 1).subquery()
    return [row["run_id"] for row in ledger.read(sa.select(ranked.c.run_id).where(ranked.c.rank <= nights))]


def sorted_lines(figures: Tonight, key: str, *, down: bool | None = None) -> tuple[tuple[Line, ...], bool]:
    """The lines in another order, and whether the most comes first."""
    compare, usual = ORDERS[key]
    reverse = usual if down is None else down
    return tuple(sorted(figures.lines, key=compare, reverse=reverse)), reverse


def _rank(state: str) -> int:
    """The higher, the worse."""
    return len(_RANK) - _RANK.index(state)


def _line(ledger: Ledger, name: HospitalName, runs: Sequence[RunSummary], newest: date | None, say: Say) -> Line:
    """A hospital's run to show: not of a night after `newest`, which was gone back from, if there is another."""
    run = next((r for r in reversed(runs) if newest and r.night <= newest), runs[-1])
    before = next((r for r in reversed(runs) if r.state == "published" and r.night < run.night), None)
    new = _new_findings(ledger, run, before)
    late = newest is not None and run.night < newest
    return Line(name, run, before, late, new, tuple(_news(run, before, new, runs, say)), tuple(runs))


def _new_findings(ledger: Ledger, run: RunSummary, before: RunSummary | None) -> int:
    """Findings that failed and had not on the published night before, as far as that asked the same."""
    if before is None or not run.expectations:
        return 0
    then = FINDING.alias("then")
    same = ("gate", "table_name", "expectation", "description")
    known = sa.exists().where(
        then.c.run_id == before.run_id, then.c.success.is_(False), *(then.c[k] == FINDING.c[k] for k in same)
    )
    failed = (FINDING.c.run_id == run.run_id, FINDING.c.success.is_(False))
    query = sa.select(sa.func.count().label("n")).select_from(FINDING).where(*failed, ~known)
    return int(ledger.read(query)[0]["n"])


def _news(run: RunSummary, before: RunSummary | None, new: int, runs: Sequence[RunSummary], say: Say) -> list[News]:
    found = []
    if before is None:
        return [News(say("first night"))] if len(runs) == 1 else []
    if new:
        found.append(News(say.many("%(n)s new finding", "%(n)s new findings", new), "worse"))
    if run.rate is not None and before.rate is not None:
        moved = 100 * (run.rate - before.rate)
        if abs(moved) >= _RATE_MOVED:
            tone = "worse" if moved < 0 else "better"
            found.append(News(say("mapping rate %(change)s points", change=points(moved)), tone))
    if run.rows_in and before.rows_in and abs(run.rows_in / before.rows_in - 1) >= _ROWS_MOVED:
        found.append(News(say("rows %(change)s", change=relative(run.rows_in, before.rows_in)), "worse"))
    last = next((r for r in reversed(runs) if r.night < run.night), None)
    if run.state == "published" and last is not None and last.state in NEEDING:
        found.append(News(say("published again"), "better"))
    return found


def _need(ledger: Ledger, line: Line, say: Say) -> Need | None:
    published = [r for r in line.runs if r.state == "published" and r.number < line.run.number]
    return need_of(ledger, line.run, published[-1] if published else None, late=line.late, say=say)


def _summary(lines: Sequence[Line], newest: date | None, say: Say) -> str:
    """One sentence about the night: who needs somebody, then what is new."""
    if newest is None:
        return say("No night has been run yet.")
    waiting = [line for line in lines if line.state in NEEDING]
    new = sum(line.new_findings for line in lines)
    news = say.many("%(n)s new finding since the nights before", "%(n)s new findings since the nights before", new) \
        if new else say("nothing new since the nights before")  # fmt: skip
    if not waiting:
        return say.many(
            "%(n)s hospital is as it should be; %(news)s.", "All %(n)s hospitals are as they should be; %(news)s.",
            len(lines), news=news,
        )  # fmt: skip
    parts = [f"{count(number)} {say(state)}" for state in NEEDING
             if (number := sum(line.state == state for line in waiting))]  # fmt: skip
    worst = waiting[0].name
    return say.many(
        "%(n)s of %(all)s hospitals needs you (%(parts)s), %(worst)s; %(news)s.",
        "%(n)s of %(all)s hospitals need you (%(parts)s), %(worst)s first; %(news)s.",
        len(waiting), all=count(len(lines)), parts=", ".join(parts), news=news,
        worst=worst.ko if say.language == "ko" else worst.en,
    )  # fmt: skip
