"""Commands for the warehouse: on PostgreSQL its schema, its logins, who may see which hospital; and its folder."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

import typer
from rich.table import Table
from sqlalchemy.engine import URL

from etl.cli import console
from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, command_app
from etl.errors import ConfigError, UsageError
from etl.mapping.read.documents import hospital_folders, read_hospital
from etl.night.lock import hospital_lock
from etl.settings import Settings, database_url, load_settings
from etl.store.postgres.revision import newest
from etl.store.warehouse.ducklake.warehouse import DuckLake
from etl.store.warehouse.postgres.clearance import grant, register_all, revoke
from etl.store.warehouse.postgres.init import initialise
from etl.store.warehouse.postgres.init import upgrade as upgrade_schema
from etl.store.warehouse.postgres.roles import make_login
from etl.store.warehouse.postgres.status import Status, read_status

PASSWORD = "ETL_USER_PASSWORD"
AdminUrl = Annotated[
    str | None,
    typer.Option(
        "--admin-url", metavar="URL", envvar="ETL_ADMIN_URL", show_envvar=True,
        help="Who makes roles: a superuser, or a login with CREATEROLE that owns the database. Default: "
        "ETL_WAREHOUSE_URL. Leave the password to libpq: ~/.pgpass, PGPASSWORD, a service file.",
    ),
]  # fmt: skip
Hospitals = Annotated[list[str], typer.Argument(metavar="HOSPITAL…", help="Short names of hospitals.")]
Reason = Annotated[str, typer.Option(help="Why, such as the number of the approved protocol. Kept with the clearance.")]
Until = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day of the clearance; default: until it is taken.")
]
app = command_app("The warehouse on PostgreSQL: its schema, its logins, who may see which hospital.")


@app.command()
def move() -> None:
    """Take over an embedded warehouse whose folder was moved, renamed or restored under another path.

    Its catalog names files by where they lay. Nobody may run a night or read meanwhile; a home that two machines see
    under two paths is no case for this.
    """
    with errors_to_exit_codes():
        settings = load_settings()
        if settings.warehouse.get_backend_name() != "ducklake":
            raise UsageError("a warehouse on PostgreSQL has no folder to move", hint="docs/operations.md")
        with ExitStack() as held:
            for folder in hospital_folders(settings.mappings):
                held.enter_context(hospital_lock(settings, folder.name))
            files = DuckLake.of(settings).move()
        out.print(f"the warehouse {settings.warehouse.database} names its {files} files by where they are now")


def _warehouse(settings: Settings) -> URL:
    """The URL of the warehouse; ConfigError unless it is PostgreSQL."""
    url = settings.warehouse
    if url.get_backend_name() != "postgresql":
        raise ConfigError(
            f"the warehouse is {url.get_backend_name()}, which needs no preparation and knows no logins",
            hint="set ETL_WAREHOUSE_URL=postgresql+psycopg://<user>@<host>/<database> for a warehouse on PostgreSQL",
        )
    return url


def admin_of(settings: Settings, given: str | None) -> URL:
    """The URL of who prepares the warehouse, of the same database; by default the warehouse's own login."""

    url = _warehouse(settings)
    if given is None:
        return url
    admin = database_url(given, "--admin-url", "postgresql://user@host/database")
    admin = admin if admin.database else admin.set(database=url.database)
    if admin.database != url.database:
        raise UsageError(
            f"--admin-url names database '{admin.database}', ETL_WAREHOUSE_URL '{url.database}'",
            hint="give both the same database",
        )
    return admin


def _numbers(settings: Settings) -> dict[str, int]:
    """Hospitals with their numbers, of mappings that can be read so far."""

    found = {f.name: read_hospital(f).data.get("number") for f in hospital_folders(settings.mappings)}
    return {name: number for name, number in found.items() if isinstance(number, int) and 1 <= number <= 63}


@app.command()
def init(admin_url: AdminUrl = None) -> None:
    """Make an empty database the warehouse: roles, schemas, tables, rights.

    Run again, it mends what is missing and changes nothing else. The login of ETL_WAREHOUSE_URL becomes the
    pipeline's: a member of etl_loader. Everybody else gets in by `etl warehouse user`.
    """
    with errors_to_exit_codes():
        settings = load_settings()
        admin = admin_of(settings, admin_url)
        with console.progress("preparing the warehouse") as tell:
            initialise(admin, settings.warehouse, lambda text: tell(text, ""))
            tell("hospitals", "")
            register_all(admin, _numbers(settings), settings.publish_patience)
        out.print(f"the warehouse is ready: database {admin.database}, revision {newest()}")


