"""What the pages call things: states, stages, outcomes, kinds of expectations, in words of the catalogue."""

from __future__ import annotations

from etl.pages.formats import words
from etl.pages.language import ENGLISH, Say, noted

#: How runs, gates, stages and decisions stand.
STATES = (
    noted("published"), noted("blocked"), noted("failed"), noted("running"), noted("waiting"), noted("unpublished"),
    noted("left"), noted("lost"), noted("late"), noted("open"), noted("closed"), noted("done"), noted("reused"),
    noted("approved"), noted("refused"), noted("expired"),
)  # fmt: skip
STAGES = (
    noted("open"), noted("land"), noted("check source"), noted("merge"), noted("map"), noted("derive"),
    noted("check CDM"), noted("publish"),
)  # fmt: skip
OUTCOMES = (noted("mapped"), noted("filtered"), noted("quarantined"), noted("rejected"))
GATES = {"source": noted("source gate"), "cdm": noted("CDM gate"), "publish": noted("publish gate")}
#: What is asked, by the names that Great Expectations gives its kinds.
EXPECTATIONS = {
    "unexpected_rows_expectation": noted("rule about rows"),
    "expect_column_values_to_not_be_null": noted("always filled"),
    "expect_column_values_to_be_unique": noted("no value twice"),
    "expect_compound_columns_to_be_unique": noted("no value twice"),
    "expect_column_values_to_be_between": noted("range of values"),
    "expect_column_values_to_be_in_set": noted("known values"),
    "expect_column_pair_values_a_to_be_greater_than_b": noted("order of two columns"),
    "expect_table_row_count_to_be_between": noted("number of rows"),
    "expect_table_row_count_to_equal": noted("number of rows"),
    "expect_files_to_be_new": noted("new files"),
    "expect_no_night_to_be_left_out": noted("no night left out"),
    "expect_no_new_columns": noted("known columns"),
    "expect_no_columns_to_vanish": noted("known columns"),
    "expect_columns_to_keep_their_letters": noted("known columns"),
    "expect_targets_to_be_standard": noted("standard targets"),
    "expect_one_use_of_the_comma": noted("one use of commas"),
    "expect_fewer_to_stay": noted("as many rows as usual"),
    "expect_more_to_stay": noted("as many rows as usual"),
    "expect_filled_to_stay": noted("filled as usual"),
    "expect_known_to_stay": noted("patients known as usual"),
    "expect_forms_to_stay": noted("written as usual"),
    "expect_codes_to_stay": noted("codes as usual"),
    "expect_concepts_to_stay": noted("concepts as usual"),
    "expect_numbers_to_stay": noted("numbers as usual"),
    "expect_midnight_to_stay": noted("times of day as usual"),
    "expect_hours_to_stay": noted("times of day as usual"),
    "expect_weekdays_to_stay": noted("days as usual"),
    "expect_years_to_stay": noted("years as usual"),
    "expect_same_day_to_stay": noted("lengths as usual"),
    "expect_still_to_stay": noted("days up to now"),
    "expect_past_to_stay": noted("old records unchanged"),
}


def stage_name(stage: str, say: Say = ENGLISH) -> str:
    """A stage as it is called in a sentence."""
    return say(words(stage))


def gate_name(gate: str, say: Say = ENGLISH) -> str:
    """A gate as it is called in a sentence."""
    return say(GATES[gate]) if gate in GATES else f"{words(gate)} gate"


def asked_as(expectation: str, say: Say = ENGLISH) -> str:
    """A kind of expectation in words."""
    known = EXPECTATIONS.get(expectation)
    return say(known) if known else words(expectation.removeprefix("expect_").removesuffix("_expectation"))
