"""The query recipes: the same answer on both warehouses, and the one that pandas finds in the plain tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
import postgres_server
import psycopg
import pytest
from duckdb import DuckDBPyConnection
from sqlalchemy.engine import URL
from typer.testing import CliRunner

from etl.cdm.spec import tables
from etl.cli import app
from etl.cli.recipes import Recipe
from etl.research.recipes.recipes import PAGE, recipes, recipes_page
from etl.settings import PROJECT, Settings
from etl.store.warehouse.open import open_warehouse

RECIPES = recipes()
STAYS = (9201, 262)


@pytest.fixture(scope="module")
def lake(consortium: Settings) -> Iterator[DuckDBPyConnection]:
    with open_warehouse(consortium).reader() as con:
        yield con


@pytest.fixture(scope="module")
def shared(consortium_in_postgres: URL) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_server.libpq(consortium_in_postgres), autocommit=True) as con:
        con.execute("set search_path to cdm_read")
        yield con


@pytest.fixture(scope="module")
def cdm(lake: DuckDBPyConnection) -> dict[str, pd.DataFrame]:
    """Tables as pandas reads them, days as timestamps."""
    named = {table for recipe in RECIPES.values() for table in recipe.tables}
    return {table: lake.execute(f"select * from {table}").df() for table in named}


def without_hiding(recipe: Recipe) -> str:
    """The query as it is where counts need not be hidden."""
    return recipe.sql.replace(">= 5", ">= 1").replace("(5)", "(1)").replace("5 * round(persons / 5.0)", "persons")


def answer(con: DuckDBPyConnection, sql: str) -> pd.DataFrame:
    """What a query answers; numbers as float, so that pandas' own can be compared with them."""
    result = con.execute(sql)
    found = pd.DataFrame(result.fetchall(), columns=[d[0] for d in result.description])
    numeric = [c for c in found if found[c].map(lambda v: v is None or hasattr(v, "as_integer_ratio")).all()]
    return found.astype(dict.fromkeys(numeric, float))


def shown(con: DuckDBPyConnection, name: str) -> pd.DataFrame:
    return answer(con, without_hiding(RECIPES[name]))


@pytest.mark.parametrize("hidden", [True, False], ids=["hidden", "all"])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda r: r.name)
def test_a_recipe_answers_the_same_on_both_warehouses(recipe, hidden, lake, shared):
    sql = recipe.sql if hidden else without_hiding(recipe)
    embedded = lake.execute(sql)
    names, rows = [d[0] for d in embedded.description], embedded.fetchall()
    there = shared.execute(sql)
    assert names == [d.name for d in there.description or ()]
    assert rows == there.fetchall()
    assert rows
    assert hidden or any(value is not None for value in rows[0][1:])


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda r: r.name)
def test_a_recipe_says_what_it_reads_and_how_it_takes_periods_and_concept_0(recipe):
    code = re.sub(r"--.*", "", recipe.sql)
    read = set(re.findall(r"(?:from|join)\s+(\w+)", code)) & set(tables())
    assert read == set(recipe.tables)
    assert recipe.question.endswith("?")
    assert re.search(r"concept 0|unmapped|not mapped", recipe.note, re.IGNORECASE)
    assert re.search(r"observ", recipe.note)


def counts(frame: pd.DataFrame) -> list[str]:
    """Columns that count persons, or events of few persons."""
    told = (
        "person",
        "visits",
        "stays",
        "discharges",
        "readmitted",
        "new_",
        "admitted",
        "died",
        "measured",
        "below",
        "records",
    )
    return [c for c in frame if c.startswith(told) and not c.endswith(("years", "year"))]


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda r: r.name)
def test_no_count_below_five_is_shown(recipe, lake):
    frame = answer(lake, recipe.sql)
    assert not [c for c in counts(frame) if ((frame[c] > 0) & (frame[c] < 5)).any()]
    assert counts(frame) or recipe.name == "unmapped_share"


def descendants(cdm: dict[str, pd.DataFrame], *concepts: int) -> set[int]:
    links = cdm["concept_ancestor"]
    return set(links[links.ancestor_concept_id.isin(concepts)].descendant_concept_id)


