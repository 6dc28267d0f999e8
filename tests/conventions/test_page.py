"""`docs/conventions.md` and the tests say the same."""

from __future__ import annotations

import re
from functools import reduce
from pathlib import Path

from etl.cdm.shapes import shapes
from etl.mapping.language.hospital import Hospital
from etl.night.map.tables import changes_of
from etl.quality.report import reasons
from etl.settings import PROJECT

PAGE = (PROJECT / "docs" / "conventions.md").read_text(encoding="utf-8")
SECTIONS = {int(n): text for n, text in re.findall(r"^## (\d+)\. (.*?)(?=^## |\Z)", PAGE, flags=re.M | re.S)}


def written() -> set[str]:
    """Names of all tests of conventions."""
    found = (f.read_text(encoding="utf-8") for f in Path(__file__).parent.glob("test_*.py"))
    return {name for text in found for name in re.findall(r"^def (test_convention_\w+)", text, flags=re.M)}


def test_every_rule_has_a_section_and_every_section_the_tests_of_its_rule():
    assert sorted(SECTIONS) == list(range(1, 37))
    listed = {n: set(re.findall(r"`(test_convention_\w+)`", text)) for n, text in SECTIONS.items()}
    assert all(listed.values())
    assert {name for names in listed.values() for name in names} == written()
    assert [
        n for n, names in listed.items() if any(not name.startswith(f"test_convention_{n}_") for name in names)
    ] == []


#: Rules of which published rows do not show whether they were kept, or that a check of the dashboard holds.
WITHOUT_A_CHECK = {
    6: "isStandardValidConcept of the dashboard",
    9: "fkDomain of the dashboard, for every field of a type",
    17: "what was not given makes no row, and a row does not tell",
    25: "a night that leaves nothing out has no row of metadata",
    26: "any event may lie outside",
    31: "what could not be read is empty, as what was not said",
    33: "a row does not tell which source a value stood in",
    34: "an infusion may end before the next one",
    35: "which row counted is not told; duplicate_rows_… finds those that say the same",
    36: "either may be there alone",
}


def test_every_rule_has_a_check_on_the_warehouse_or_a_reason_why_not():
    checks = "".join(f.read_text(encoding="utf-8") for f in (PROJECT / "expectations" / "checks").glob("*.[ys]*"))
    asked = {int(n) for n in re.findall(r"check: convention_(\d\d)_", checks)}
    assert sorted([*asked, *WITHOUT_A_CHECK]) == sorted(SECTIONS)


def test_every_file_the_page_names_exists():
    named = re.findall(r"`((?:etl|mappings|expectations|tests)/[\w./*]+)`", PAGE)
    assert [name for name in named if not list(PROJECT.glob(name.rstrip("/")))] == []


def test_every_setting_the_page_names_is_one_with_that_default():
    said = [s for text in SECTIONS.values() for s in re.findall(r"- Setting: (.*?)\n- ", text, flags=re.S)]
    settings = dict(re.findall(r"`([\w.]+)` \((?:[\w ]*default )?([\w/-]+)", " ".join(said).lower()))
    hospital = Hospital.model_validate({"hospital": "one", "number": 1, "name": {"ko": "하나", "en": "One"}})
    found = {path: reduce(getattr, path.split("."), hospital) for path in settings}
    assert {path: "none" if value == () else str(value).lower() for path, value in found.items()} == settings
    assert len(settings) == 12


def test_every_change_that_is_counted_is_explained_in_the_report():
    counted = {change.name for table in shapes() for change in changes_of(table)}
    assert counted == set(reasons.texts()["changed"])
