"""A hospital of a few rows: given source rows as text, the CDM rows as text; landing, mapping and derivation are real.

Tables are written as lines with `|` between cells. A column `PT` identifies the person (the source `patients` registers
them), `DEPT` a care site, `DOC` a provider, `AREA` a location; every other column is text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
import yaml

from etl.cdm.spec import hospital_tables
from etl.engine import IN_SCRATCH, define_functions, define_night
from etl.errors import MappingError
from etl.mapping.compile.lookup import create_vocabulary_views
from etl.mapping.load import load_mappings
from etl.night.delivery import open_delivery
from etl.night.derive.derive import derive
from etl.night.lake.candidate import create_views
from etl.night.lake.views import create_alone
from etl.night.land.land import land
from etl.night.map.map import map_sources
from etl.settings import PROJECT
from etl.store.keys.keystore import KeyStore
from etl.vocabulary.release import Release

NIGHT = date(2026, 7, 1)
SECRET = "0123456789abcdef0123456789abcdef"
EVENT = (1 << 23) - 1
_ENTITIES = {"DEPT": "care_site", "DOC": "provider", "AREA": "location"}
PATIENTS = "{from: patients, table: person, person: PT, birth: BIRTH, gender: {code: SEX, map: sex}}"


def cells(text: str) -> list[list[str]]:
    """The rows of a text table, its header first."""
    lines = [line for line in text.splitlines() if line.strip()]
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def as_text(rows: list[list[str]]) -> str:
    """Rows as an aligned text table."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(" | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


@dataclass(frozen=True)
class Cdm:
    """What became of the rows: the candidate CDM, the quarantine and what was changed."""

    con: duckdb.DuckDBPyConnection
    persons: dict[int, str]
    changed: list[dict[str, object]]
    accounted: list[dict[str, object]]

    def _cell(self, column: str, value: object) -> str:
        if value is None:
            return "-"
        if isinstance(value, int) and value in self.persons:
            return self.persons[value]
        if column.endswith("_id") and isinstance(value, int) and value >> 23 in self.persons:
            return f"#{value & EVENT}"
        if isinstance(value, datetime):
            return value.isoformat(" ", "minutes")
        return f"{value:g}" if isinstance(value, float) else str(value)

    def select(self, query: str) -> list[list[str]]:
        """Rows of a query over the CDM as texts: NULL is -, persons by their record number, events as #position."""
        found = self.con.execute(query)
        names = [d[0] for d in found.description or ()]
        return [[self._cell(n, v) for n, v in zip(names, row, strict=True)] for row in found.fetchall()]

    def shows(self, table: str, expected: str) -> None:
        """Hold the rows of a table, in the order of their ids, against a text table whose header says the columns."""
        header, *rows = cells(expected)
        query = f"select {', '.join(header)} from {table} order by {hospital_tables()[table].columns[0]}"
        assert as_text([header, *self.select(query)]) == as_text([header, *rows])

    def rows(self, table: str) -> int:
        """How many rows a table has."""
        return len(self.con.execute(f"from {table}").fetchall())

    def quarantined(self) -> list[str]:
        """`entry: reason` of every quarantined row."""
        return [
            f"{entry}: {reason}" for entry, reason in self.select("select entry, reason from quarantine order by all")
        ]

    def filtered(self) -> dict[str, object]:
        """Rows by `source: rule` that were filtered, but for sources that no entry reads."""
        rows = [
            a for a in self.accounted if a["outcome"] == "filtered" and a["reason"] not in ("unused", "looked_into")
        ]
        return {f"{a['source']}: {a['reason']}": a["rows"] for a in rows}

    def changes(self) -> dict[str, object]:
        """Rows by `table.change` or `table.change.column`, as the ledger counts them."""
        return {f"{c['cdm_table']}.{c['change']}.{c['column_name']}".rstrip("."): c["rows"] for c in self.changed}

    def flagged(self, table: str, words: str) -> int:
        """Rows that break the expectation of `expectations/cdm` whose description holds `words`."""
        file = PROJECT / "expectations" / "cdm" / f"{table}.json"
        suite = json.loads(file.read_text(encoding="utf-8"))
        [query] = [e["kwargs"]["unexpected_rows_query"] for e in suite["expectations"] if words in e["description"]]
        return len(self.con.execute(query.replace("{batch}", table)).fetchall())


