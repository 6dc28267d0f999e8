"""How rows of findings are told: by the one rule of what is told of few persons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from etl.mapping.read.documents import hospital_folders, read_head
from etl.pages.disclosure import SMALL_CELL, few, in_steps, told_records
from etl.pages.formats import count, percent
from etl.pages.language import ENGLISH, Say
from etl.quality.findings.share import share_of
from etl.settings import Settings


def small_cells(settings: Settings) -> Mapping[str, int]:
    """Below how many persons a number is not told, by hospital; where its file cannot be read, the strictest of all."""
    heads = {folder.name: read_head(folder).data for folder in hospital_folders(settings.mappings)}
    said = {name: _small_cell(head) if head else None for name, head in heads.items()}
    strictest = max((SMALL_CELL, *(number for number in said.values() if number)))
    return {name: number or strictest for name, number in said.items()}


def _small_cell(head: Mapping[str, Any]) -> int | None:
    """What a hospital's file says, the usual where it says nothing; None where that is no number from 1 on."""
    number = head.get("small_cell", SMALL_CELL)
    return number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else None


def rows_told(violated: int | None, total: int | None, small_cell: int = SMALL_CELL, say: Say = ENGLISH) -> str:
    """`120 of 4,000 (3.0 %)`; of fewer rows than a small cell `≤5 of 4,000`; empty where nothing was counted."""
    if violated is None:
        return ""
    hidden = few(small_cell, violated, total or 0)
    if total is None:
        return told_records(in_steps(violated, hidden), hidden)
    if hidden:
        of = told_records(in_steps(total, few(small_cell, total)), few(small_cell, total))
        return say("%(part)s of %(whole)s", part=told_records(in_steps(violated, hidden), hidden), whole=of)
    if violated > total:  # no part of the rows: so many more than usual
        return say("%(part)s more than %(whole)s", part=count(violated), whole=count(total))
    share = share_of(violated, total)
    told = say("%(part)s of %(whole)s", part=count(violated), whole=count(total))
    return told + (f" ({percent(share.value)})" if share else "")
