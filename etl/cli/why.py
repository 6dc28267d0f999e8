"""`etl why`: how a code is looked up and why it ends where it does, as a tree or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated

import duckdb
import typer
from rich.text import Text
from rich.tree import Tree

from etl.cli.console import err, errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, Hospital, command_app, day_of
from etl.engine import open_engine
from etl.errors import ConfigError, UsageError
from etl.mapping.compile.inputs import create_inputs
from etl.mapping.explain.constants import constants_of
from etl.mapping.explain.explain import explain, lookups_of
from etl.mapping.explain.explanation import Attempt, Chosen, Concept, Explanation, Found, Meaning
from etl.mapping.load import load_mappings
from etl.night.lake.state import newest_state
from etl.night.lake.views import create_whole
from etl.pages.disclosure import told_records
from etl.settings import Settings, load_settings
from etl.vocabulary.release import current_release

app = command_app()


def show_why(
    settings: Settings, hospital: str, code: str, *, field: str | None, day: date | None, as_json: bool
) -> None:
    """Explain a code by the hospital's mappings of now, the release in use and the newest night that landed."""
    mapping = load_mappings(settings.mappings, [hospital])[hospital]
    if field and not (any(lookups_of(mapping, field)) or any(constants_of(mapping, field))):
        looked_up = (f"{entry.label}.{name}" for entry, name, _ in lookups_of(mapping, None))
        constant = (f"{entry.label}.concept" for entry, _ in constants_of(mapping, None))
        known = ", ".join(dict.fromkeys([*looked_up, *constant]))
        raise UsageError(f"{hospital} has no look-up '{field}'; it has {known}")
    release = current_release(settings)
    state = newest_state(settings, hospital)
    night = state.as_of if state else None
    try:
        with open_engine(settings, night) as con:
            create_whole(con, mapping, state)
            create_inputs(con, mapping, release)
            found = explain(con, mapping, code, field, day)
    except (duckdb.DataError, duckdb.ProgrammingError) as error:
        # the engine's message may quote a value of a patient
        raise ConfigError(
            f"the look-ups of {hospital} cannot be asked ({type(error).__name__})",
            hint=f"correct the mapping: etl check {hospital} names what does not bind",
        ) from None
    delivered = any(e.delivered for e in found)
    if as_json:
        about = {"hospital": hospital, "code": code, "night": night, "release": release.version}
        print_json({**about, "delivered": delivered, "lookups": [asdict(e) for e in found]})
        return
    _tell_what_is_known(hospital, code, night, found)
    for explanation in found:
        out.print(tree(explanation))


def _tell_what_is_known(hospital: str, code: str, night: date | None, found: list[Explanation]) -> None:
    if night is None:
        err.print(f"no night of {hospital} has landed: its code masters are empty, and nobody delivered a code yet")
    elif not any(e.delivered for e in found):
        out.print(Text(f"{code} is not in the newest night ({night})."))
    if not found:
        out.print("No look-up knows it: a record with it would get concept 0 and be on the worklist.")
    elif not any(e.delivered for e in found):
        out.print("If it came, it would become:")


def tree(explanation: Explanation) -> Tree:
    """An explanation as a tree: the steps as they are tried, then what the code becomes."""
    e = explanation
    where = f"source {e.source}" + (f", {told_records(e.records, e.fewer_than)} records" if e.delivered else "")
    where += f" (and {told_records(e.left_out, e.fewer_than)} that its `where` leaves out)" if e.left_out else ""
    root = Tree(Text.assemble((f"{e.entry}.{e.field}", "bold"), f"  {where}"))
    root.add(Text(", ".join(f"{column} = {code or '(empty)'}" for column, code in e.codes.items())))
    if e.description:
        root.add(Text(f"“{e.description}”", style="italic"))
    won = {m.step for m in e.meanings}
    for attempt in e.attempts:
        _add_attempt(root, attempt, won)
    for meaning in e.meanings:
        _add_meaning(root, meaning) if e.constant is None else _add_constant(root, e.constant, meaning)
    return root


