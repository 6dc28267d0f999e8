"""A ledger with a year of nights of eight hospitals, made in SQL: as many rows as the real one has by then."""

from __future__ import annotations

import sqlite3
from pathlib import Path

HOSPITALS = ("snuh", "snubh", "boramae", "cbnuh", "cnuh", "dumc", "dsmc", "eumc")
_NIGHTS = """
with recursive n(i) as (select 0 union all select i + 1 from n where i < :nights - 1),
h(hospital, k) as (values {hospitals})
"""
_TABLES = (
    """insert into run (run_id, hospital, night, delivery, state, stage, message, started_at, ended_at, number)
    select hospital || '-' || i, hospital, date('2026-01-01', '+' || i || ' days'), hex(randomblob(16)),
      case when (i * 7 + k) % 29 = 0 then 'blocked' when (i * 5 + k) % 41 = 0 then 'failed' else 'published' end,
      'publish', null, datetime('2026-01-01', '+' || i || ' days', '+17 hours') || '.000000',
      datetime('2026-01-01', '+' || i || ' days', '+18 hours') || '.000000', i * 8 + k
    from n cross join h""",
    """insert into finding (run_id, gate, number, suite, table_name, column_name, expectation, description, severity,
      success, unexpected, total)
    select hospital || '-' || i, case when f < 70 then 'source' else 'cdm' end, f, 'source.' || hospital || '.t',
      't' || (f % 20), 'c' || f,
      'unexpected_rows_expectation', 'Rule ' || (f % 40) || ' holds', 'warn', f % 37 != i % 37, f, 100000
    from n cross join h cross join (select i as f from n where i < 300)""",
    """insert into source_file (run_id, source, file, bytes, rows)
    select hospital || '-' || i, 's' || f, f || '.csv', 1000000, 100000 + i * f
    from n cross join h cross join (select i as f from n where i < 20)""",
    """insert into source_account (run_id, source, outcome, reason, rows)
    select hospital || '-' || i, 's' || f, o, case o when 'mapped' then '' else 'person_unknown' end, 1000
    from n cross join h cross join (select i as f from n where i < 20)
    cross join (select 'mapped' as o union all select 'quarantined' union all select 'filtered')""",
    """insert into table_account (run_id, cdm_table, entry, source, source_rows, rows)
    select hospital || '-' || i, 'measurement', 'e' || f, 's1', 1000, 1200
    from n cross join h cross join (select i as f from n where i < 30)""",
    """insert into mapping_rate (run_id, domain, records, mapped, previous_rate)
    select hospital || '-' || i, d, 10000, 9700 + (i * 13 + k) % 200, 0.97
    from n cross join h cross join (select 'Drug' as d union all select 'Condition' union all select 'Measurement')""",
    """insert into unmapped (run_id, domain, vocabulary, code, description, records, patients)
    select hospital || '-' || i, 'Drug', 'EDI', 'c' || (f + i % 3), 'a code', 1000 - f, 50
    from n cross join h cross join (select i as f from n where i < 200)""",
    """insert into stage (run_id, stage, started_at, seconds, rows, state)
    select hospital || '-' || i, s, '2026-01-01 17:00:00.000000', 10, 1000, 'done'
    from n cross join h cross join (select 'land' as s union all select 'map' union all select 'publish')""",
)


def fill(ledger: Path, nights: int = 365) -> None:
    """Fill a ledger that has its tables."""
    hospitals = ", ".join(f"('{name}', {k})" for k, name in enumerate(HOSPITALS))
    with sqlite3.connect(ledger) as con:
        con.execute("pragma synchronous = off")
        for statement in _TABLES:
            into, rest = statement.split("select", 1)
            con.execute(f"{into} {_NIGHTS.format(hospitals=hospitals)} select {rest}", {"nights": nights})