def inside(cdm: dict[str, pd.DataFrame], frame: pd.DataFrame, day: str, prior: int = 0) -> pd.DataFrame:
    """Rows whose day lies in an observation period of the person, `prior` days or more after its beginning."""
    both = frame.merge(cdm["observation_period"].drop(columns="period_type_concept_id"), on="person_id")
    begins = both.observation_period_start_date + pd.Timedelta(days=prior)
    return both[(both[day] >= begins) & (both[day] <= both.observation_period_end_date)]


def sexes(cdm: dict[str, pd.DataFrame]) -> pd.Series:
    names = cdm["concept"].set_index("concept_id").concept_name
    return cdm["person"].set_index("person_id").gender_concept_id.map(names)


def test_prevalence(cdm, lake):
    found = shown(lake, "prevalence").set_index(["year", "sex"])
    records = cdm["condition_occurrence"]
    records = inside(cdm, records[records.condition_concept_id.isin(descendants(cdm, 201826))], "condition_start_date")
    periods, sex = cdm["observation_period"], sexes(cdm)
    for year in (2023, 2024, 2025):
        first, last = pd.Timestamp(year, 1, 1), pd.Timestamp(year, 12, 31)
        there = periods[
            (periods.observation_period_start_date <= last) & (periods.observation_period_end_date >= first)
        ].person_id.unique()
        ill = records[records.condition_start_date.dt.year == year].person_id.unique()
        observed, cases = sex.loc[there].value_counts(), sex.loc[ill].value_counts()
        for name in ("MALE", "FEMALE"):
            row = found.loc[(year, name)]
            assert (row.persons_observed, row.persons_with_condition) == (observed[name], cases[name])
            assert row.percent == pytest.approx(100 * cases[name] / observed[name], abs=0.006)


def test_incidence(cdm, lake):
    """Day by day: who is at risk on it, and for whom is it the first."""
    found = shown(lake, "incidence").set_index("year")
    records = cdm["condition_occurrence"]
    first = (
        records[records.condition_concept_id.isin(descendants(cdm, 320136))]
        .groupby("person_id").condition_start_date.min()
    )  # fmt: skip
    days: list[tuple[int, pd.Timestamp]] = []
    for period in cdm["observation_period"].itertuples():
        begins = period.observation_period_start_date + pd.Timedelta(days=365)
        ends = min(period.observation_period_end_date, first.get(period.person_id, pd.Timestamp.max))
        days += [(period.person_id, day) for day in pd.date_range(begins, ends)]
    at_risk = pd.DataFrame(days, columns=["person", "day"])
    at_risk["new"] = at_risk.day == at_risk.person.map(first)
    for year, part in at_risk[at_risk.day.dt.year.between(2021, 2025)].groupby(at_risk.day.dt.year):
        row = found.loc[year]
        assert (row.persons_at_risk, row.new_cases) == (part.person.nunique(), part.new.sum())
        assert row.person_years == pytest.approx(len(part) / 365.25, abs=0.06)


def exposures(cdm: dict[str, pd.DataFrame], ingredient: int) -> pd.Series:
    """First day of an ingredient by person."""
    drugs = cdm["drug_exposure"]
    mine = drugs[drugs.drug_concept_id.isin(descendants(cdm, ingredient))]
    return mine.groupby("person_id").drug_exposure_start_date.min()


def test_new_users_are_first_exposures_after_a_year_of_observation(cdm, lake):
    first = exposures(cdm, 1503297).rename("day").reset_index()
    expected = inside(cdm, first, "day", prior=365)
    found = shown(lake, "new_users")
    assert found.new_users.sum() == len(expected) < len(first)
    assert found.groupby("year").new_users.sum().to_dict() == expected.day.dt.year.value_counts().to_dict()


