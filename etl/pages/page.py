"""How every page is made: from a room's template on one base, with style, script, charts and numbers.

A page of a `Site` has its style and scripts in files; one that goes around alone (`render`) holds them, named by hash
in its policy. Neither runs anything else, nor asks anybody else for anything.
"""

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
from etl.pages.language import ENGLISH, LANGUAGES, Say, say_in
from etl.pages.site import POLICY, THEMES, Site, asset_path
from etl.pages.told import told

_TEMPLATES = Path(__file__).with_name("templates")
_FILTERS = (
    disclosure.told_persons,
    disclosure.told_records,
    formats.clock,
    formats.count,
    formats.date_or_dash,
    formats.moment,
    formats.percent,
    formats.plural,
    formats.points,
    formats.relative,
    formats.short_day,
    formats.size,
    formats.sql_command,
    formats.tagged,
    formats.thousandths,
    formats.times,
    formats.words,
)


@cache
def _environment(folder: Path, language: str) -> jinja2.Environment:
    """The templates of a folder beside those of every page, in one language, with everything escaped."""
    say = say_in(language)
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, _TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    found.install_gettext_callables(say, say.counted, newstyle=True)  # type: ignore[attr-defined]
    found.filters.update({form.__name__: form for form in _FILTERS})
    found.filters.update(_spoken(say))
    found.globals.update(
        charts=charts, dash=formats.DASH, languages=LANGUAGES, language=language, policy=POLICY, themes=THEMES
    )
    return found


def _spoken(say: Say) -> dict[str, Callable[..., Any]]:
    """Forms of figures that are other ones in another language."""
    tag = formats.tagged if say.language == "en" else formats.tagged_beside
    return {
        "day": lambda value: formats.day(value, say),
        "weekday": lambda value: formats.weekday(value, say),
        "duration": lambda value: formats.duration(value, say),
        "said": say.__call__,
        "tagged": tag,
        "told": lambda text: tag(told(text, say.language) if text else text),
    }


def render(
    folder: Path, template: str, values: Mapping[str, Any], *, style: str = "", script: str = "",
    filters: Mapping[str, Callable[..., Any]] | None = None, say: Say = ENGLISH,
) -> str:  # fmt: skip
    """A page that is one file, in one language; `style` and `script` are what it adds to those of every page."""
    environment = _environment(folder, say.language)
    environment.filters.update(filters or {})
    whole_style = packaged(__name__, "static", "page.css") + style
    whole_script = packaged(__name__, "static", "page.js") + script
    return environment.get_template(template).render(
        site=None, style=Markup(whole_style), style_hash=_policy_hash(whole_style),
        script=Markup(whole_script), script_hash=_policy_hash(whole_script), **values,
    )  # fmt: skip


def render_on(site: Site, folder: Path, template: str, values: Mapping[str, Any]) -> str:
    """A page of a site, from a template of a room's own `folder`."""
    environment = _environment(folder, site.say.language)
    drawn, moves = (asset_path(f"vendor/{name}.min.js") is not None for name in ("echarts", "htmx"))
    return environment.get_template(template).render(site=site, drawn=drawn, moves=moves, **values)


def _policy_hash(text: str) -> str:
    """The source expression by which a Content-Security-Policy names an inline element."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
