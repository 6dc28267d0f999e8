"""`etl achilles`: OHDSI's Achilles on the published warehouse, for ATLAS and R."""

from __future__ import annotations

from typing import Annotated

import typer

from etl.cli import console
from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, command_app
from etl.errors import UsageError
from etl.pages.formats import count
from etl.research.achilles.run import Outcome, bring_up_to_date
from etl.research.achilles.views import views_of
from etl.settings import load_settings

app = command_app()


@app.command(
    epilog="""[bold]Examples[/]

    etl achilles · what changed since the last time; nothing, in a moment, where no hospital has published

    etl achilles --again · every hospital, whatever is kept of it

    etl sql "select * from results.achilles_results where analysis_id = 401 order by count_value desc limit 10"

    etl achilles --views atlas_results · SQL that lets a results schema of ATLAS show the whole warehouse

    etl achilles --views atlas_snuh --hospital snuh · the same, of one hospital""",
)
def achilles(
    again: Annotated[bool, typer.Option("--again", help="Compute every hospital, also where nothing changed.")] = False,
    views: Annotated[
        str | None,
        typer.Option("--views", metavar="SCHEMA", help="Compute nothing: write SQL for this results schema of WebAPI."),
    ] = None,
    hospital: Annotated[
        str | None, typer.Option("--hospital", help="With --views: of this hospital; default: of all together.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute OHDSI's Achilles on what is published, for ATLAS's data sources and for R.

    265 analyses, of each hospital and of all together, land in the schema results: achilles_results,
    achilles_results_dist, achilles_result_concept_count, achilles_analysis and concept_hierarchy show the whole
    warehouse; achilles_count, achilles_distribution and achilles_concept hold every source by its number (0: the
    whole). Readers see the old results until the new ones are complete.

    A hospital whose published night is the same is not computed again. What adds up over hospitals is added up, what
    does not (distributions, shares) is computed of all rows. Counts of fewer persons than the strictest hospital's
    small_cell (default 5) are left out.

    Nothing is published or held back by this. After a night the DAG etl_achilles does it.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        if hospital is not None and views is None:
            raise UsageError(
                "--hospital says whose results --views shows; what is computed is told by what was published",
                hint=f"etl achilles --views SCHEMA --hospital {hospital}",
            )
        if views is not None:
            out.print(views_of(settings, views, hospital), soft_wrap=True)
            return
        with console.progress("achilles") as tell:
            outcome = bring_up_to_date(settings, tell, again=again)
        if as_json:
            print_json(_plain(outcome))
        else:
            out.print(_said(outcome), soft_wrap=True)


def _plain(outcome: Outcome | None) -> dict[str, object]:
    if outcome is None:
        return {"changed": False}
    return {
        "changed": True, "hospitals": [s.hospital for s in outcome.sources], "anew": list(outcome.anew),
        "rows": outcome.told, "seconds": round(outcome.seconds, 1),
    }  # fmt: skip


def _said(outcome: Outcome | None) -> str:
    if outcome is None:
        return "nothing was published since the last time"
    anew = ", ".join(outcome.anew) or "no hospital"
    told = f"{count(outcome.told)} rows of {len(outcome.sources)} hospitals and of all together"
    return f"{told}, in {outcome.seconds:.1f} s; computed anew: {anew}"