def _add_attempt(root: Tree, attempt: Attempt, won: set[int | None]) -> None:
    sure = None not in won and all(step < attempt.step for step in won if step is not None)
    title = Text(f"step {attempt.step}  {attempt.kind} {attempt.name}  by {attempt.column}")
    branch = root.add(title.append("  (an earlier step has won)", style="dim") if sure else title)
    if attempt.clean:
        branch.add(Text(f"cleaned by '{attempt.clean}': {attempt.cleaned or '(nothing left)'}"))
    if attempt.through and attempt.cleaned and not attempt.windows:
        *passed, last = attempt.hops
        path = "".join(f"{hop.source} makes it {', '.join(hop.codes)}; " for hop in passed)
        branch.add(Text(f"master '{attempt.through}': {path}{last.source} does not hold it", style="yellow"))
    for window in attempt.windows:
        text = Text(f"master '{attempt.through}', {span(window.first_day, window.last_day)}: {window.code}")
        branch.add(text.append("  (in no window; the nearest one)", style="dim") if window.outside else text)
    for found in attempt.found:
        _add_found(branch, attempt, found)


def _add_found(branch: Tree, attempt: Attempt, found: Found) -> None:
    if not found.known:
        reach = f", nor a beginning of at least {attempt.prefix} letters" if attempt.prefix else ""
        branch.add(Text(f"{attempt.kind} {attempt.name} does not know {found.code}{reach}", style="yellow"))
        return
    about = Text.assemble("source concept ", named(found.source)) if found.source else Text(f"{found.code} is there")
    node = branch.add(about)
    verb = "given as" if attempt.kind == "map" else "maps to"
    for target in found.targets:
        node.add(Text.assemble(f"{verb} ", named(target, target=True)))
    if not found.targets:
        said = "mapped to nothing on purpose (0)" if attempt.kind == "map" else "has no valid 'Maps to'"
        node.add(Text(said, style="yellow"))


def _add_meaning(root: Tree, meaning: Meaning) -> None:
    when = span(meaning.first_day, meaning.last_day)
    by = f"by step {meaning.step}" if meaning.step else "no step found a standard concept"
    if meaning.step and not any(t.concept for t in meaning.targets):
        by = f"left unmapped on purpose {by}"
    branch = root.add(Text.assemble(("becomes", "bold"), f"  {when}, {by}"))
    for line in _chosen(meaning.targets):
        branch.add(line)
    source = named(meaning.source) if meaning.source else Text("0")
    branch.add(Text.assemble("source concept ", source))


def _add_constant(root: Tree, concept_id: int, meaning: Meaning) -> None:
    branch = root.add(
        Text.assemble(("becomes", "bold"), f"  as every row of the entry, which says concept: {concept_id}")
    )
    for line in _chosen(meaning.targets):
        branch.add(line)


def _chosen(targets: Iterable[Chosen]) -> Iterator[Text]:
    for target in targets:
        concept = named(target.concept) if target.concept else Text("concept 0", style="yellow")
        line = Text.assemble(concept, f"  → {target.table}" if target.table else "")
        yield Text.assemble(line, "  with value ", named(target.value)) if target.value else line


def named(concept: Concept, *, target: bool = False) -> Text:
    """A concept in one line; of a `target`, why codes cannot map to it if so."""
    if concept.name is None:
        return Text.assemble(str(concept.concept_id), ("  is not in the release", "yellow"))
    about = f"{concept.concept_id} {concept.name}  [{concept.vocabulary} {concept.code}, {concept.domain}"
    valid = f", {concept.valid_from} to {concept.valid_to}]"
    wrong = ["not standard"] if target and not concept.standard else []
    wrong += {"D": ["deleted"], "U": ["replaced"]}.get(concept.invalid or "", [])
    return Text.assemble(about, valid, (f"  {', '.join(wrong)}" if wrong else "", "yellow"))


def span(first: date | None, last: date | None) -> str:
    """Days in words."""
    if first is None and last is None:
        return "on every day"
    if first is None:
        return f"until {last}"
    return f"from {first}" + (f" to {last}" if last else " on")


@app.command()
def why(
    hospital: Hospital,
    code: Annotated[str, typer.Argument(help="The code as the hospital delivers it.")],
    field: Annotated[
        str | None, typer.Option(help="Only this look-up: ENTRY.FIELD, an entry, or a field such as unit.")
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="Day of the record, where a code master has windows."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell how a code is looked up, step by step, and why it ends where it does.

    Shown is every look-up that takes the code in the newest landed night, by the mappings and vocabulary of now, and
    every entry of a constant concept that has rows with it. Records are those that an entry's `where` keeps.

    Of a code that nobody delivered it tells what it would become.
    """
    with errors_to_exit_codes(as_json=as_json):
        show_why(load_settings(), hospital, code, field=field, day=day_of(day), as_json=as_json)
