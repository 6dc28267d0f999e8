"""What somebody finds in a project space who knows something of persons: shares of targets that are found, measured.

An attacker has the space with all that is in it, and knows some true records of a target: codes with days, days alone,
or codes alone. A target is found when exactly one person of the space fits what is known, and is the target.
"""

from __future__ import annotations

from duckdb import DuckDBPyConnection

TARGETS = 200
CODED = ("condition_occurrence", "condition_concept_id", "condition_start_date")
VISITS = ("visit_occurrence", "visit_concept_id", "visit_start_date")


def targets(con: DuckDBPyConnection, table: str, code: str, day: str, events: int) -> None:
    """Make `target`: for persons of the space, some of their true records, one a day."""
    con.execute(
        "create or replace temp table target as with chosen_few as (select old from person_of "
        f"order by hash(old, 'target') limit {TARGETS}), days as (select distinct on "
        f"(person_id, {day}) person_id as old, {code} as code, {day} as day from {table} semi join chosen_few c "
        f"on c.old = person_id order by all) "
        "select *, row_number() over (partition by old order by hash(old, code, day)) as n from days "
        f"qualify n <= {events}"
    )


def found(con: DuckDBPyConnection, most: int) -> float:
    """The share of the targets that exactly one person of the space fits, which is it; `fits` (old, who)."""
    con.execute(
        "create or replace temp table alone as select old, any_value(who) as who from fits "
        "group by old having count(*) = 1"
    )
    row = con.execute(
        "select count(*) from alone join person_of p on p.old = alone.old and p.number = alone.who"
    ).fetchone()
    return (row[0] if row else 0) / most


def by_events(con: DuckDBPyConnection, events: int, shift: int, *, coded: bool) -> float:
    """Who knows days of records (with their codes, or of visits without any), and how far days may be moved."""
    table, code, day = CODED if coded else VISITS
    targets(con, table, code, day, events)
    same = f"s.{code} = t.code and" if coded else ""
    con.execute(
        f"create or replace temp table fits as select distinct old, who from (select t.old, s.person_id as who, "
        f"s.{day} - t.day as moved, count(distinct t.n) as n from target t join space.main.{table} s on {same} "
        f"s.{day} - t.day between -{shift} and {shift} group by all) join (select old, count(*) as n from target "
        "group by old) using (old, n)"
    )
    return found(con, TARGETS)


def by_codes(con: DuckDBPyConnection, events: int) -> float:
    """Who knows codes of a target, and no day."""
    targets(con, *CODED, events)
    con.execute(
        "create or replace temp table fits as select old, who from (select t.old, s.person_id as who, count(distinct "
        "t.code) as n from target t join space.main.condition_occurrence s on s.condition_concept_id = t.code "
        "group by all) join (select old, count(distinct code) as n from target group by old) using (old, n)"
    )
    return found(con, TARGETS)


def by_one_day(con: DuckDBPyConnection) -> float:
    """Who knows one day of a target's, with its code, and takes the days of the space for true."""
    targets(con, *CODED, 1)
    con.execute(
        "create or replace temp table fits as select distinct old, s.person_id as who from target t join "
        "space.main.condition_occurrence s on s.condition_concept_id = t.code and s.condition_start_date = t.day"
    )
    return found(con, TARGETS)


def joined(con: DuckDBPyConnection, columns: str, table: str = "condition_occurrence") -> float:
    """The share of the persons of both spaces whom a join of `space` and `other` on columns leads to themselves.

    `who` (old, here, there) has the persons of both. A person is led to whom most of its rows agree with.
    """
    row = con.execute(
        f"with pairs as (select a.person_id as here, b.person_id as there, count(*) as n from space.main.{table} a "
        f"join other.main.{table} b using ({columns}) group by all), best as (select here, arg_max(there, n) as there "
        "from pairs group by here) select count(*) from best join who using (here, there)"
    ).fetchone()
    total = con.execute("select count(*) from who").fetchone()
    return (row[0] if row else 0) / (total[0] if total else 1)


def members(con: DuckDBPyConnection) -> float:
    """How well the twin tells who is in the space from who is not (0.5: not at all): by how many of the twin's persons
    look like somebody and share a code, members rank above others.

    `twin` is attached, and `everybody` has who was chosen.
    """
    row = con.execute(
        "with likely as (select gender_concept_id as sex, year_of_birth as birth, condition_concept_id as code, "
        "count(*) as n from twin.main.person join twin.main.condition_occurrence using (person_id) group by "
        "all), scored as "
        "(select e.old, e.chosen, coalesce(sum(n), 0) as score from everybody e join condition_occurrence c on "
        "c.person_id = e.old "
        "left join likely l on l.sex = e.sex and l.birth = e.birth and l.code = c.condition_concept_id group by all) "
        "select sum(case when a.score > b.score then 1 when a.score = b.score then 0.5 else 0 end) / count(*) "
        "from scored a join scored b on a.chosen and not b.chosen"
    ).fetchone()
    return float(row[0]) if row else 0.0
