"""`hospital.yaml`: who delivers, and the settings that hold for all mappings of a hospital."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from etl.mapping.language.words import Strict, known_zone
from etl.pages.disclosure import SMALL_CELL

Delivers = Literal["full", "delta"]


class Name(Strict):
    """A hospital's name in both languages."""

    ko: Annotated[str, Field(description="in Korean, as reports head it")]
    en: Annotated[str, Field(description="in English")]


class Units(Strict):
    """What happens to units of measured values."""

    convert: Annotated[
        bool,
        Field(description="values become the preferred unit of their concept (`conversions`); the source fields stay"),
    ] = False


class Visits(Strict):
    """How encounters of one person become visits."""

    roll_up: Annotated[
        bool,
        Field(
            description="stays that overlap, and an emergency visit with the stay it led to, are one visit; its "
            "encounters are its visit_detail rows. Without it every encounter is a visit of its own"
        ),
    ] = True
    outpatient_end: Annotated[
        Literal["start", "given"],
        Field(description="an outpatient visit ends on the day it starts, or when the source says if it does"),
    ] = "start"
    open_days: Annotated[
        int,
        Field(
            ge=1,
            description="a stay without an end goes on for so many days at most; of a longer one the end is unknown, "
            "and counted: it ends on the day it starts",
        ),
    ] = 365


class ObservationPeriods(Strict):
    """How long a person's care is taken to be recorded."""

    gap_days: Annotated[int, Field(ge=2, description="so many days without a record split a period")] = 548
    tail_days: Annotated[
        int, Field(ge=0, description="a period lasts so many days beyond the last record, but not longer beyond death")
    ] = 60
    without_records: Annotated[
        Literal["day", "none"],
        Field(
            description="a patient without any record has a period of one day, as OHDSI's tools want everybody to have "
            "one: the day of birth, or when the records system went live; or none"
        ),
    ] = "day"

    @model_validator(mode="after")
    def _apart(self) -> ObservationPeriods:
        if self.gap_days <= self.tail_days + 1:
            raise ValueError("gap_days must exceed tail_days by two or more, else periods of one person would touch")
        return self


class Hospital(Strict):
    """`hospital.yaml`: who delivers, and the settings that hold for all of its mappings."""

    hospital: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,29}$", description="short name = name of the folder")]
    number: Annotated[int, Field(ge=1, le=63, description="fixed for life: it is part of every id of this hospital")]
    name: Annotated[Name, Field(description="the hospital's name in both languages")]
    layout: Annotated[
        str | None, Field(description="folder under mappings/shared/layouts/ whose files are read first")
    ] = None
    schedule: Annotated[str, Field(description="cron expression of the nightly run, Asia/Seoul")] = "0 2 * * *"
    time_zone: Annotated[str, Field(description="what its clocks show; an instant with a zone becomes that")] = (
        "Asia/Seoul"
    )
    live_since: Annotated[
        date, Field(description="day the records system went live; no observation period starts before")
    ] = date(1900, 1, 1)
    visits: Annotated[Visits, Field(description="how encounters become visits")] = Visits()
    observation_period: Annotated[
        ObservationPeriods, Field(description="how long a person's care is taken to be recorded")
    ] = ObservationPeriods()
    drug_default_days: Annotated[
        int, Field(ge=1, le=365, description="days of a prescription that says neither end, days of supply nor dose")
    ] = 30
    era_gap_days: Annotated[
        int, Field(ge=30, le=365, description="so many days without record or drug at most lie inside an era")
    ] = 30
    negative_values: Annotated[
        tuple[int, ...],
        Field(description="measurement concepts whose values may be negative, besides etl/cdm/negative_values.csv"),
    ] = ()
    notes: Annotated[
        bool, Field(description="load free text (note, note_nlp); else its rows are filtered under `notes_off`")
    ] = False
    drops: Annotated[
        str | None,
        Field(description="folder of the deliveries, one sub-folder per night; default <home>/exports/<hospital>"),
    ] = None
    connection: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z][a-z0-9_]*$",
            description="name of the connection to the hospital's own database, for sources that say `query`; its URL "
            "is not written here. With it the nightly DAG extracts (docs/source-database.md)",
        ),
    ] = None
    keep_extracted: Annotated[
        int, Field(ge=1, description="so many nights keep the files that `etl extract` wrote, once they have landed")
    ] = 14
    delivery: Annotated[
        Delivers,
        Field(
            description="`full`: every night holds all rows; `delta`: new and changed rows, and which ones are deleted "
            "(a file named _FULL beside the others says that a night is whole). A source may say otherwise"
        ),
    ] = "full"
    whole_every: Annotated[
        int,
        Field(ge=1, description="after so many nights of which only the touched persons were mapped, all are again"),
    ] = 30
    fold_every: Annotated[
        int | None,
        Field(
            ge=1,
            description="of a hospital that delivers changes: so many nights at a time are folded into one, but for "
            "the last seven; default: as whole_every",
        ),
    ] = None
    units: Annotated[Units, Field(description="units of measured values")] = Units()
    undeclared_numbers: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="landing stops when of the different values of a column that is declared as nothing more than "
            "this share are record numbers of patients; 1: it does not look",
        ),
    ] = 0.1
    small_cell: Annotated[
        int,
        Field(
            ge=1,
            description="of fewer patients than this no list tells their number or their days, and of their records "
            "only in steps of this size; the data dictionary counts nothing, and takes the largest of all hospitals",
        ),
    ] = SMALL_CELL

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return known_zone(value)