def test_lab_before_and_after(cdm, lake):
    [row] = shown(lake, "lab_before_after").to_dict("records")
    values = cdm["measurement"]
    values = values[
        (values.measurement_concept_id == 3004501) & (values.unit_concept_id == 8840) & values.value_as_number.notna()
        & values.operator_concept_id.isna()
    ].sort_values(["measurement_date", "measurement_id"])  # fmt: skip
    pairs = []
    starts = inside(cdm, exposures(cdm, 1503297).rename("day").reset_index(), "day")
    for start in starts.itertuples():
        mine = values[
            (values.person_id == start.person_id)
            & values.measurement_date.between(start.observation_period_start_date, start.observation_period_end_date)
        ]
        after = (mine.measurement_date - start.day).dt.days
        before, later = mine[after.between(-180, 0)].value_as_number, mine[after.between(30, 365)].value_as_number
        if len(before) and len(later):
            pairs.append((before.iloc[-1], later.iloc[-1]))
    expected = pd.DataFrame(pairs, columns=["before", "after"])
    assert row["persons"] == len(expected) > 0
    assert row["mean_before"] == pytest.approx(expected.before.mean(), abs=0.006)
    assert row["mean_change"] == pytest.approx((expected.after - expected.before).mean(), abs=0.006)
    assert row["median_change"] == pytest.approx((expected.after - expected.before).median(), abs=0.006)


def test_visits_by_month(cdm, lake):
    visits = cdm["visit_occurrence"]
    names = cdm["concept"].set_index("concept_id").concept_name
    visits = visits[visits.visit_start_date.dt.year == 2025]
    expected = visits.groupby([visits.visit_start_date.dt.month, visits.visit_concept_id.map(names)]).size()
    found = shown(lake, "visits_by_month")
    assert {(row.month.month, row.kind): row.visits for row in found.itertuples()} == expected.to_dict()


