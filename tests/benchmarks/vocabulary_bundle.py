"""Writes an invented Athena bundle of full size, set by set in DuckDB: the load on `etl vocabulary load`.

At scale 1 about 7.5 million concepts, 55 million relationships and 70 million ancestors (5 GB), shared out over the
vocabularies as in `vocabulary_shares.csv`. The bundle in `--base` is part of it, word for word, so that a hospital
whose codes it knows can be mapped with the big release.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

SHARES = Path(__file__).with_name("vocabulary_shares.csv")
STEP = 6  # from one invented id to the next: they lie among the real ones
WRITE = "(format csv, delimiter '\t', header true, quote '', escape '', dateformat '%Y%m%d')"
READ = "delim = '\t', quote = '', escape = '', header = true, all_varchar = true, auto_detect = false, nullstr = ''"
ALWAYS = "date '1970-01-01' as valid_start_date, date '2099-12-31' as valid_end_date, null::varchar as invalid_reason"
RELATIONS = ("Is a", "RxNorm has ing", "Has asso morph")  # of every concept besides its maps, and their reverse
REVERSE = ("Subsumes", "RxNorm ing of", "Asso morph of")
ANCESTORS = 24  # of a standard concept, itself included

SETS = f"""
create table concept as
select row_number() over () * {STEP} + 1 as concept_id, * exclude (concepts)
from (select *, row_number() over () as share, unnest(range((concepts * $scale)::bigint)) as n
      from read_csv('{SHARES}', header = true))
qualify row_number() over () * {STEP} + 1 not in (select concept_id::bigint from known)
order by hash(concept_id);  -- no order of ids, as in a real bundle
create table standard as
select concept_id, vocabulary_id, domain_id,
  row_number() over (partition by vocabulary_id order by concept_id) - 1 as position,
  count(*) over (partition by vocabulary_id) as positions
from concept where standard_concept = 'S';
create table target as
select c.concept_id as concept_id_1, s.concept_id as concept_id_2
from (select concept_id, maps_to, (n * 7) % positions as position
      from concept join (select distinct vocabulary_id, positions from standard) z on z.vocabulary_id = maps_to) c
  join standard s on s.vocabulary_id = c.maps_to and s.position = c.position;
"""

FILLED = {
    "concept": f"""
      select concept_id, 'Invented ' || lower(domain_id) || ' no. ' || n || ', 5" wide, ' || md5(concept_id::varchar)
          as concept_name, domain_id, vocabulary_id, concept_class_id, standard_concept,
        'X' || share || '.' || n as concept_code, {ALWAYS} from concept""",
    "concept_relationship": f"""
      with map as (select concept_id as concept_id_1, concept_id as concept_id_2 from standard union all from target),
      other as (
        select concept_id as concept_id_1, concept_id - (k + 1) * {STEP} as concept_id_2, k
        from (select *, unnest(range({len(RELATIONS)})) as k from concept) where n > k
      )
      select concept_id_1, concept_id_2, 'Maps to' as relationship_id, {ALWAYS} from map
      union all select concept_id_2, concept_id_1, 'Mapped from', {ALWAYS} from map
      union all select concept_id_1, concept_id_2, {list(RELATIONS)}[k + 1], {ALWAYS} from other
      union all select concept_id_2, concept_id_1, {list(REVERSE)}[k + 1], {ALWAYS} from other""",
    "concept_ancestor": f"""
      select p.concept_id as ancestor_concept_id, s.concept_id as descendant_concept_id,
        k as min_levels_of_separation, k as max_levels_of_separation
      from (select concept_id, vocabulary_id, k,
              case k when 0 then position else (position // 50 + 13 * k) % positions end as position
            from (select *, unnest(range({ANCESTORS})) as k from standard)) s
        join standard p on p.vocabulary_id = s.vocabulary_id and p.position = s.position
      where k = 0 or p.concept_id <> s.concept_id""",
    "concept_synonym": """
      select concept_id, 'Synonym ' || md5(concept_id::varchar) as concept_synonym_name,
        4180186 as language_concept_id from concept where n % 5 < 3""",
    "drug_strength": f"""
      select s.concept_id as drug_concept_id, p.concept_id as ingredient_concept_id, 500 as amount_value,
        8576 as amount_unit_concept_id, null as numerator_value, null as numerator_unit_concept_id,
        null as denominator_value, null as denominator_unit_concept_id, null as box_size, {ALWAYS}
      from (select *, (position // 50) % positions as slot from standard) s
        join standard p on p.vocabulary_id = s.vocabulary_id and p.position = s.slot
      where s.domain_id = 'Drug'""",
    "vocabulary": """
      select distinct vocabulary_id, vocabulary_id as vocabulary_name, 'invented' as vocabulary_reference,
        null as vocabulary_version, 0 as vocabulary_concept_id from concept""",
}


def _known(base: Path, table: str) -> str | None:
    """SQL of a table of the base bundle, all text; None when the base lacks it."""
    file = base / f"{table.upper()}.csv"
    if not file.exists():
        return None
    names = file.open(encoding="utf-8").readline().rstrip().split("\t")
    columns = ", ".join(f"'{n}': 'VARCHAR'" for n in names)
    return f"select {', '.join(names)} from read_csv('{file}', {READ}, columns = {{{columns}}})"


def write_bundle(folder: Path, base: Path, *, scale: float = 1, release: str | None = None) -> None:
    """Write the bundle into `folder`; `release` is what it calls itself, instead of the base's name."""
    folder.mkdir(parents=True, exist_ok=True)
    work = folder / ".work"
    work.mkdir()
    con = duckdb.connect(str(work / "sets.duckdb"), config={"memory_limit": "1500MB", "threads": 2})
    con.execute("set preserve_insertion_order = false")
    con.execute(f"create view known as {_known(base, 'concept')}")
    for statement in SETS.split(";")[:-1]:
        con.execute(statement, {"scale": scale} if "$scale" in statement else None)
    for table in sorted({*FILLED, *(f.stem.lower() for f in base.glob("*.csv"))}):
        known, filled = _known(base, table), FILLED.get(table)
        if filled and table == "vocabulary":
            filled = f"select * from ({filled}) where vocabulary_id not in (select vocabulary_id from ({known}))"
        query = " union all by name ".join(q for q in (known, _text(con, filled)) if q)
        if release and table == "vocabulary":
            named = f"case when vocabulary_id = 'None' then '{release}' else vocabulary_version end"
            query = f"select * replace ({named} as vocabulary_version) from ({query})"
        con.execute(f"copy ({query}) to '{folder / f'{table.upper()}.csv'}' {WRITE}")
    con.close()
    shutil.rmtree(work)


def _text(con: DuckDBPyConnection, query: str | None) -> str | None:
    """The query with every column as Athena writes it."""
    if query is None:
        return None
    described = con.execute(f"describe {query}").fetchall()
    columns = (f"strftime({n}, '%Y%m%d') as {n}" if t == "DATE" else f"{n}::varchar as {n}" for n, t, *_ in described)
    return f"select {', '.join(columns)} from ({query})"


def main() -> None:
    """Write a bundle as the options say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--base", type=Path, required=True, help="an Athena bundle that becomes part of it")
    parser.add_argument("--scale", type=float, default=1, help="times the full size (default 1)")
    parser.add_argument("--release", help="what the bundle calls itself; default as the base")
    options = parser.parse_args()
    began = time.perf_counter()
    write_bundle(options.folder, options.base, scale=options.scale, release=options.release)
    size = sum(f.stat().st_size for f in options.folder.glob("*.csv")) / 1e9
    print(f"{size:.1f} GB in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
