"""Finds until when persons are in cohorts, and puts what overlaps together into episodes."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from etl.research.cohorts.plan import Plan
from etl.research.cohorts.rows import table

_EXIT = {
    "cohort": "int", "kind": "text", "days": "int", "set_number": "int", "gap": "int", "supply": "int", "pad": "int",
    "washout": "int", "opens": "day", "closes": "day", "first_episode": "bool",
}  # fmt: skip
_PERIOD = (
    "select i.cohort, i.person_id, i.event_id, i.closes as until from cohorts_included i join cohorts_exit x "
    "using (cohort) where x.kind in ('period', 'drug')"
)
_OFFSET = (
    "select i.cohort, i.person_id, i.event_id, "
    "least(case when x.kind = 'end' then i.end_date else i.start_date end + x.days::integer, i.closes) "
    "from cohorts_included i join cohorts_exit x using (cohort) where x.kind in ('start', 'end') "
    "and (x.kind = 'start' or i.end_date is not null)"
)
_CENSOR = (
    "select i.cohort, i.person_id, i.event_id, min(e.start_date) from cohorts_included i "
    "join cohorts_censor c using (cohort) join cohorts_event e on e.criterion = c.criterion "
    "and e.person_id = i.person_id and e.start_date between i.start_date and i.closes group by all"
)
# An exposure found by its standard and by its source concept counts twice, which changes no era.
_EXPOSED = """
create or replace temp table cohorts_exposed as
with who as (select distinct x.cohort, i.person_id, x.set_number, x.gap, x.days, x.supply
  from cohorts_included i join cohorts_exit x using (cohort) where x.kind = 'drug'),
taken as (
  select w.*, t.drug_exposure_start_date as starts, t.drug_exposure_end_date as ends, t.days_supply
  from who w join cohorts_concept k using (set_number)
  join drug_exposure t on t.person_id = w.person_id and t.drug_concept_id = k.concept_id
  union all
  select w.*, t.drug_exposure_start_date, t.drug_exposure_end_date, t.days_supply
  from who w join cohorts_concept k using (set_number)
  join drug_exposure t on t.person_id = w.person_id and t.drug_source_concept_id = k.concept_id
)
select cohort, person_id, gap, starts, (gap + days)::integer + case
  when supply is not null then starts + supply::integer else coalesce(ends, starts + days_supply, starts + 1)
end as ends from taken
"""
_DRUG = (
    "select i.cohort, i.person_id, i.event_id, r.until - r.gap::integer from cohorts_included i join "
    "({eras}) r on r.cohort = i.cohort and r.person_id = i.person_id "
    "and i.start_date between r.starts and r.until - r.gap::integer"
)


def _eras(rows: str, *, carried: str = "", washout: str = "null::integer") -> str:
    """SQL that puts rows (cohort, person_id, starts, ends) that overlap together; also those within a washout."""
    before = "(partition by cohort, person_id order by starts rows between unbounded preceding and 1 preceding)"
    more = f", {carried}" if carried else ""
    return (
        f"with told as (select cohort, person_id, starts, ends{more}, case when max(ends) over {before} >= starts "
        f"or max(starts) over {before} + {washout} >= starts then 0 else 1 end as begins from {rows}), "
        f"numbered as (select *, sum(begins) over (partition by cohort, person_id order by starts, begins desc "
        "rows unbounded preceding) as era from told) "
        f"select cohort, person_id{more}, min(starts) as starts, max(ends) as until from numbered "
        f"group by cohort, person_id, era{more}"
    )


def find_ends(con: DuckDBPyConnection, plan: Plan) -> None:
    """Make `cohorts_found` (cohort, person_id, starts, ends)."""
    rows = []
    censors: list[tuple[int, int]] = []
    for place, (_, cohort) in enumerate(plan.cohorts):
        out = cohort.exit
        of = plan.sets[out.of] if out.of else None
        rows.append(
            (
                place, out.kind, out.days, of, out.gap, out.supply, cohort.pad, cohort.washout, cohort.opens,
                cohort.closes, cohort.first_episode,
            )
        )  # fmt: skip
        censors += [(place, plan.criteria[each]) for each in cohort.censors]
    table(con, "cohorts_exit", _EXIT, rows)
    table(con, "cohorts_censor", {"cohort": "int", "criterion": "int"}, censors)
    ways = [_PERIOD, _OFFSET]
    if any(row[1] == "drug" for row in rows):
        con.execute(_EXPOSED)
        ways.append(_DRUG.format(eras=_eras("cohorts_exposed", carried="gap")))
    if censors:
        ways.append(_CENSOR)
    con.execute(
        "create or replace temp table cohorts_spell as select i.cohort, i.person_id, i.start_date as starts, "
        "(min(c.until) + x.pad::integer) as ends, x.washout::integer as washout from cohorts_included i "
        f"join cohorts_exit x using (cohort) join ({' union all '.join(ways)}) c on c.cohort = i.cohort "
        "and c.person_id = i.person_id and c.event_id = i.event_id and c.until >= i.start_date "
        "group by i.cohort, i.person_id, i.event_id, i.start_date, x.pad, x.washout"
    )
    _episodes(con)


def _episodes(con: DuckDBPyConnection) -> None:
    """A person's episodes of a cohort never overlap; only what lies in the cohort's own days counts."""
    eras = _eras("cohorts_spell", carried="washout", washout="washout")
    con.execute(
        f"create or replace temp table cohorts_found as with spell as ({eras}), shown as (select s.cohort, "
        "s.person_id, greatest(s.starts, x.opens) as starts, least(s.until - x.pad::integer, x.closes) as ends, "
        "x.first_episode, row_number() over (partition by s.cohort, s.person_id order by s.starts) as place "
        "from spell s join cohorts_exit x using (cohort)) select cohort, person_id, starts, ends from shown "
        "where starts <= ends and (not first_episode or place = 1)"
    )
