"""The page of what is unusual in the audit log, and what of it is told on the first page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from etl.pages.page import render_on
from etl.pages.site import Site
from etl.pages.tables import Pages, part_of
from etl.research.oversight.unusual import Thing

_TEMPLATES = Path(__file__).with_name("templates")
#: Things of a page.
SHOWN = 50


def unusual_page(
    site: Site, found: Sequence[Thing], page: int, *, wrong: str | None = None, note: tuple[int, str] | None = None,
    done: bool = False,
) -> str:  # fmt: skip
    """What was found, the new first; `note` is what was written about a thing and not taken, `wrong` why not."""
    shown, number, last = part_of(found, page, SHOWN)
    values = {
        "things": shown, "new": sum(each.is_new for each in found), "wrong": wrong, "note": note, "done": done,
        "pages": Pages(number, last, site.link("unusual") or ""),
    }  # fmt: skip
    return render_on(site, _TEMPLATES, "unusual.html.j2", values)


def duties_part(site: Site) -> Markup:
    """For the first page: how many unusual things wait for the reader; nothing where none do."""
    return Markup(render_on(site, _TEMPLATES, "duties.html.j2", {"new": site.counts.get("unusual", 0)}))
