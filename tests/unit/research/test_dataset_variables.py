"""Variables of data sets: what each says of the rows around the index day, and of rows that are not there."""

from __future__ import annotations

import made_cohorts
import made_dataset
import pytest
from made_dataset import add, measured, warehouse

from etl.research.datasets import columns, series

ONE, OTHER = 1 << 24 | 1, 2 << 24 | 1
START = (
    "select person_id as subject_id, date '2020-07-01' as cohort_start_date, date '2021-07-01' as cohort_end_date "
    "from person"
)
A1C = {"of": "hba1c", "table": "measurement", "value": "value_as_number", "unit": made_dataset.PERCENT}


@pytest.fixture(autouse=True)
def _own_cohort(monkeypatch):
    made_cohorts.use(monkeypatch)


@pytest.fixture
def con():
    with warehouse(ONE) as con:
        yield con


def taken(con, folder, *variables):
    """The variables of the first member."""
    dataset = made_dataset.read(folder, cohort={"sql": START}, variables=list(variables))
    return made_dataset.wide(con, dataset)[0]


def test_last_first_lowest_highest_and_mean_are_of_the_days_of_the_window(con, tmp_path):
    days = ("2019-06-30", "2019-07-02", "2020-01-01", "2020-07-01", "2020-07-02")
    for key, (day, value) in enumerate(zip(days, (5.0, 9.0, 6.0, 7.0, 12.0), strict=True)):
        measured(con, ONE, key, day, value)
    found = taken(
        con,
        tmp_path,
        *({"name": take, "take": take, "within": [-365, 0], **A1C} for take in ("last", "first", "min", "max", "mean")),
    )
    assert [found[take] for take in ("last", "first", "min", "max", "mean")] == [7.0, 9.0, 6.0, 9.0, 22 / 3]


def test_of_two_values_of_a_day_the_higher_key_is_the_last_and_one_without_a_value_is_none(con, tmp_path):
    measured(con, ONE, 7, "2020-06-01", 8.0)
    measured(con, ONE, 5, "2020-06-01", 6.0)
    measured(con, ONE, 9, "2020-06-02", None)
    assert taken(con, tmp_path, {"name": "x", "take": "last", **A1C})["x"] == 8.0


def test_a_value_in_another_unit_is_converted_and_one_whose_unit_does_not_convert_is_no_value(con, tmp_path):
    measured(con, ONE, 1, "2020-06-01", 53.0, made_dataset.PER_MOL)
    measured(con, ONE, 2, "2020-06-02", 140.0, made_dataset.MG_DL)
    measured(con, ONE, 3, "2020-06-03", 7.0, 0)
    assert taken(con, tmp_path, {"name": "x", "take": "last", **A1C})["x"] == pytest.approx(7.00044)


def test_a_variable_may_ask_for_the_unit_that_others_are_converted_from(con, tmp_path):
    measured(con, ONE, 1, "2020-06-01", 7.0)
    found = taken(con, tmp_path, {"name": "x", "take": "last", **A1C, "unit": made_dataset.PER_MOL})
    assert found["x"] == pytest.approx((7.0 - 2.152) / 0.09148)


def test_where_there_is_no_row_a_value_is_missing_and_a_count_is_none(con, tmp_path):
    rows = {"of": "hba1c", "table": "measurement"}
    found = taken(
        con, tmp_path, {"name": "value", "take": "last", **A1C}, {"name": "n", "take": "count", **rows},
        {"name": "there", "take": "any", **rows}, {"name": "days", "take": "days_to", **rows},
        {"name": "visit", "is": "visit_type"}, {"name": "died", "is": "died"},
    )  # fmt: skip
    assert [found[name] for name in ("value", "days", "visit", "n", "there", "died")] == [
        None,
        None,
        None,
        0,
        False,
        False,
    ]


def test_days_to_the_first_row_how_many_and_whether_any(con, tmp_path):
    for key, day in enumerate(("2020-06-01", "2020-07-11", "2020-08-01")):
        measured(con, ONE, key, day, 7.0)
    rows = {"of": "hba1c", "table": "measurement", "within": [1, None]}
    found = taken(con, tmp_path, *({"name": take, "take": take, **rows} for take in ("days_to", "count", "any")))
    assert (found["days_to"], found["count"], found["any"]) == (10, 2, True)