@app.command()
def upgrade() -> None:
    """Bring the schema up to this version of the pipeline, in one transaction; rows stay.

    No night runs while the schema is older (or newer) than the pipeline. Take a backup before: there is no way back
    to an older schema.
    """
    with errors_to_exit_codes():
        url = _warehouse(load_settings())
        with console.progress("upgrading the warehouse") as tell:
            before, after = upgrade_schema(url, lambda text: tell(text, ""))
        done = f"upgraded from revision {before or 'none'} to {after}" if before != after else f"is at revision {after}"
        out.print(f"the warehouse {done}")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show revision, logins by role, what is published of every hospital and its size, and clearances."""
    with errors_to_exit_codes(as_json=as_json):
        found = read_status(_warehouse(load_settings()))
    if as_json:
        print_json(asdict(found))
        return
    _show(found)


def _show(found: Status) -> None:
    behind = "" if found.revision == found.wanted else f" (this version of the pipeline needs {found.wanted})"
    out.print(f"PostgreSQL {found.server}, database {found.database}, revision {found.revision or 'none'}{behind}")
    for role, names in found.logins.items():
        out.print(f"{role:<8} {', '.join(names) or '-'}", soft_wrap=True)
    if found.hospitals:
        shown = Table("hospital", "no.", "night", "MB", "kept MB", "run", box=None, header_style="bold")
        for row in found.hospitals:
            sizes = (f"{row[name] / 1e6:,.1f}" for name in ("bytes", "kept_bytes"))
            shown.add_row(
                row["hospital"], str(row["number"] or "?"), str(row["night"] or "-"), *sizes, row["run_id"] or "-"
            )
        out.print(shown)
    for c in found.clearances:
        until = f" until {c.until}" if c.until else ""
        out.print(
            f"{c.login} sees {c.hospital}{until}: {c.reason} ({c.granted_by}, {c.granted_at:%Y-%m-%d})",
            soft_wrap=True,
        )  # fmt: skip


def _limits(given: list[str]) -> dict[str, str]:
    wrong = [text for text in given if not all(text.partition("="))]
    if wrong:
        raise UsageError(f"--limit {wrong[0]}: expected NAME=VALUE", hint="for instance --limit statement_timeout=4h")
    return {name: value for name, _, value in (text.partition("=") for text in given)}


def _password(*, ask: bool) -> str | None:
    if ask:
        return str(typer.prompt("Password of the new login", hide_input=True, confirmation_prompt=True))
    return os.environ.get(PASSWORD) or None


@app.command(
    epilog="""[bold]Examples[/]

    etl warehouse user kim --role analyst

    etl warehouse user kim --role analyst --hospital snuh --hospital dsmc --reason "IRB 2026-0117" --until 2027-06-30

    etl warehouse user park --role quality --ask-password --limit statement_timeout=4h"""
)
def user(
    name: Annotated[str, typer.Argument(help="The login: small letters, digits and . _ @ -")],
    role: Annotated[
        Literal["analyst", "quality", "steward", "auditor", "office", "loader"],
        typer.Option(
            help="analyst: cleared hospitals; quality: all hospitals and what nights were like; steward: gives "
            "clearances; auditor: what was done by whom; office: "
            "serves the pages of the nights; loader: a pipeline, the only one that writes."
        ),
    ],
    hospital: Annotated[
        list[str] | None, typer.Option(help="Clear the analyst for this hospital; may be repeated.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why the hospitals may be seen; needed with --hospital.")] = "",
    until: Until = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Another limit than usual: statement_timeout, connections, …; repeat."),
    ] = None,
    ask_password: Annotated[
        bool,
        typer.Option(
            "--ask-password",
            help=f"Ask for its password. A script sets {PASSWORD}. With neither the login has none and gets in by "
            "certificate or Kerberos, or after \\password in psql.",
        ),
    ] = False,
    admin_url: AdminUrl = None,
) -> None:
    """Make a login with the rights and limits of a role; a login that is there gets them, too.

    PostgreSQL hands rights of a group on to its members, but no limits: a login made by hand has only those of the
    database. A login may have several roles.
    """
    with errors_to_exit_codes():
        admin = admin_of(load_settings(), admin_url)
        if hospital and (role != "analyst" or not reason.strip()):
            raise UsageError("--hospital clears an analyst and needs --reason", hint="etl warehouse clear --help")
        left_out = make_login(admin, name, role, _password(ask=ask_password), _limits(limit or []))
        if hospital:
            grant(admin, name, hospital, reason, until.date() if until else None)
        for setting in left_out:
            out.print(f"left out: {setting}, which only a superuser may set")
        out.print(f"{name} is a login of role {role}")


@app.command(
    epilog="""[bold]Examples[/]

    etl warehouse clear kim snuh dsmc --reason "IRB 2026-0117" --until 2027-06-30

    etl warehouse clear kim dsmc --revoke --reason "the protocol was amended\""""
)
def clear(
    name: Annotated[str, typer.Argument(metavar="USER", help="Login of an analyst.")],
    hospitals: Hospitals,
    reason: Reason,
    until: Until = None,
    take: Annotated[bool, typer.Option("--revoke", help="Take the clearance instead of giving it.")] = False,
) -> None:
    """Let an analyst see hospitals, or no longer. Who did it, when and why is kept.

    ETL_WAREHOUSE_URL must be the login of a steward, and not the analyst's own. Holds from the analyst's next query.
    """
    with errors_to_exit_codes():
        url = _warehouse(load_settings())
        if take:
            revoke(url, name, hospitals, reason)
        else:
            grant(url, name, hospitals, reason, until.date() if until else None)
        sees = "no longer sees" if take else "sees"
        out.print(f"{name} {sees} {', '.join(hospitals)}", soft_wrap=True)
