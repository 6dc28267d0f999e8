"""Commands of the office: serve its pages, keep its accounts."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from etl.cli.console import err, errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, command_app
from etl.errors import UsageError
from etl.loading import load
from etl.office.accounts import accounts, add, change_password, change_role, disable
from etl.office.record import Actor
from etl.office.rules import rules
from etl.pages.formats import DASH, moment
from etl.settings import load_settings
from etl.store.ledger.ledger import Ledger

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name that the person signs in with.")]
Role = Annotated[str, typer.Option(help="What the person may do: see `etl office account list --roles`.")]
app = command_app("The office: the pages of the nights for people at a browser, and who may sign in.")
account_app = command_app("Accounts of the office: who may sign in, and in which role.")
app.add_typer(account_app, name="account")


@app.command(
    epilog="""[bold]Examples[/]

    etl office serve · then open http://127.0.0.1:8088

    etl office serve --host 0.0.0.0 --certificate office.pem --key office.key""",
)
def serve(
    host: Annotated[str, typer.Option(help="Address to listen at; others than this machine need TLS.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen at.")] = 8088,
    certificate: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Certificate of TLS, in PEM.")
    ] = None,
    key: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Its key, in PEM.")] = None,
    proxy: Annotated[
        str, typer.Option(metavar="ADDRESS", help="A server before this one, whose word on who asks is taken.")
    ] = "127.0.0.1",
) -> None:
    """Serve the office until it is stopped: tonight, hospitals, nights, approvals, for who has an account.

    It shows what the ledger says, and writes decisions, sessions and the record of what was done. Where a single
    sign-on vouches for accounts: ETL_OFFICE_OIDC.
    """
    with errors_to_exit_codes():
        settings = load_settings()
        if not settings.office_oidc and not accounts(Ledger(settings.ledger_url)):
            err.print('there is no account yet\n→ etl office account add NAME --role "quality officer"')
        scheme = "https" if certificate else "http"
        err.print(f"the office is at {scheme}://{host}:{port}; it is stopped with Ctrl-C")
        load("etl.office.serve:serve")(settings, host, port, certificate, key, proxy)


@account_app.command("add")
def add_account(name: Name, role: Role) -> None:
    """Make an account. The password is asked for, or read from standard input where that is no terminal."""
    with errors_to_exit_codes():
        ledger = _ledger()
        rules().role(role)
        add(ledger, _me(), name, role, _password())
        out.print(f"{name} may sign in as {role}")


@account_app.command("list")
def list_accounts(
    as_json: AsJson = False,
    roles: Annotated[bool, typer.Option("--roles", help="List the roles and what they may, no accounts.")] = False,
) -> None:
    """List the accounts, or the roles."""
    with errors_to_exit_codes(as_json=as_json):
        if roles:
            found = {name: sorted(may) for name, may in rules().roles.items()}
            if as_json:
                print_json(found)
            else:
                for name, may in found.items():
                    out.print(f"{name}: {', '.join(may)}")
            return
        _show(as_json=as_json)


@account_app.command("role")
def change(name: Name, role: Annotated[str, typer.Argument(metavar="ROLE", help="The new role.")]) -> None:
    """Give an account another role; it holds from the person's next click on."""
    with errors_to_exit_codes():
        change_role(_ledger(), _me(), name, role)
        out.print(f"{name} is {role}")


@account_app.command("password")
def password(name: Name) -> None:
    """Set an account's password, asked for or read from standard input; the person is signed out everywhere."""
    with errors_to_exit_codes():
        change_password(_ledger(), _me(), name, _password())
        out.print(f"the password of {name} is changed")


@account_app.command("disable")
def disable_account(
    name: Name,
    enable: Annotated[bool, typer.Option("--undo", help="Let the account in again.")] = False,
) -> None:
    """Let an account in no more, and sign it out at once. What it did stays in the record."""
    with errors_to_exit_codes():
        disable(_ledger(), _me(), name, enable=enable)
        out.print(f"{name} {'may sign in again' if enable else 'may not sign in any more'}")


def _show(*, as_json: bool) -> None:
    found = accounts(_ledger())
    if as_json:
        print_json([{"name": a.name, "role": a.role, "issuer": a.issuer, "created_at": a.created_at,
                     "disabled_at": a.disabled_at} for a in found])  # fmt: skip
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("name", "role", "signs in by", "made", "disabled"):
        table.add_column(column)
    for a in found:
        disabled = moment(a.disabled_at) if a.disabled_at else DASH
        table.add_row(a.name, a.role, a.issuer or "password", moment(a.created_at), disabled)
    out.print(table if found else 'there is no account yet\n→ etl office account add NAME --role "quality officer"')


def _ledger() -> Ledger:
    return Ledger(load_settings().ledger_url)


def _me() -> Actor:
    """Who works at the machine of the office."""
    return Actor(f"{getpass.getuser()} (terminal)", None)


def _password() -> str:
    """A password from the terminal, asked twice, or from standard input; never from the command line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != first:
        raise UsageError("the passwords differ", hint="try again")
    return first
