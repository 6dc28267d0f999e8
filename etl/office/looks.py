"""Renders the office's own pages: sign-in, accounts, the record, errors, the design."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request

from etl.night.publish.approval import waiting
from etl.office.visit import Visit
from etl.pages.page import render_on
from etl.research.oversight.unusual import new_things

_TEMPLATES = Path(__file__).with_name("templates")


def counts_for(visit: Visit) -> dict[str, int]:
    """What stands beside the names of rooms in the bar."""
    counts = {"approvals": len({row["run_id"] for row in waiting(visit.desk.ledger)})}
    if visit.session and "see_unusual" in visit.session.may:
        counts["unusual"] = new_things(visit.desk.ledger)
    return counts


def office_page(visit: Visit, template: str, here: str, **values: Any) -> str:
    """One of the office's own pages."""
    counts = counts_for(visit) if visit.session else {}
    return render_on(visit.site(here, counts), _TEMPLATES, template, {"say": visit.say, **values})


def kept_of(form: Mapping[str, str]) -> dict[str, str]:
    """What of a form is kept to be sent again: no token, no password."""
    return {name: value for name, value in form.items() if name != "csrf" and "password" not in name}


def error_page(
    visit: Visit, request: Request, title: str, text: str, *, hint: str | None = None,
    kept: Mapping[str, str] | None = None, away: bool = False, address: str | None = None,
) -> str:  # fmt: skip
    """What went wrong; `kept` is what was written into the form of an address, `away`: it may work again soon.

    It asks nobody anything, as the ledger may be what is away.
    """
    values = {
        "title": title, "text": text, "hint": hint, "kept": kept_of(kept or {}), "away": away,
        "address": address or request.url.path, "post": request.method == "POST",
    }  # fmt: skip
    return render_on(visit.site(), _TEMPLATES, "error.html.j2", {"say": visit.say, **values})
