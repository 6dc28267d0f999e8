"""Comments on tables and columns, for who looks at the warehouse with psql, DBeaver or a catalogue.

What a table holds is said by `etl/cdm/comments.csv`; what a column is follows from the specification.
"""

from __future__ import annotations

import csv

from sqlalchemy import Table as LedgerTable

from etl.cdm.spec import Field, tables
from etl.files import packaged
from etl.sql import literal, quote
from etl.store.ledger import achilles as achilles  # noqa: PLC0414 - its table has comments, too
from etl.store.ledger.meta import meta
from etl.store.ledger.office import OFFICE
from etl.store.ledger.outputs import OUTPUTS
from etl.store.ledger.requests import REQUESTS
from etl.store.ledger.tables import ADMIN
from etl.store.warehouse.postgres.ddl import READ, qualified


def column_comment(field: Field) -> str | None:
    """What is known of a column: that it is the key, what it refers to, of which domain its concepts are."""
    if field.primary_key:
        return "names the row"
    if field.fk_table == "concept":
        of = f" of domain {field.fk_domain}" if field.fk_domain else ""
        return f"concept{of}; 0: no matching concept" if field.required else f"concept{of}"
    if field.fk_table:
        return f"refers to {field.fk_table}.{field.fk_field}"
    if field.name.endswith("_source_value"):
        return "as the hospital wrote it"
    return None


def table_comments() -> dict[str, str]:
    """What every table of the CDM holds, in a sentence."""
    rows = csv.DictReader(packaged("etl.cdm.spec", "comments.csv").splitlines())
    return {row["table"]: row["comment"] for row in rows}


def comment_statements() -> list[str]:
    """`comment on` for the tables, views and columns of the CDM and the ledger."""
    made: list[str] = []
    said = table_comments()
    for table in tables().values():
        view = f"{READ}.{quote(table.name)}"
        made.append(_comment("table", qualified(table), said[table.name]))
        made.append(_comment("view", view, said[table.name]))
        for field in table.fields:
            if comment := column_comment(field):
                made += [
                    _comment("column", f"{place}.{quote(field.name)}", comment) for place in (qualified(table), view)
                ]
    for ledger in meta.sorted_tables:
        made += _of_ledger(ledger)
    return made


def _of_ledger(table: LedgerTable) -> list[str]:
    schema = "admin" if table in ADMIN else "office" if table in (*OFFICE, *REQUESTS, *OUTPUTS) else "quality"
    place = f"{schema}.{quote(table.name)}"
    made = [_comment("table", place, table.comment)] if table.comment else []
    made += [_comment("column", f"{place}.{quote(c.name)}", c.comment) for c in table.columns if c.comment]
    return made


def _comment(kind: str, name: str, text: str) -> str:
    return f"comment on {kind} {name} is {literal(text)}"
