"""SQL by which a results schema that WebAPI writes in shows what the warehouse holds of a source."""

from __future__ import annotations

import re

from etl.errors import ConfigError, UsageError, nearest
from etl.research.achilles.snapshot import published_sources
from etl.research.achilles.told import WHOLE
from etl.settings import Settings
from etl.sql import literal, quote
from etl.store.warehouse.open import open_warehouse

#: By the name that OHDSI's tools know: the table with all sources.
_OF_SOURCES = {
    "achilles_results": "achilles_count",
    "achilles_results_dist": "achilles_distribution",
    "achilles_result_concept_count": "achilles_concept",
}
_OF_ALL = ("achilles_analysis", "concept_hierarchy")
_COLUMNS = {
    "achilles_results": "analysis_id, stratum_1, stratum_2, stratum_3, stratum_4, stratum_5, count_value",
    "achilles_results_dist": "analysis_id, stratum_1, stratum_2, stratum_3, stratum_4, stratum_5, count_value, "
    "min_value, max_value, avg_value, stdev_value, median_value, p10_value, p25_value, p75_value, p90_value",
    "achilles_result_concept_count": "concept_id, record_count, descendant_record_count, person_count, "
    "descendant_person_count",
}
_OWN = ("results", "cdm", "cdm_read", "cdm_part", "vocabulary", "admin", "quality", "office")
#: WebAPI's own tables, or views that were made before.
_CLEAR = """do $$
declare
    made record;
begin
    for made in
        select relname, relkind
        from pg_class
        where relnamespace = to_regnamespace({schema}) and relname in ({names}) and relkind in ('r', 'v')
    loop
        execute format(
            'drop %s %I.%I', case made.relkind when 'v' then 'view' else 'table' end, {schema}, made.relname
        );
    end loop;
end
$$;"""
_PLAIN = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def views_of(settings: Settings, schema: str, hospital: str | None) -> str:
    """The statements for PostgreSQL, in one transaction; WebAPI's own empty tables and earlier views give way.

    UsageError for a schema that cannot be or is the warehouse's own, ConfigError for a hospital that is not published.
    """
    if not _PLAIN.fullmatch(schema) or schema in _OWN:
        raise UsageError(
            f"'{schema}' cannot be the results schema of ATLAS",
            hint="name one that its login owns: small letters, digits and _",
        )
    number = _number(settings, hospital)
    names = ", ".join(map(literal, (*_OF_SOURCES, *_OF_ALL)))
    made = ["begin;", _CLEAR.format(schema=literal(schema), names=names)]
    for name, table in _OF_SOURCES.items():
        rows = f"select {_COLUMNS[name]} from results.{table} where source = {number}"
        made.append(f"create view {quote(schema)}.{name} with (security_invoker = true) as {rows};")
    for name in _OF_ALL:
        made.append(
            f"create view {quote(schema)}.{name} with (security_invoker = true) as select * from results.{name};"
        )
    return "\n".join([*made, "commit;"])


def _number(settings: Settings, hospital: str | None) -> int:
    if hospital is None:
        return WHOLE
    found = {each.hospital: each.number for each in published_sources(open_warehouse(settings))}
    if hospital not in found:
        raise ConfigError(
            f"nothing of {hospital} is published{nearest(hospital, found)}", hint=f"etl run {hospital} DELIVERY"
        )
    return found[hospital]
