"""The command that writes sample exports."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from etl.cli import console
from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, Night, command_app, day_of
from etl.errors import UsageError
from etl.sample.dialect import LAYOUTS, dialects
from etl.sample.generate import write_exports
from etl.sample.noise import levels

app = command_app()


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write into: OUT/<hospital>/<night>/.")],
    patients: Annotated[int, typer.Option(min=1, help="Patients of each hospital.")] = 1000,
    seed: Annotated[int, typer.Option(help="Same seed, same people.")] = 1,
    night: Night = None,
    hospital: Annotated[list[str] | None, typer.Option(help="Only this hospital; may be repeated.")] = None,
    layouts: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Other hospitals than the eight: a folder with hospitals.yaml and layouts."),
    ] = None,
    noise: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="Codes that tell less than the truth: good, usual or poor.")
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write who has which disease since when: DIR/<hospital>/<night>.csv."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write generated raw exports of the eight hospitals: real layouts, encodings and traps, invented people."""
    with errors_to_exit_codes(as_json=as_json), console.progress("writing sample exports", quiet=as_json) as tell:
        place = layouts or LAYOUTS
        if not (place / "hospitals.yaml").is_file():
            raise UsageError(f"there is no hospitals.yaml in {place}", hint="see etl/sample/layouts for one")
        known = dialects(place)
        unknown = sorted(set(hospital or ()) - set(known))
        if unknown:
            raise UsageError(f"there is no sample hospital '{unknown[0]}'; there are: {', '.join(known)}")
        if noise is not None and noise not in levels():
            raise UsageError(f"there is no level of noise '{noise}'; there are: {', '.join(levels())}")
        if truth is not None and truth.resolve().is_relative_to(folder.resolve()):
            raise UsageError("the truth may not lie among the exports", hint="name a folder beside OUT")
        made = write_exports(
            folder,
            hospitals=hospital,
            patients=patients,
            seed=seed,
            night=day_of(night) or date.today(),
            layouts=place,
            noise=noise,
            truth=truth,
            progress=lambda name, done, total: tell(name, f"{done:,} of {total:,} patients"),
        )
    if as_json:
        print_json([{"hospital": d.hospital, "folder": str(d.folder), "files": d.files} for d in made])
        return
    for delivery in made:
        out.print(f"{delivery.hospital:<9}{sum(delivery.files.values()):>12,} rows  {delivery.folder}")
