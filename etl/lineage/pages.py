"""Writes the lineage pages: one self-contained HTML file per hospital, and an index over them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from etl.lineage.diagram import diagram
from etl.lineage.document import HospitalLineage, describe
from etl.mapping.check import load_mappings
from etl.report.write import page_environment, policy_hash
from etl.run import write_atomically
from etl.settings import Settings

_TEMPLATES = Path(str(files("etl.lineage") / "templates"))


def write_pages(settings: Settings, hospitals: Sequence[str] | None, folder: Path) -> Path:
    """Write `folder/<hospital>.html` of the given hospitals (default: all) and `folder/index.html` over all.

    Needs no night; where one is published, its rows and mapping rates are shown. Returns the path of the index.
    """
    mappings = load_mappings(settings.mappings, None)
    chosen = load_mappings(settings.mappings, list(hospitals)) if hospitals else mappings
    folder.mkdir(parents=True, exist_ok=True)
    for name, mapping in chosen.items():
        write_atomically(folder / f"{name}.html", hospital_page(describe(settings, mapping)))
    there = {n: m for n, m in mappings.items() if (folder / f"{n}.html").exists()}
    index = folder / "index.html"
    write_atomically(index, _render("hospitals.html.j2", mappings=there))
    return index


def hospital_page(lineage: HospitalLineage) -> str:
    """The page of one hospital."""
    return _render("lineage.html.j2", lineage=lineage, hospital=lineage.mapping.hospital, drawing=diagram(lineage))


def _render(template: str, **values: object) -> str:
    base = page_environment()
    loader = jinja2.ChoiceLoader([jinja2.FileSystemLoader(_TEMPLATES), base.loader or jinja2.BaseLoader()])
    own = {name: (_TEMPLATES / f"lineage.{name}").read_text(encoding="utf-8") for name in ("css", "js")}
    style = f"{base.globals['style']}{own['css']}"
    script = f"{base.globals['script']}{own['js']}"
    page = base.overlay(loader=loader).get_template(template)
    return page.render(
        style=Markup(style), style_hash=policy_hash(style), script=Markup(script), script_hash=policy_hash(script),
        **values,
    )  # fmt: skip
