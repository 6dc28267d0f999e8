"""Which domain a concept must be of: of every concept column, and of the field of an entry that fills it.

Source of the facts: `fk_domain` of the specification (`fields.csv`), and `concept_domains.csv` where it says nothing or
something else in words.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache

import sqlglot
from sqlglot import exp

from etl.cdm.shapes import FALLBACK_TABLE, Shape, domains
from etl.cdm.spec import tables
from etl.files import packaged


@cache
def column_domains() -> dict[tuple[str, str], str]:
    """The domain by table and column, where one is asked for; an event's own concept is not here, it goes by domain."""
    said = {
        (t.name, f.name): f.fk_domain for t in tables().values() for f in t.fields if f.fk_domain and t.schema == "cdm"
    }
    beyond = csv.DictReader(packaged(__name__, "concept_domains.csv").splitlines())
    said |= {(row["table"], row["field"]): row["domain"] for row in beyond}
    return {place: domain for place, domain in said.items() if domain}


def field_domains(shape: Shape) -> dict[str, tuple[str, ...]]:
    """The domains that the concept fields of an entry may be of; a field that may be of any is left out."""
    found: dict[str, tuple[str, ...]] = {}
    for column, sql in shape.columns.items():
        domain = column_domains().get((shape.table, column))
        for name in _results(sqlglot.parse_one(sql, dialect="duckdb")) if domain else ():
            if shape.kinds.get(name) == "concept":
                found[name] = (str(domain),)
    if shape.event:
        here = {d for d, table in domains().items() if table == shape.table}
        found["concept"] = tuple(sorted(here))
    if shape.table == FALLBACK_TABLE:
        del found["concept"]  # it takes what has no table of its own
    return found


def _results(tree: exp.Expr) -> Iterator[str]:
    """The columns whose values an expression may give."""
    if isinstance(tree, exp.Column):
        yield tree.name
    elif isinstance(tree, exp.Case):
        for branch in (*(i.args["true"] for i in tree.args["ifs"]), tree.args.get("default")):
            yield from _results(branch) if branch is not None else ()
    elif isinstance(tree, exp.Coalesce):
        for part in (tree.this, *tree.expressions):
            yield from _results(part)
    elif isinstance(tree, exp.Paren):
        yield from _results(tree.this)
