"""The addresses of the office's pages."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from etl.pages.language import Say
from etl.pages.site import Reader, Site, version_of

#: Where a page is, with its parts in braces.
ADDRESSES = {
    "tonight": "/",
    "hospital": "/hospitals/{hospital}",
    "night": "/hospitals/{hospital}/{night}",
    "run": "/runs/{run}",
    "decision": "/runs/{run}/decision",
    "approvals": "/approvals",
    "findings": "/findings",
    "finding": "/findings/{number}",
    "battery": "/battery",
    "check": "/checks/{check}",
    "coverage": "/coverage",
    "comparison": "/comparison",
    "lineage_of": "/lineage/{hospital}",
    "months": "/months",
    "month": "/months/{month}",
    "month_text": "/months/{month}/text",
    "act": "/findings/{number}/act",
    "requests": "/requests",
    "request": "/requests/{number}",
    "request_new": "/requests/new",
    "request_change": "/requests/{number}/change",
    "request_move": "/requests/{number}/move",
    "request_outputs": "/requests/{number}/outputs",
    "outputs": "/outputs",
    "output": "/outputs/{number}",
    "output_file": "/outputs/{number}/files/{file}",
    "output_decide": "/outputs/{number}/decide",
    "output_withdraw": "/outputs/{number}/withdraw",
    "register": "/register",
    "register_csv": "/register.csv",
    "unusual": "/unusual",
    "unusual_look": "/unusual/{number}",
    "log": "/log",
    "accounts": "/accounts",
    "account": "/account",
    "password": "/account/password",
    "sign_in": "/sign-in",
    "sign_in_oidc": "/sign-in/oidc",
    "sign_out": "/sign-out",
    "look": "/look",
    "design": "/office/design",
}
STATIC = "/static"


def served(
    say: Say, theme: str, reader: Reader | None, csrf: str, here: str, path: str, counts: Mapping[str, int]
) -> Site:
    """The office as one reader sees it from the page `here`, which lies at `path`."""
    return Site(
        _address, asset, live=True, say=say, theme=theme, reader=reader, csrf=csrf, here=here, path=path, counts=counts
    )


def _address(page: str, parts: Mapping[str, str]) -> str | None:
    pattern = ADDRESSES.get(page)
    return pattern.format_map({name: quote(part, safe="") for name, part in parts.items()}) if pattern else None


def asset(name: str) -> str:
    """A file of the pages, under a name that changes with it."""
    return f"{STATIC}/{name}?{version_of(name)}"


def safe(back: str) -> str:
    """A page of the office to go back to: nothing that leads anywhere else."""
    plain = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
    return back if plain else ADDRESSES["tonight"]
