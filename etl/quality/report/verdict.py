"""The first sentence of a night's page: what happened to its data, and why."""

from __future__ import annotations

from dataclasses import dataclass

from etl.pages.formats import clock, day
from etl.pages.language import ENGLISH, Say, noted
from etl.quality.report.figures import Night, RunSummary
from etl.quality.report.words import gate_name, stage_name

HEADLINES = {
    "published": noted("Published"), "left": noted("Gone back from"), "lost": noted("Lost"),
    "blocked": noted("Blocked"), "waiting": noted("Waiting for a person"), "failed": noted("Failed"),
    "running": noted("Running"), "unpublished": noted("Not published"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """Headline, one sentence of reason, the full message of a run that stopped if it adds to that, what to do next."""

    headline: str
    sentence: str
    detail: str | None = None
    hint: str | None = None


def verdict(night: Night, say: Say = ENGLISH) -> Verdict:
    """What the officer must know of this run."""
    run = night.run
    headline = say(HEADLINES[run.state])
    if run.state == "published":
        return Verdict(headline, _published(run, say))
    stays = kept(run, night.stays, say)
    if run.state == "left":
        return Verdict(headline, say("This night was published and gone back from; %(stays)s.", stays=stays))
    if run.state == "lost":
        said = say("This night was published, but the warehouse does not hold it any more; %(stays)s.", stays=stays)
        return Verdict(headline, said)
    if run.state == "waiting":
        said = say("Warnings above their limit wait for a person's approval; %(stays)s.", stays=stays)
        return Verdict(headline, said)
    if run.state in ("running", "unpublished"):
        return Verdict(headline, (_at_work if run.state == "running" else _tried)(run, stays, say))
    why, detail = _why(night, say)
    return Verdict(headline, f"{why} — {stays}.", detail, run.hint)


def kept(run: RunSummary, stays: RunSummary | None, say: Say = ENGLISH) -> str:
    """What readers have of the hospital while a run is not published, as a clause."""
    if stays is None:
        return say("nothing of this hospital has been published before")
    nights_ago = (run.night - stays.night).days
    if nights_ago == 0:
        return say("an earlier delivery of this night stays published")
    if nights_ago == 1:
        return say("yesterday's data (%(night)s) stays published", night=stays.night)
    return say("the data of %(night)s stays published", night=day(stays.night, say))


def _published(run: RunSummary, say: Say) -> str:
    if not run.expectations:
        return say("This night's data is published.")
    if run.warnings:
        return say.many(
            "No blocking expectation failed and this night's data is published; %(n)s warning to look at.",
            "No blocking expectation failed and this night's data is published; %(n)s warnings to look at.",
            run.warnings,
        )
    return say.many(
        "All %(n)s expectation held; this night's data is published.",
        "All %(n)s expectations held; this night's data is published.",
        run.expectations,
    )


def _at_work(run: RunSummary, stays: str, say: Say) -> str:
    since = clock(run.started_at)
    if not run.stage:
        return say("The run is under way since %(since)s KST; %(stays)s.", since=since, stays=stays)
    return say(
        "The run is under way in stage “%(stage)s” since %(since)s KST; %(stays)s.",
        stage=stage_name(run.stage, say), since=since, stays=stays,
    )  # fmt: skip


def _tried(run: RunSummary, stays: str, say: Say) -> str:
    """What a run that was not to be published came to."""
    stage = stage_name(run.stage or "", say)
    said = say("The run was to end with stage “%(stage)s”; %(stays)s.", stage=stage, stays=stays)
    if not run.expectations:
        return said
    found = say.many(
        "No blocking expectation failed; %(n)s warning.", "No blocking expectation failed; %(n)s warnings.",
        run.warnings,
    )  # fmt: skip
    return f"{said} {found}"


def _why(night: Night, say: Say) -> tuple[str, str | None]:
    """The reason in one clause, and the whole message where that has more lines and the page does not say them."""
    message = (night.run.message or "").strip()
    first, _, rest = message.partition("\n")
    whole = message if rest else None
    closed = [gate for gate in night.gates if gate.blocking]
    if closed and night.run.state == "blocked":
        return closed_by(closed[-1].name, closed[-1].blocking, say), None
    return stopped(night.run, first, say), whole


def closed_by(gate: str, blocking: int, say: Say = ENGLISH) -> str:
    """That a gate closed, as a clause."""
    return say.many(
        "The %(gate)s closed: %(n)s blocking expectation failed",
        "The %(gate)s closed: %(n)s blocking expectations failed",
        blocking, gate=gate_name(gate, say),
    )  # fmt: skip


def stopped(run: RunSummary, first: str, say: Say = ENGLISH) -> str:
    """That a run stopped, where, and the first line of its message, as a clause."""
    if run.stage:
        said = say("The run stopped in stage “%(stage)s”", stage=stage_name(run.stage, say))
    else:
        said = say("The run stopped")
    first = first.removeprefix(f"stage '{run.stage}': ").rstrip(". ")  # which is said already
    return f"{said}: {first}" if first else said
