"""How every page is made: one template, style and script, all inlined and named by hash in the page's policy."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from etl.files import packaged
from etl.pages import charts, disclosure, formats

_TEMPLATES = Path(__file__).with_name("templates")
_FILTERS = (
    disclosure.told_persons,
    disclosure.told_records,
    formats.clock,
    formats.count,
    formats.date_or_dash,
    formats.day,
    formats.duration,
    formats.moment,
    formats.percent,
    formats.plural,
    formats.points,
    formats.relative,
    formats.short_day,
    formats.size,
    formats.sql_command,
    formats.tagged,
    formats.times,
    formats.words,
)


@cache
def _environment(folder: Path) -> jinja2.Environment:
    """The templates of a folder beside those of every page, with everything escaped."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, _TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update({form.__name__: form for form in _FILTERS})
    found.globals.update(charts=charts, dash=formats.DASH)
    return found


def render(
    folder: Path, template: str, values: Mapping[str, Any], *, style: str = "", script: str = "",
    filters: Mapping[str, Callable[..., Any]] | None = None,
) -> str:  # fmt: skip
    """A page from a template of a room's own `folder`; `style` and `script` are what it adds to those of every page."""
    environment = _environment(folder)
    environment.filters.update(filters or {})
    whole_style = packaged(__name__, "templates", "page.css") + style
    whole_script = packaged(__name__, "templates", "script.js.j2") + script
    return environment.get_template(template).render(
        style=Markup(whole_style), style_hash=_policy_hash(whole_style),
        script=Markup(whole_script), script_hash=_policy_hash(whole_script), **values,
    )  # fmt: skip


def _policy_hash(text: str) -> str:
    """The source expression by which a Content-Security-Policy names an inline element."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
