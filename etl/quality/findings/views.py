"""The pages of tracked findings, as functions: the office serves what they return, `etl report` writes it down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from markupsafe import Markup

from etl.pages.disclosure import SMALL_CELL
from etl.pages.language import noted
from etl.pages.page import render_on
from etl.pages.site import Site
from etl.pages.tables import Pages, part_of
from etl.quality.battery.checks import Check
from etl.quality.battery.definition import Words
from etl.quality.findings.actions import today
from etl.quality.findings.chosen import ANY, COURSES, FINDINGS_OF_A_PAGE, NEW, Listed, sentence
from etl.quality.findings.kinds import OTHER
from etl.quality.findings.links import Links
from etl.quality.findings.nights import checks_of, nights_of, share_told
from etl.quality.findings.read import Tracked, TrackedDetail
from etl.quality.findings.states import states
from etl.quality.findings.told import rows_told
from etl.quality.names import Names, name_of

_TEMPLATES = Path(__file__).with_name("templates")
_NEWS_SHOWN = 8
SmallCells = Mapping[str, int]
#: What a person can do about a finding, as the button and the history say it.
ACTIONS = {
    "acknowledge": noted("Acknowledge"), "work": noted("Take into work"), "waive": noted("Waive until a day"),
    "resolve": noted("Resolve"), "reopen": noted("Open again"), "assign": noted("Assign"), "note": noted("Note"),
}  # fmt: skip
#: What was done, after the name of who did it.
DONE = {
    "acknowledge": noted("acknowledged it"), "work": noted("took it into work"), "waive": noted("waived it"),
    "resolve": noted("resolved it"), "reopen": noted("opened it again"), "assign": noted("assigned it"),
    "note": noted("noted"), "gone": noted("is no longer seen: resolved"), "came_back": noted("is seen again: open"),
    "waiver_over": noted("the waiver has ended: open"), "much_worse": noted("became much worse: the waiver has ended"),
}  # fmt: skip
SEVERITIES = {
    "fatal": noted("grave"), "convention": noted("against the rules"), "characterization": noted("noteworthy"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """What somebody wrote into a form that was not taken: the action, its fields, and why it was not."""

    action: str
    why: str
    hint: str | None = None
    overtaken: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)


def findings_page(
    site: Site, figures: Listed, names: Names, cells: SmallCells, asked: Mapping[str, Check] | None = None, *,
    page: int = 1,
) -> str:  # fmt: skip
    """The findings that are asked for: a page of them, or all in a file; `asked` as of `finding_page`."""
    shown, page, last = part_of(figures.findings, page, FINDINGS_OF_A_PAGE if site.live else None)
    return _page(
        site, "findings.html.j2", names, cells, asked, figures=figures, shown=shown,
        pages=Pages(page, last, site.link("findings") or "", figures.chosen.asked),
        summary=sentence(figures.findings, figures.day, site.say), courses=COURSES, any=ANY, news=NEW,
    )  # fmt: skip


def finding_page(
    site: Site, detail: TrackedDetail, links: Links, names: Names, cells: SmallCells, asked: Mapping[str, Check], *,
    said: str | None = None, written: Written | None = None,
) -> str:  # fmt: skip
    """One finding; `asked` are the battery's checks by id, `written` is what a refused form held."""
    checks = checks_of(detail)
    small = cells.get(detail.finding.hospital, SMALL_CELL)

    def sentence_of(name: str, says: str) -> str:
        check = asked.get(name)
        return check.sentence("ko" if site.say.language == "ko" else "en") if check else says

    return _page(
        site, "finding.html.j2", names, cells, asked, finding=detail.finding, detail=detail, links=links, checks=checks,
        nights=nights_of(detail, checks), share=lambda sign: share_told(sign, small), sentence_of=sentence_of,
        said=said, written=written, is_known=detail.finding.hospital in names,
        forms={name: states().actions[name] for name in detail.possible},
    )  # fmt: skip


def news_part(
    site: Site, news: Sequence[Tracked], names: Names, cells: SmallCells, hospital: str = "",
    asked: Mapping[str, Check] | None = None,
) -> Markup:  # fmt: skip
    """For other pages: what is new, came back or became worse, the worst first, and a link to all of it."""
    return Markup(_page(
        site, "news.html.j2", names, cells, asked, news=news[:_NEWS_SHOWN], number=len(news), hospital=hospital,
        chosen=NEW,
    ))  # fmt: skip


def _page(
    site: Site, template: str, names: Names, cells: SmallCells, asked: Mapping[str, Check] | None, **values: Any
) -> str:  # fmt: skip
    language: Literal["en", "ko"] = "ko" if site.say.language == "ko" else "en"
    ours = (check for check in (asked or {}).values() if check.own) if language != "en" else ()
    sentences = {check.sentence(): check.sentence(language) for check in ours}

    def titled(finding: Tracked) -> str:
        if finding.kind == OTHER:
            return sentences.get(finding.says, finding.says)
        return in_words(finding.title)

    def in_words(words: Words) -> str:
        return str(getattr(words, language))

    def rows(each: Any, hospital: str) -> str:
        return rows_told(each.violated, each.total, cells.get(hospital, SMALL_CELL), site.say)

    said = {
        "title_of": titled, "says_of": lambda finding: sentences.get(finding.says, finding.says), "say": site.say,
        "named": lambda hospital: name_of(names, hospital), "in_words": in_words, "rows": rows,
        "states": states().states, "actions": ACTIONS, "done": DONE, "severities": SEVERITIES, "today": today(),
    }  # fmt: skip
    return render_on(site, _TEMPLATES, template, {**said, **values})
