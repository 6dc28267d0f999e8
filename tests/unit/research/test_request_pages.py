"""A request's form as a page of plain fields: what is in it comes back as it was, and nothing else."""

from __future__ import annotations

import asked_for
import pytest

from etl.errors import InputError
from etl.research.requests.flat import chosen, flat, said
from etl.research.requests.forms import checked, layout
from etl.research.requests.given import given


def test_a_form_that_goes_through_a_page_is_the_same():
    form = asked_for.form(purpose="one line\nand another")
    fields = {name: value.replace("\n", "\r\n") for name, value in flat(form).items()}  # as browsers send it
    assert checked("request", said(fields)) == form
    assert set(layout("request").fields) - {"files"} == set(form), "the form of the tests is complete"


def test_empty_rows_and_fields_say_nothing():
    assert (
        said({"people.0.account": "", "people.7.part": " ", "period.from": "", "variables": "\r\n", "title": " "}) == {}
    )
    assert said({"people.x.account": "kim", "people.10.account": "b", "people.9.account": "a"})["people"] == [
        {"account": "a"}, {"account": "b"},
    ]  # fmt: skip


def test_half_a_period_and_half_a_person_are_told():
    for fields in ({"period.from": "2026-01-01"}, {"people.0.account": "kim"}):
        with pytest.raises(InputError):
            checked("request", said(fields))


def test_files_are_chosen_by_their_digests():
    kept = given(asked_for.form(), {"a.sql": b"select 1"}).form
    [digest] = chosen("files", flat(kept))
    assert digest == kept["files"][0]["digest"]
    assert "files" not in said(flat(kept))
