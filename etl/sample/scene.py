"""What the makers of records share: one year's visits of one chunk of patients, and who saw them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from etl.sample.catalogue import Catalogue
from etl.sample.codebook import Codebook
from etl.sample.course import KINDS, Illness, Visits
from etl.sample.frame import Column, Frame, Ints, Texts
from etl.sample.people import People
from etl.sample.remarks import Remarks
from etl.sample.traps import Rates, after_death, misdate, misplace

#: Columns that hold times.
TIMES = frozenset(
    {"noted_at", "start_at", "end_at", "done_at", "taken_at", "reported_at", "birth", "registered", "died"}
)


@dataclass(frozen=True)
class Scene:
    """One year's visits, with numbers, department and doctor of each (positions in the codebook)."""

    rng: np.random.Generator
    cat: Catalogue
    book: Codebook
    rates: Rates
    people: People
    ill: Illness
    visits: Visits
    visit_no: Ints
    department: Ints
    doctor: Ints
    remarks: dict[str, Remarks]

    def doctor_of(self, department: Ints) -> Ints:
        """A doctor of each department."""
        return doctors(self.rng, self.book, department)

    def dictionaries(self) -> dict[str, Texts]:
        """Texts behind the indices that all records share."""
        staff = pa.array(self.book.staff.code)
        return {
            "mrn": self.people.record_number,
            "kind": pa.array(KINDS),
            "department": pa.array(self.book.department),
            "doctor": staff,
            "attending": staff,
        }

    def record(
        self,
        visit: Ints,
        at: Ints,
        columns: dict[str, Column],
        texts: dict[str, Texts],
        seen: Ints | None = None,
    ) -> Frame:
        """Records that belong to visits (positions): keys, times and their traps, plus own columns and texts."""
        patient = self.visits.patient[visit]
        dead = self.visits.end[visit] == self.ill.death[patient]
        at = after_death(self.rng, at, dead, self.rates["after_death"])
        owner, visit_no = misplace(self.rng, patient, self.visit_no[visit], self.people, self.rates)
        written, slip = misdate(self.rng, at, self.people.birth[patient], self.rates)
        shared: dict[str, Column] = {
            "mrn": owner,
            "visit_no": visit_no,
            "kind": self.visits.kind[visit],
            "noted_at": written,
            "slip": slip,
            "department": self.department[visit],
            "doctor": self.doctor[visit],
        }
        known = at if seen is None else np.maximum(at, seen)
        return Frame(shared | columns, self.dictionaries() | texts, known, TIMES, frozenset({"visit_no"}))


def doctors(rng: np.random.Generator, book: Codebook, department: Ints) -> Ints:
    """A doctor of each department, as a position among the staff."""
    staff = book.staff
    drawn = (rng.random(len(department)) * staff.doctors[department]).astype(np.int64)
    return staff.doctors_from[department] + drawn


def names(rows: list[dict[str, str]], column: str) -> Texts:
    """One column of catalogue rows as a dictionary; an empty field is NULL."""
    return pa.array([row[column] or None for row in rows], pa.string())
