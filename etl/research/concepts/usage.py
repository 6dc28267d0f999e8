"""How many records and persons of the published warehouse have a concept, in any field; small counts are hidden."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from etl.cdm.spec import tables
from etl.mapping.read.documents import hospital_folders, read_head
from etl.pages.disclosure import SMALL_CELL
from etl.settings import Settings
from etl.sql import quote


@dataclass(frozen=True, slots=True)
class Usage:
    """Records of persons that have a concept, and these persons; None in both: fewer than `fewer_than` persons."""

    records: int | None
    persons: int | None
    fewer_than: int | None = None


def strictest_small_cell(settings: Settings) -> int:
    """The largest `small_cell` of all hospitals."""
    said = (read_head(folder).data.get("small_cell", SMALL_CELL) for folder in hospital_folders(settings.mappings))
    return max((n for n in said if isinstance(n, int)), default=SMALL_CELL)


def usage(con: DuckDBPyConnection, concepts: Sequence[int], small: int) -> dict[int, Usage]:
    """By concept what a reader's tables hold of it; a record with it in two fields counts once."""
    if not concepts:
        return {}
    listed = ", ".join(map(str, concepts))
    query = " union all ".join(_of_tables(listed))
    rows = con.execute(f"select concept, count(*), count(distinct owner) from ({query}) group by concept").fetchall()
    found = {concept: Usage(0, 0) for concept in concepts}
    for concept, records, persons in rows:
        found[concept] = Usage(records, persons) if persons >= small else Usage(None, None, small)
    return found


def _of_tables(listed: str) -> Iterable[str]:
    """SQL per table: a row per record and concept, with its person."""
    for table in tables().values():
        columns = [quote(f.name) for f in table.fields if f.fk_table == "concept"]
        if table.personal and table.schema == "cdm" and columns:
            wanted = " or ".join(f"{c} in ({listed})" for c in columns)
            row = f"{table.owner} as owner, unnest(list_distinct([{', '.join(columns)}])) as concept"
            rows = f"select {row} from {quote(table.name)} where {wanted}"
            yield f"select * from ({rows}) where concept in ({listed})"
