"""The pages of a version, in English and Korean: who is in it, how far variables are filled, what it was built by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etl.files import write_atomically
from etl.pages.language import LANGUAGES, noted, say_in
from etl.pages.page import render_on
from etl.pages.site import Site, write_assets
from etl.research.datasets import kept
from etl.research.datasets.definition import domains
from etl.research.datasets.kept import Manifest
from etl.settings import Settings
from etl.yamls import load

_TEMPLATES = Path(__file__).with_name("templates")
_ASSETS = "assets"
_VERDICTS = {"passed": noted("holds"), "warning": noted("to be known"), "failed": noted("does not hold")}
_SHADES = 4  # of a heat map's cells


def write_pages(settings: Settings, manifest: Manifest) -> Path:
    """Write the pages of a version that stands below the reports; returns the English one.

    They are told by its manifest alone, so that they can be written anew at any time.
    """
    folder = settings.reports / "datasets" / manifest.name
    write_assets(folder / _ASSETS)
    name = f"v{manifest.version:04d}"
    values = _values(settings, manifest)
    for language in LANGUAGES:
        site = Site(lambda _page, _parts: None, lambda asset: f"{_ASSETS}/{asset}", say=say_in(language))
        other = {code: f"{name}.{code}.html" for code in LANGUAGES}
        page = render_on(site, _TEMPLATES, "dataset.html.j2", {**values, "other": other, "say": site.say})
        write_atomically(folder / f"{name}.{language}.html", page)
    return folder / f"{name}.en.html"


def _values(settings: Settings, manifest: Manifest) -> dict[str, Any]:
    said = load(manifest.definition["dataset.yaml"])
    made = kept.made(settings, manifest.name, manifest.version)
    return {
        "manifest": manifest, "made": made, "said": said, "hospitals": list(manifest.snapshot.hospitals),
        "trend": _trend(settings, manifest), "lineage": _lineage(manifest), "verdicts": _VERDICTS,
        "shade": lambda name, hospital: _shade(manifest, name, hospital), "shown": _shown,
        "width": lambda number: _width(manifest, number),
    }  # fmt: skip


def _trend(settings: Settings, manifest: Manifest) -> list[tuple[int, Any, Any]]:
    """Versions up to this one: number, persons and what changed."""
    numbers = [n for n in kept.versions(settings, manifest.name) if n <= manifest.version]
    every = [kept.manifest(settings, manifest.name, n) for n in numbers]
    return [(each.version, each.sizes["persons"], each.changes) for each in every]


def _lineage(manifest: Manifest) -> dict[str, str]:
    """By variable the table and field of the CDM, and the concept set, that it is taken of."""
    found = {}
    for name, column in manifest.columns.items():
        if "take" in column:
            field = column.get("value") or domains()[column["table"]].concept
            found[name] = f"{column['table']}.{field}"
        else:
            found[name] = column.get("index") or column["is"]
    return found


def _shown(number: Any) -> str:
    """A number as it is told; what is not told is a dot."""
    return "·" if number is None else f"{number:,}" if isinstance(number, int) else str(number)


def _share(manifest: Manifest, name: str, hospital: str) -> float | None:
    """How far a variable is filled, where both numbers are told."""
    filled, episodes = manifest.completeness[name][hospital], manifest.sizes["hospitals"][hospital]["episodes"]
    return filled / episodes if isinstance(filled, int) and isinstance(episodes, int) and episodes else None


def _shade(manifest: Manifest, name: str, hospital: str) -> tuple[str, str]:
    """A heat map's cell: its class, the darker the more is missing, and its text."""
    share = _share(manifest, name, hospital)
    if share is None:
        return "none", "·"
    lacking = 1 - share
    return "clear" if lacking == 0 else f"heat-{min(_SHADES, 1 + int(lacking * _SHADES))}", f"{share:.0%}"


def _width(manifest: Manifest, number: Any) -> float | None:
    """The width of a step of the flow, in percent of the first; None where it is not told."""
    first: Mapping[str, Any] = manifest.attrition[0] if manifest.attrition else {}
    most = first.get("persons")
    return 100 * number / most if isinstance(number, int) and isinstance(most, int) and most else None
