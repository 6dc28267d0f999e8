"""Beside a year of nights: what the battery measured on each, and findings that were seen over them, made in SQL."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from year_of_nights import HOSPITALS

from etl.cdm.spec import tables
from etl.quality.battery.battery import load_battery
from etl.quality.battery.encoded import filled_of, rows_of
from etl.settings import PROJECT

_FINDINGS = 400  # of a hospital
_NIGHTS = """
with recursive n(i) as (select 0 union all select i + 1 from n where i < :nights - 1),
h(hospital, k) as (values {hospitals})
"""
_TABLES = (
    """insert into look (number, hospital, hospital_number, night, run_id, kind, opening, looked_at, withdrawn, tracked,
      seconds, layout)
    select i * 8 + k + 1, hospital, k + 1, date('2026-01-01', '+' || i || ' days'), hospital || '-' || i, 'battery',
      i * 8 + k, datetime('2026-01-01', '+' || i || ' days', '+19 hours') || '.000000', 0, 1, 2.0, 1
    from n cross join h""",
    # tables grow every night; fields are filled throughout; one check in ten finds another number every night
    """insert into battery_figure (hospital_number, asked, look, violated, total)
    select k + 1, c.number, i * 8 + k + 1,
      case when c.name like 'rows %' then 100000 + i * 50 when c.name like 'filled %' then -1
        when c.number % 10 = 0 then (c.number * 7 + i * k) % 900 when c.number % 37 = 0 then 5000 else 0 end,
      case when c.name like '% %' then null else -1 end
    from n cross join h cross join check_name c
    where i = 0 or c.name like 'rows %' or (c.number % 10 = 0 and c.name not like '% %')""",
    """insert into tracked_finding (number, hospital, key, place, table_name, column_name, kind, says, severity, course,
      course_night, first_night, seen_night, nights, violated, total)
    select k * {findings} + i + 1, hospital, hex(randomblob(16)), 'cdm', 'measurement', 'c' || i, 'missing',
      'Rows of it', case i % 3 when 0 then 'fatal' when 1 then 'convention' else 'characterization' end,
      case when i % 40 = 0 then 'new' when i % 30 = 0 then 'worse' else 'still there' end,
      '2026-12-31', '2026-01-01', '2026-12-31', :nights, 500 + i, 100000
    from n cross join h where i < {findings}""",
    """insert into finding_sign (look, finding, asked, failed, violated, total)
    select i * 8 + k + 1, k * {findings} + f + 1, 1 + f, 1, 500 + f + i % 7, 100000
    from n cross join h cross join (select i as f from n where i < {findings})""",
    """insert into finding_action (finding, number, at, actor, action, reason, before, after, entered, owner, due)
    select k * {findings} + i * 2 + 1, 1, '2026-06-01 01:00:00.000000', 'kim', 'work', 'the ward was called', 'open',
      'in_work', 1, 'lee', '2026-12-01'
    from n cross join h where i < {findings} / 2""",
)


def measure(ledger: Path, nights: int = 365) -> None:
    """Fill in what was measured and seen on as many nights of all hospitals."""
    checks = load_battery(PROJECT / "expectations")
    fields = {n: {f.name: f.duckdb_type for f in t.fields} for n, t in tables().items()}
    names = [c.id for c in checks] + [rows_of(table) for table in fields]
    names += [filled_of(table, name) for table, named in fields.items() for name in named]
    hospitals = ", ".join(f"('{name}', {k})" for k, name in enumerate(HOSPITALS))
    with sqlite3.connect(ledger) as con:
        con.execute("pragma synchronous = off")
        con.executemany("insert into check_name (number, name) values (?, ?)", enumerate(names, 1))
        con.execute("insert into battery_layout (number, fields) values (1, ?)", [json.dumps(fields, sort_keys=True)])
        for statement in _TABLES:
            into, rest = statement.format(findings=_FINDINGS).split("select", 1)
            con.execute(f"{into} {_NIGHTS.format(hospitals=hospitals)} select {rest}", {"nights": nights})
