"""The lineage pages: a hospital's for the office, or as a self-contained file, and an index over such files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from etl.files import write_atomically
from etl.mapping.load import load_mappings
from etl.pages.language import ENGLISH
from etl.pages.page import render, render_on
from etl.pages.site import Site
from etl.quality.lineage.diagram import diagram
from etl.quality.lineage.document import HospitalLineage, describe
from etl.settings import Settings

_TEMPLATES = Path(__file__).with_name("templates")


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
    write_atomically(index, render(_TEMPLATES, "hospitals.html.j2", {"mappings": there}))
    return index


def hospital_page(lineage: HospitalLineage, site: Site | None = None) -> str:
    """The page of one hospital: on a site, or (None) as one file that goes around alone, in English."""
    say = site.say if site else ENGLISH
    values = {"lineage": lineage, "hospital": lineage.mapping.hospital, "drawing": diagram(lineage, say)}
    if site:
        return render_on(site, _TEMPLATES, "lineage.html.j2", values)
    return render(_TEMPLATES, "lineage.html.j2", values)
