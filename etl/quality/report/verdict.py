"""The first sentence of a report: what happened to the night's data, and why."""

from __future__ import annotations

from dataclasses import dataclass

from etl.pages.formats import clock, day, plural, words
from etl.quality.report.figures import Night, RunSummary

HEADLINES = {
    "published": "Published", "left": "Gone back from", "lost": "Lost", "blocked": "Blocked", "waiting": "Waiting",
    "failed": "Failed", "running": "Running", "unpublished": "Not published",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """Headline, one sentence of reason, and the full message of a run that stopped, if it adds to that."""

    headline: str
    sentence: str
    detail: str | None = None


def verdict(night: Night) -> Verdict:
    """What the officer must know of this run."""
    run = night.run
    headline = HEADLINES.get(run.state, words(run.state).capitalize())
    if run.state == "published":
        return Verdict(headline, _published(run))
    if run.state == "left":
        return Verdict(headline, f"This night was published and gone back from; {_stays(night)}.")
    if run.state == "lost":
        return Verdict(
            headline, f"This night was published, but the warehouse does not hold it any more; {_stays(night)}."
        )
    if run.state == "waiting":
        return Verdict(headline, f"Warnings above their limit wait for a person's approval; {_stays(night)}.")
    if run.state in ("running", "unpublished"):
        return Verdict(headline, _at_work(night) if run.state == "running" else _tried(night))
    why, detail = _why(night)
    return Verdict(headline, f"{why} — {_stays(night)}.", detail)


def gate_name(gate: str) -> str:
    """A gate as it is called in a sentence."""
    return f"{words(gate)} gate"


def _published(run: RunSummary) -> str:
    if not run.expectations:
        return "This night's data is published."
    if run.warnings:
        return (
            f"No blocking expectation failed and this night's data is published; "
            f"{plural(run.warnings, 'warning')} to look at."
        )
    return f"All {plural(run.expectations, 'expectation')} held; this night's data is published."


def _at_work(night: Night) -> str:
    stage = f" in stage “{words(night.run.stage)}”" if night.run.stage else ""
    return f"The run is under way{stage} since {clock(night.run.started_at)} KST; {_stays(night)}."


def _tried(night: Night) -> str:
    """What a run that was not to be published came to."""
    run = night.run
    found = f" No blocking expectation failed; {plural(run.warnings, 'warning')}." if run.expectations else ""
    return f"The run was to end with stage “{words(run.stage or '')}”; {_stays(night)}.{found}"


def _why(night: Night) -> tuple[str, str | None]:
    """The reason in one clause, and the whole message where that has more lines."""
    message = (night.run.message or "").strip()
    first, _, rest = message.partition("\n")
    whole = message if rest else None
    closed = [gate for gate in night.gates if gate.blocking]
    if closed and night.run.state == "blocked":
        gate = closed[-1]
        return f"The {gate_name(gate.name)} closed: {plural(gate.blocking, 'blocking expectation')} failed", whole
    stage = f"The run stopped in stage “{words(night.run.stage)}”" if night.run.stage else "The run stopped"
    return f"{stage}: {first.rstrip('. ')}" if first else stage, whole


def _stays(night: Night) -> str:
    if night.stays is None:
        return "nothing of this hospital has been published before"
    nights_ago = (night.run.night - night.stays.night).days
    if nights_ago == 0:
        return "an earlier delivery of this night stays published"
    if nights_ago == 1:
        return f"yesterday's data ({night.stays.night}) stays published"
    return f"the data of {day(night.stays.night)} stays published"
