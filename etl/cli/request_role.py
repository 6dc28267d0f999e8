"""Commands of roles in requests: give, take, list."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from etl.cli.console import out, print_json
from etl.cli.options import AsJson, command_app
from etl.cli.request_shown import Account, MayWhy, desk_of
from etl.pages.formats import DASH, moment
from etl.research.requests.chain import chain
from etl.research.requests.roles import held, set_role

role_app = command_app("Who has which role in requests for data.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account.")]
Role = Annotated[str, typer.Argument(metavar="ROLE", help=f"One of {', '.join(chain().roles)}.")]
Hospital = Annotated[str | None, typer.Option(help="Of a steward: the hospital.")]


@role_app.command()
def give(
    name: Name,
    role: Role,
    hospital: Hospital = None,
    reason: MayWhy = None,
    by: Account = None,
    as_json: AsJson = False,
) -> None:
    """Give an account a role. Privacy officers do, and nobody to themselves; the first one is named here by anybody."""
    _set(name, role, hospital, reason, by, given=True, as_json=as_json)


@role_app.command()
def take(
    name: Name,
    role: Role,
    hospital: Hospital = None,
    reason: MayWhy = None,
    by: Account = None,
    as_json: AsJson = False,
) -> None:
    """Take a role from an account; what it did stays."""
    _set(name, role, hospital, reason, by, given=False, as_json=as_json)


@role_app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List who has which role, since when and from whom."""
    with desk_of(as_json=as_json) as desk:
        with desk.ledger.engine.connect() as con:
            found = held(con)
        if as_json:
            print_json([asdict(each) for each in found])
            return
        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in ("account", "role", "hospital", "since", "given by"):
            table.add_column(column)
        for each in found:
            table.add_row(each.account, each.role, each.hospital or DASH, moment(each.at), each.actor)
        none = "nobody has a role yet\n→ etl request role give NAME privacy_officer"
        out.print(table if found else none)


def _set(
    name: str, role: str, hospital: str | None, reason: str | None, by: str | None, *, given: bool, as_json: bool
) -> None:
    with desk_of(by, as_json=as_json) as desk:
        set_role(desk.ledger, name, role, actor=desk.actor, hospital=hospital, given=given, reason=reason,
                 hospitals=desk.hospitals, entered_by=desk.user)  # fmt: skip
        if as_json:
            print_json({"account": name, "role": role, "hospital": hospital, "given": given})
        else:
            out.print(f"{name} {'is' if given else 'is no longer'} {chain().roles[role].title.en}")
