"""Free text: remarks that mostly say nothing, and a few that give the patient away."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from etl.sample.catalogue import HERE, read_rows
from etl.sample.frame import Ints, Texts, joined, taken
from etl.sample.people import People
from etl.sample.traps import Rates


@dataclass
class Remarks:
    """Draws remarks for rows; one per chunk of patients and place (order, lab, result, person, report)."""

    people: People
    place: str
    rates: Rates
    plain: list[str] = field(default_factory=list)
    telling: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rows = [row for row in read_rows(HERE / "lists" / "remarks.csv") if row["where"] == self.place]
        self.plain = [row["text"] for row in rows if not row["identifier"]]
        self.telling = [(row["identifier"], row["text"]) for row in rows if row["identifier"]]

    def drawn(self, rng: np.random.Generator, patient: Ints) -> tuple[Ints, Texts]:
        """For each row an index (-1: no remark) into texts; telling texts hold that row's patient's identifier."""
        size = len(patient)
        chosen = np.where(rng.random(size) < self.rates["remark"], rng.integers(0, len(self.plain), size), -1)
        return self.told(rng, patient, chosen, pa.array(self.plain), self.rates["identifier_in_text"])

    def told(
        self,
        rng: np.random.Generator,
        patient: Ints,
        chosen: Ints,
        texts: Texts,
        rate: float,
        *,
        before: bool = False,
    ) -> tuple[Ints, Texts]:
        """Replace some of the chosen texts by telling ones; `before` keeps the chosen text after these."""
        told = np.flatnonzero(rng.random(len(patient)) < rate)
        kind = rng.integers(0, len(self.telling), len(told))
        chosen, parts, offset = chosen.copy(), [texts], len(texts)
        for place, (identifier, template) in enumerate(self.telling):
            rows = told[kind == place]
            own = taken(self.people.identifier(identifier), patient[rows])
            head, tail = template.split("{}")
            sentence = joined(head, own, tail)
            if before:
                sentence = joined(sentence, taken(texts, chosen[rows]), between=" ")
            chosen[rows] = offset + np.arange(len(rows))
            offset += len(rows)
            parts.append(sentence)
        return chosen, pa.concat_arrays([part.cast(pa.string()) for part in parts])
