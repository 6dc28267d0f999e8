"""What may leave: tables made to leak are seen, harmless ones are not refused, and no text of a file is told."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from etl.errors import ConfigError
from etl.research.disclosure.check import Checked, check
from etl.research.disclosure.grid import Grid
from etl.research.disclosure.rules import read_rules
from etl.research.disclosure.tables.hidden import Programme
from etl.research.disclosure.tables.read import tables_of
from etl.research.disclosure.tables.sums import sums_of
from tests.made_outputs import DATA, write


def cases(kind: str) -> Iterator[Any]:
    for file in sorted((DATA / kind).glob("*.yaml")):
        for said in yaml.safe_load(file.read_text(encoding="utf-8")):
            yield pytest.param(said, id=said.get("leaks") or said["shows"])


def checked(folder: Path, said: dict[str, Any]) -> Checked:
    earlier = folder / "earlier"
    earlier.mkdir()
    released = [write(earlier, each) for each in said.get("released", [])]
    return check([write(folder, said)], released, read_rules())


@pytest.mark.parametrize("said", list(cases("leaking")))
def test_what_leaks_is_seen(tmp_path: Path, said: dict[str, Any]) -> None:
    found = checked(tmp_path, said)
    assert set(said["by"]) <= {finding.rule for finding in found.findings}


@pytest.mark.parametrize("said", list(cases("harmless")))
def test_what_is_harmless_is_not_refused(tmp_path: Path, said: dict[str, Any]) -> None:
    assert [(f.rule, list(map(str, f.places))) for f in checked(tmp_path, said).refused] == []


def test_there_are_enough_of_both() -> None:
    assert len(list(cases("leaking"))) >= 60
    assert len(list(cases("harmless"))) >= 60


def test_every_rule_is_seen_to_work() -> None:
    tried = {rule for case in cases("leaking") for rule in case.values[0]["by"]}
    assert set(read_rules().findings) - tried == {"rounding", "look_text", "look_unknown"}


def test_the_hospitals_floor_is_below_no_rule(tmp_path: Path) -> None:
    own = tmp_path / "rules.yaml"
    own.write_text("limits: {threshold: {value: 5, why: a small study, source: its committee}}", encoding="utf-8")
    assert read_rules(own).threshold == 5
    assert read_rules(own, floor=7).threshold == 7


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("limits: {treshold: {value: 5, why: a, source: b}}", "did you mean 'threshold'"),
        ("limits: {threshold: {value: 5}}", "limits.threshold.why"),
        ("findings: {zero: {verdict: ignore}}", "findings.zero.verdict"),
        ("findings: {zero: {why: x}}", "may say its verdict"),
        ("- 1", "is no file of rules"),
        ("a: [", "cannot be read"),
    ],
)
def test_wrong_rules_are_named(tmp_path: Path, text: str, named: str) -> None:
    own = tmp_path / "rules.yaml"
    own.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=named):
        read_rules(own)


def test_rounded_counts_may_be_asked_for(tmp_path: Path) -> None:
    own = tmp_path / "rules.yaml"
    own.write_text("limits: {rounding_required: {value: 1, why: its committee, source: its committee}}", "utf-8")
    table = tmp_path / "table.csv"
    table.write_text("sex,n\nM,120\nF,141\n", encoding="utf-8")
    assert [(f.rule, list(map(str, f.places))) for f in check([table], [], read_rules(own)).findings] == [
        ("rounding", ["row 3 column B"])
    ]


def test_the_places_are_those_of_the_file(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("Patients by sex\n\nsex,n,m\nM,120,3\nF,4,300\n\nage,n\nold,2\n", encoding="utf-8")
    (found,) = check([table], [], read_rules()).findings
    assert (found.rule, list(map(str, found.places))) == (
        "threshold",
        ["row 4 column C", "row 5 column B", "row 8 column B"],
    )


def test_many_places_are_counted(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("code,n\n" + "".join(f"X{i},3\n" for i in range(30)), encoding="utf-8")
    (found,) = check([table], [], read_rules()).findings
    assert (found.number, len(found.places)) == (30, 12)


@pytest.mark.parametrize("spread", [10, 200])
def test_bounds_are_those_of_all_tables_that_fit(spread: int) -> None:
    """Every 2 by 3 table with the margins shown is tried: the least and largest value are those of the programme."""
    drawn = random.Random(spread)
    for _ in range(10):
        cells = [[drawn.randrange(1, spread) for _ in range(3)] for _ in range(2)]
        rows = [[*map(str, row), str(sum(row))] for row in cells]
        rows = [["x", *rows[0]], ["y", *rows[1]], ["Total", *(str(a + b) for a, b in zip(*cells, strict=True)), "9999"]]
        rows[2][4] = str(sum(map(sum, cells)))
        for row in (0, 1):
            rows[row][1] = rows[row][2] = "*"
        (table,) = tables_of(Grid([["g", "A", "B", "C", "Total"], *rows]))
        sums = sums_of(table, 5)
        rest = cells[0][0] + cells[0][1]
        fits = [a for a in range(rest + 1) if cells[0][0] + cells[1][0] >= a and cells[0][1] + cells[1][1] >= rest - a]
        assert Programme(sums).interval(("a", "x")) == pytest.approx((min(fits), max(fits)))
