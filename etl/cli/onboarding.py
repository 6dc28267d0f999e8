"""Commands for a hospital that joins: a profile of its export, a first draft of its mappings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from etl.cli import console
from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, Hospital, command_app
from etl.errors import UsageError
from etl.mapping.load import load_mappings
from etl.mapping.read.documents import ABSENT
from etl.onboarding.draft.draft import Draft, Request, make_draft
from etl.onboarding.draft.install import install
from etl.onboarding.draft.roles import Guess
from etl.onboarding.draft.suites import write_drafts
from etl.onboarding.profile.model import FileProfile, Profile
from etl.onboarding.profile.page import write_page
from etl.onboarding.profile.scan import Options, profile_folder
from etl.onboarding.profile.workbook import REPORT, write_workbook
from etl.settings import load_settings

app = command_app()


def _line(file: FileProfile) -> str:
    form = file.form
    if file.problem:
        return f"{file.name}: {file.problem}"
    hidden = sum(c.hidden is not None for c in file.columns)
    written = "parquet" if form.format == "parquet" else f"{form.encoding} {form.delimiter!r} {form.line_end}"
    written += " gzip" if form.packed else ""
    lost = f", {file.rejected:,} unreadable" if file.rejected else ""
    return f"{file.rows:>12,} rows{lost}  {len(file.columns):>3} columns, {hidden:>2} hidden  {written:<16} {file.name}"


def _as_json(profile: Profile, written: list[Path]) -> dict[str, object]:
    return {
        "folder": profile.folder,
        "rows": profile.rows,
        "files": [
            {
                "file": f.name, "rows": f.rows, "rejected": f.rejected, "encoding": f.form.encoding,
                "delimiter": f.form.delimiter, "problem": f.problem, "keys": [k.columns for k in f.keys],
                "columns": {
                    c.name: {
                        "kind": c.kind, "empty": c.empty, "distinct": c.distinct, "hidden": c.hidden and c.hidden.kind,
                    }
                    for c in f.columns
                },
            }
            for f in profile.files
        ],
        "written": [str(p) for p in written],
    }  # fmt: skip


@app.command()
def profile(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with the files of one export.")],
    target: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Folder to write into; default: <ETL_HOME>/reports/profiles/<export>."
        ),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Read no more than this many rows of each file; default: all.")
    ] = None,
    min_count: Annotated[int, typer.Option(min=1, help="Show a value only when at least this many rows share it.")] = 5,
    values: Annotated[int, typer.Option(min=0, help="How many frequent values of a column to show at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Describe an export that nobody has mapped yet: files, encodings, columns, keys, joins, codes.

    Writes a page, profile.html, and a workbook that OHDSI's Rabbit-in-a-Hat opens, ScanReport.xlsx.
    Neither shows names, record numbers or free text, nor a value that few rows share.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        with console.progress("profiling", quiet=as_json) as tell:
            found = profile_folder(settings, folder, Options(rows, min_count, values), lambda f: tell(f, ""))
        place = target or settings.reports / "profiles" / found.folder
        written = [place / "profile.html", place / REPORT]
        write_page(found, written[0])
        write_workbook(found, written[1])
    if as_json:
        print_json(_as_json(found, written))
        return
    for file in found.files:
        out.print(_line(file), soft_wrap=True)
    for path in written:
        out.print(f"wrote {path}", soft_wrap=True)


def _taken_for(draft: Draft) -> list[str]:
    """What each file was taken for, or which layout was recognised."""
    if draft.layout is not None:
        said = [f"{file.name}: {name}" for name, file in draft.layout.files.items()]
        return [*said, f"the export follows layout {draft.layout.name}; drafted are the differences only"]
    return [f"{g.file.name}: {g.source if g.decided else _undecided(g)}" for g in draft.guesses]


def _undecided(guess: Guess) -> str:
    if guess.lists:
        return f"a list of the codes of {', '.join(guess.lists)}"
    return (
        f"not decided (called like {guess.lacks[0]}, lacks {', '.join(guess.lacks[1])})"
        if guess.lacks
        else "not decided"
    )


@app.command()
def new(
    hospital: Annotated[str, typer.Argument(help="Short name of the hospital: letters, digits, underscores.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with the files of one of its exports.")],
    number: Annotated[
        int | None, typer.Option(min=1, max=63, help="Its number, fixed for life; default: the smallest that is free.")
    ] = None,
    name_en: Annotated[str | None, typer.Option(help="Its name in English.")] = None,
    name_ko: Annotated[str | None, typer.Option(help="Its name in Korean.")] = None,
    layout: Annotated[
        str | None, typer.Option(help="The known layout the export must follow; default: whichever fits, or none.")
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Read no more than this many rows of each file; default: all.")
    ] = None,
) -> None:
    """Draft the mappings of a hospital that joins, from one of its exports, and its expectations.

    What a person must decide is marked "check:" in the files. Nothing that is there is overwritten.
    """
    with errors_to_exit_codes():
        settings = load_settings()
        if not re.fullmatch(r"[a-z][a-z0-9_]{1,29}", hospital) or hospital in ("shared", ABSENT):
            raise UsageError(
                f"'{hospital}' cannot name a hospital", hint="use 2 to 30 small letters, digits, underscores"
            )
        home = settings.mappings / hospital
        if home.exists():
            raise UsageError(f"{home} is there already", hint="choose another name; a draft never overwrites")
        with console.progress("profiling") as tell:
            found = profile_folder(settings, folder, Options(rows), lambda f: tell(f, ""))
        draft = make_draft(settings.mappings, found, Request(hospital, number, name_en, name_ko, layout))
        files, suites = install(settings, hospital, draft)
        for line in [*_taken_for(draft), *(f"left out: {f.problem}" for f in found.files if f.problem)]:
            out.print(line, soft_wrap=True)
        for file in files:
            checks = file.read_text(encoding="utf-8").count("check:")
            out.print(f"wrote {file}" + (f": {checks} to check" if checks else ""), soft_wrap=True)
    out.print(f"wrote {len(suites)} suites into {settings.expectations / 'source' / hospital}", soft_wrap=True)
    out.print(f"next: decide what is marked, then etl check {hospital}")


@app.command()
def draft(hospital: Hospital) -> None:
    """Draft Great Expectations suites for the sources that have none, from the contract and mappings."""
    with errors_to_exit_codes():
        settings = load_settings()
        mapping = load_mappings(settings.mappings, [hospital])[hospital]
        for file in write_drafts(mapping, settings.expectations / "source" / hospital):
            out.print(str(file), soft_wrap=True)