def test_days_of_a_drug_count_once_however_many_exposures_cover_them_and_not_beyond_the_window(con, tmp_path):
    spans = (
        ("2020-07-01", "2020-07-10"),
        ("2020-07-05", "2020-07-06"),
        ("2020-07-08", "2020-07-12"),
        ("2020-09-20", "2020-12-31"),
    )
    for key, (day, last) in enumerate(spans):
        add(
            con,
            "drug_exposure",
            drug_exposure_id=key,
            person_id=ONE,
            drug_concept_id=99,
            drug_exposure_start_date=day,
            drug_exposure_end_date=last,
        )
    drug = {"name": "x", "take": "days_exposed", "of": "metformin", "table": "drug_exposure", "within": [0, 90]}
    assert taken(con, tmp_path, drug)["x"] == 12 + 10  # 1 to 12 July; from 20 to 29 September, day 90


def test_what_somebody_is_on_the_index_day(con, tmp_path):
    add(con, "death", person_id=ONE, death_date="2020-07-31")
    add(
        con,
        "visit_occurrence",
        visit_occurrence_id=2,
        person_id=ONE,
        visit_concept_id=9201,
        visit_start_date="2020-06-20",
        visit_end_date="2020-07-03",
    )
    names = (
        "age",
        "birth_year",
        "sex",
        "hospital",
        "year",
        "visit_type",
        "followup_days",
        "history_days",
        "died",
        "days_to_death",
    )
    found = taken(con, tmp_path, *({"name": name, "is": name} for name in names))
    assert [found[name] for name in names] == [50, 1970, "M", "h1", 2020, 9201, 913, 547, True, 30]


def diagnosed(con, *concepts):
    for key, concept in enumerate(concepts):
        add(
            con,
            "condition_occurrence",
            condition_occurrence_id=key,
            person_id=ONE,
            condition_concept_id=concept,
            condition_start_date="2020-01-01",
        )


@pytest.mark.parametrize(("concepts", "score"), [
    ((), 0), ((made_dataset.DIABETES,), 1), ((made_dataset.DIABETES,) * 3, 1),
    ((made_dataset.DIABETES, made_dataset.COMPLICATED), 2), ((made_dataset.COMPLICATED, made_dataset.DEMENTIA), 3),
])  # fmt: skip
def test_charlson_counts_a_category_once_and_the_worse_instead_of_the_milder(con, tmp_path, concepts, score):
    diagnosed(con, *concepts)
    assert taken(con, tmp_path, {"name": "x", "index": "charlson", "within": [None, 0]})["x"] == score


def test_a_long_table_has_a_row_an_event_of_the_window_in_the_unit_asked_for(con, tmp_path):
    measured(con, ONE, 1, "2020-06-01", 53.0, made_dataset.PER_MOL)
    measured(con, ONE, 2, "2020-07-05", 8.0)
    measured(con, ONE, 3, "2022-07-05", 9.0)
    dataset = made_dataset.read(tmp_path, cohort={"sql": START}, long=[{"name": "a1c", "within": [-90, 90], **A1C}])
    made_dataset.wide(con, dataset)
    found = con.execute(columns.long_rows(dataset.said.long[0], series.asked(dataset))).fetchall()
    assert [(r[2], round(r[5], 5), r[6], r[7]) for r in found] == [(-30, 7.00044, 8554, 1), (4, 8.0, 8554, 2)]


def test_a_person_with_two_episodes_has_two_rows_each_of_its_own_days(tmp_path):
    twice = f"{START} union all select person_id, date '2022-01-01', date '2022-02-01' from person"
    with warehouse(ONE, OTHER) as con:
        measured(con, OTHER, 1, "2021-12-30", 8.0)
        dataset = made_dataset.read(
            tmp_path,
            cohort={"sql": twice},
            variables=[{"name": "x", "take": "count", "of": "hba1c", "table": "measurement", "within": [-7, 0]}],
        )
        found = [(r["person_id"], r["episode"], r["x"]) for r in made_dataset.wide(con, dataset)]
    assert found == [(ONE, 1, 0), (ONE, 2, 0), (OTHER, 1, 0), (OTHER, 2, 1)]


def test_each_table_of_the_warehouse_is_read_once_for_all_variables(con, tmp_path):
    variables = [{"name": f"x{n}", "take": "last", "within": [-n, n], **A1C} for n in range(1, 30)]
    dataset = made_dataset.read(tmp_path, cohort={"sql": START}, variables=variables)
    assert series.asked(dataset).series == (series.series_of(dataset.said.variables[0]),)
    assert next(iter(series.asked(dataset).windows.values())) == (-29, 29)