@dataclass
class Case:
    """Runs cases below one folder; each has its own mapping and delivery."""

    folder: Path
    release: Release
    count: int = 0

    def __call__(self, entries: str, settings: str = "", maps: str = "", changes: str = "", **tables: str) -> Cdm:
        """Land, map and derive `tables` with `entries` (YAML list items); `changes` is YAML that is read last."""
        self.count += 1
        home = self.folder / str(self.count)
        (home / "mappings" / "shared").mkdir(parents=True)
        (home / "mappings" / "tiny").mkdir()
        drop = home / NIGHT.isoformat()
        drop.mkdir()
        contract = {"sources": {name: _source(name, text) for name, text in tables.items()}}
        for name, rows in ((n, cells(t)) for n, t in tables.items()):
            (drop / f"{name}.csv").write_text("".join(",".join(r) + "\n" for r in rows), encoding="utf-8")
        written = {
            "hospital.yaml": f"hospital: tiny\nnumber: 5\nname: {{ko: 작은병원, en: Tiny}}\n{settings}\n",
            "a_sources.yaml": yaml.safe_dump(contract),
            "b_maps.yaml": f"maps:\n  sex: {{codes: {{M: 8507, F: 8532}}}}\n{maps}\n",
            "c_entries.yaml": f"- {PATIENTS}\n{entries}",
            "d_changes.yaml": changes,
        }
        for name, text in written.items():
            (home / "mappings" / "tiny" / name).write_text(text, encoding="utf-8")
        return self._run(home, drop, tables)

    def problem(self, entries: str, **tables: str) -> str:
        """What is said of entries that cannot be used."""
        with pytest.raises(MappingError) as caught:
            self(entries, **tables)
        return str(caught.value)

    def _run(self, home: Path, drop: Path, tables: dict[str, str]) -> Cdm:
        mapping = load_mappings(home / "mappings", ["tiny"])["tiny"]
        keys = KeyStore(home / "keys.sqlite", "tiny", 5, SECRET)
        landed, mapped, derived = (home / stage for stage in ("landed", "mapped", "derived"))
        con = duckdb.connect(config={"threads": 1})
        con.execute("attach ':memory:' as scratch")
        con.execute(IN_SCRATCH)
        define_functions(con)
        define_night(con, NIGHT)
        for stage in (landed, mapped, derived):
            stage.mkdir()
        land(con, mapping, open_delivery("tiny", drop), keys, landed, 0)
        create_alone(con, mapping, landed)
        accounts = map_sources(con, mapping, self.release, mapped)
        derive(con, mapping.hospital, self.release, mapped, derived, accounts)
        header, *rows = cells(tables["patients"])
        numbers = sorted({row[header.index("PT")] for row in rows} - {""})
        ids = keys.register("person", numbers).to_pydict()
        keys.close()
        create_views(con, [mapped, derived], hospital_tables())
        create_vocabulary_views(con, self.release)
        con.execute(f"create view due as from read_parquet('{mapped / 'due.parquet'}')")
        con.execute(f"create view quarantine as from read_parquet('{mapped / 'quarantine.parquet'}')")
        for name in ("concept", "concept_ancestor", "vocabulary"):
            con.execute(f"create view {name} as from vocab.{name}")
        con.execute(f"create view cdm_source as select date '{NIGHT}' as source_release_date")
        return Cdm(con, dict(zip(ids["id"], ids["raw"], strict=True)), accounts.changes, accounts.source)


def _source(name: str, text: str) -> dict[str, object]:
    columns: dict[str, object] = {}
    for column in cells(text)[0]:
        if column == "PT":
            columns[column] = {"identifier": "person", "registers": name == "patients"}
        elif column in _ENTITIES:
            columns[column] = {"entity": _ENTITIES[column], "registers": True}
        else:
            columns[column] = None
    return {"file": f"{name}.csv", "columns": columns}
