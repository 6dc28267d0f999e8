"""The command that finds concepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from etl.cli.console import err, errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, command_app
from etl.engine import open_engine
from etl.errors import ConfigError
from etl.pages.disclosure import told_persons, told_records
from etl.pages.formats import DASH
from etl.research.concepts.find import Hit, find
from etl.research.concepts.usage import Usage, strictest_small_cell, usage
from etl.settings import Settings, load_settings
from etl.store.warehouse.open import open_warehouse
from etl.vocabulary.release import current_release

app = command_app()
_EXACT = 2  # up to this rank a concept is what was asked for, and stands before those of more records


def _counts(settings: Settings, concepts: Sequence[int]) -> Mapping[int, Usage]:
    """What the warehouse has of them; nothing where there is none yet."""
    try:
        with open_warehouse(settings).reader() as con:
            return usage(con, concepts, strictest_small_cell(settings))
    except ConfigError as error:
        err.print(f"without counts: {error.message}", style="dim", soft_wrap=True)
        return {}


def _sorted(hits: Sequence[Hit], counts: Mapping[int, Usage]) -> list[Hit]:
    """Exact hits first, then by records; what is hidden counts as nothing."""
    records = {c: u.records or 0 for c, u in counts.items()}
    return sorted(hits, key=lambda h: (min(h.rank, _EXACT + 1), -records.get(h.concept_id, 0)))


def _table(hits: Sequence[Hit], counts: Mapping[int, Usage]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("concept", "name", "domain", "code", "records", "persons"):
        right = name in ("concept", "records", "persons")
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
    for hit in hits:
        used = counts.get(hit.concept_id)
        few = used.fewer_than if used else None
        cells = [told_records(used.records, few), told_persons(used.persons, few)] if used else [DASH, DASH]
        code = Text.assemble((f"{hit.vocabulary} ", "dim"), hit.code)
        table.add_row(str(hit.concept_id), _named(hit), hit.domain, code, *cells)
    return table


def _named(hit: Hit) -> Text:
    wrong = "  no longer valid" if hit.invalid else "" if hit.standard else "  not standard"
    name = Text.assemble(hit.name, (wrong, "yellow"))
    if hit.found_by == "synonym":
        name.append(f"\n{hit.text}", style="dim")
    for target, text in hit.maps_to:
        name.append(f"\n→ {target} {text}", style="cyan")
    return name


@app.command(
    epilog="""[bold]Examples[/]

    etl concept hemoglobin --domain Measurement

    etl concept 고혈압 · Korean names are synonyms

    etl concept E11.21 · a code, and what it maps to

    etl concept "type 2 diabetes" --json | jq '.[].concept_id'""",
)
def concept(
    words: Annotated[
        list[str], typer.Argument(metavar="WORD…", help="Part of a name or synonym, a code, or a concept id.")
    ],
    domain: Annotated[
        str | None, typer.Option(help="Only of this domain: Condition, Drug, Measurement, Unit, …")
    ] = None,
    vocabulary: Annotated[
        str | None, typer.Option(help="Only of this vocabulary: SNOMED, LOINC, RxNorm, KCD7, EDI, …")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Concepts shown at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Find concepts by a word of a name or synonym, a Korean name, a code or an id, and how often they occur.

    Searched is the vocabulary release that the next run maps with. Records and persons are those of the published
    warehouse that have the concept in any field, source concepts included; of concepts of fewer persons than
    `small_cell` (of the strictest hospital.yaml, default 5) both are hidden. Exact hits come first, then the most
    frequent. A concept that is not standard shows what it maps to.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        with open_engine(settings) as con:
            found = find(con, current_release(settings), " ".join(words), domain=domain, vocabulary=vocabulary)
        counts = _counts(settings, [hit.concept_id for hit in found])
        hits = _sorted(found, counts)
    if as_json:
        print_json([asdict(hit) | asdict(counts.get(hit.concept_id, Usage(None, None))) for hit in hits[:limit]])
        return
    if not hits:
        out.print("no concept of the loaded vocabulary has that")
        return
    out.print(_table(hits[:limit], counts))
    if len(hits) > limit:
        err.print(f"the first {limit:,}; --limit shows more, --domain and --vocabulary narrow", style="dim")