def stays(cdm: dict[str, pd.DataFrame]) -> pd.DataFrame:
    visits = cdm["visit_occurrence"]
    mine = visits[visits.visit_concept_id.isin(descendants(cdm, *STAYS))]
    newest = visits.groupby(visits.person_id // 2**24).visit_end_date.max()
    hospital = mine.person_id // 2**24
    return mine.assign(
        hospital=hospital, nights=(mine.visit_end_date - mine.visit_start_date).dt.days,
        still_in=mine.visit_end_date == hospital.map(newest),
    )  # fmt: skip


def test_length_of_stay(cdm, lake):
    found = shown(lake, "length_of_stay").set_index("hospital")
    ended = stays(cdm).query("not still_in").groupby("hospital").nights
    assert found.stays.to_dict() == ended.size().to_dict()
    assert len(found) == 8
    for column, expected in (
        ("mean_nights", ended.mean()), ("median_nights", ended.median()), ("ninth_decile", ended.quantile(0.9)),
    ):  # fmt: skip
        pd.testing.assert_series_equal(found[column], expected, check_names=False, check_index_type=False, atol=0.051)


@pytest.mark.parametrize("days", [30, 365])
def test_readmissions(cdm, lake, days):
    every = stays(cdm)
    ended = inside(cdm, every[~every.still_in], "visit_end_date")
    ended = ended[ended.visit_end_date + pd.Timedelta(days=days) <= ended.observation_period_end_date]
    died = cdm["death"].set_index("person_id").death_date
    ended = ended[~(ended.person_id.map(died) <= ended.visit_end_date)]
    again = []
    for row in ended.itertuples():
        later = (every[every.person_id == row.person_id].visit_start_date - row.visit_end_date).dt.days
        again.append(bool(later.between(1, days).any()))
    expected = ended.assign(again=again).groupby("hospital").again.agg(["size", "sum"])
    sql = without_hiding(RECIPES["readmission"]).replace("values (30)", f"values ({days})")
    found = answer(lake, sql).set_index("hospital")
    assert found.discharges.to_dict() == expected["size"].to_dict()
    assert found.readmitted.fillna(0).to_dict() == expected["sum"].to_dict()
    assert days == 30 or expected["sum"].sum() > 0  # the invented patients seldom come back within a month


def test_mortality(cdm, lake):
    first = stays(cdm).groupby("person_id").visit_start_date.min().rename("day").reset_index()
    followed = inside(cdm, first, "day").merge(cdm["person"][["person_id", "year_of_birth"]], on="person_id")
    after = (followed.person_id.map(cdm["death"].set_index("person_id").death_date) - followed.day).dt.days
    young = followed.day.dt.year - followed.year_of_birth < 65
    found = shown(lake, "mortality_after_admission").set_index("age")
    for age, mine in (("below 65", young), ("65 and above", ~young)):
        assert found.admitted[age] == mine.sum()
        assert found.died_in_365_days.fillna(0)[age] == (mine & after.between(0, 365)).sum()
    assert after.between(0, 365).any()


def test_attrition(cdm, lake):
    records = cdm["condition_occurrence"]
    days = (
        records[records.condition_concept_id.isin(descendants(cdm, 201826))].groupby("person_id").condition_start_date
    )
    left = [(first := days.min()).index]
    left.append(left[-1][(days.max() - first).loc[left[-1]].dt.days >= 30])
    birth = cdm["person"].set_index("person_id").year_of_birth
    left.append(left[-1][first.loc[left[-1]].dt.year - birth.loc[left[-1]] >= 18])
    observed = inside(cdm, first.loc[left[-1]].rename("day").reset_index(), "day", prior=365)
    drugs = cdm["drug_exposure"]
    drugs = drugs[drugs.drug_concept_id.isin(descendants(cdm, 1503297))]
    under = observed.merge(drugs, on="person_id").query(
        "day <= drug_exposure_start_date <= observation_period_end_date"
    )
    expected = [*map(len, left), observed.person_id.nunique(), under.person_id.nunique()]
    found = shown(lake, "cohort_attrition")
    assert found.persons.to_list() == expected
    assert expected == sorted(expected, reverse=True)
    rounded = answer(lake, RECIPES["cohort_attrition"].sql)
    assert rounded.persons.to_list() == [5 * round(n / 5) for n in expected]


def test_unmapped_share(cdm, lake):
    found = shown(lake, "unmapped_share").set_index(["domain", "hospital"])
    for domain in ("condition", "drug", "measurement"):
        name = {"condition": "condition_occurrence", "drug": "drug_exposure"}.get(domain, domain)
        rows = cdm[name]
        hospital, unmapped = rows.person_id // 2**24, rows[f"{domain}_concept_id"] == 0
        assert found.records[domain].to_dict() == hospital.value_counts().to_dict()
        assert found.unmapped[domain].to_dict() == hospital[unmapped].value_counts().to_dict()


def test_one_hospital_against_the_others(cdm, lake):
    found = shown(lake, "one_hospital").set_index("side")
    periods = cdm["observation_period"]
    days = (periods.observation_period_end_date - periods.observation_period_start_date).dt.days + 1
    visits = inside(cdm, cdm["visit_occurrence"], "visit_start_date")
    for side, mine in (("this hospital", periods.person_id // 2**24 == 1), ("others", periods.person_id // 2**24 != 1)):
        years = days[mine].sum() / 365.25
        assert found.persons[side] == periods[mine].person_id.nunique()
        assert found.person_years[side] == pytest.approx(years, abs=0.06)
        seen = visits.person_id.isin(periods[mine].person_id).sum()
        assert found.visits_per_year[side] == pytest.approx(seen / years, abs=0.006)


def test_source_codes_of_a_condition(cdm, lake):
    found = shown(lake, "source_of_a_row")
    records = cdm["condition_occurrence"]
    mine = records[records.condition_concept_id.isin(descendants(cdm, 320136))]
    expected = mine.groupby([mine.person_id // 2**24, mine.condition_source_value]).size()
    assert found.groupby(["hospital", "code"]).records.sum().to_dict() == expected.to_dict()
    assert set(found.vocabulary) == {"KCD7"}


def test_the_page_lists_every_recipe():
    page = (PROJECT / "docs" / PAGE).read_text(encoding="utf-8")
    assert page == recipes_page(page), "run: etl docs"
    assert all(f"(../etl/research/recipes/{name}.sql)" in page for name in RECIPES)


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["recipes", *words])


def test_the_command_lists_shows_and_runs(consortium, monkeypatch, lake):
    monkeypatch.setenv("ETL_HOME", str(consortium.home))
    assert all(name in run().stdout for name in RECIPES)
    assert run("prevalence").stdout == RECIPES["prevalence"].sql
    lines = run("unmapped_share", "--csv").stdout.splitlines()
    assert lines[0] == "domain,hospital,records,unmapped,percent_unmapped"
    assert len(lines) == 1 + len(answer(lake, RECIPES["unmapped_share"].sql))
    wrong = run("prevalance", "--run")
    assert (wrong.exit_code, "do you mean prevalence?" in wrong.stderr) == (2, True)
