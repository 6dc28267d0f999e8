"""The commands of who keeps the key stores: back-ups, the way back, another secret."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.cli.keys_at_rest import app as at_rest_app
from etl.cli.options import AsJson, Hospital, command_app
from etl.errors import ConfigError, InputError, UsageError, nearest
from etl.mapping.read.documents import hospital_folders, read_hospital
from etl.night.lock import hospital_lock
from etl.operations.keys.backup import Lock, back_up
from etl.operations.keys.look import State, states
from etl.operations.keys.restore import Unlock
from etl.operations.keys.restore import restore as put_back
from etl.operations.keys.rotate import change_secret
from etl.pages.formats import moment
from etl.settings import Settings, load_settings
from etl.store.keys.fitting import file_of
from etl.store.recorded import tell
from etl.store.two import Two

RECIPIENT, PASSPHRASE, NEW_SECRET = "ETL_KEY_BACKUP_RECIPIENT", "ETL_KEY_BACKUP_PASSPHRASE", "ETL_KEY_SECRET_NEW"
By = Annotated[str, typer.Option(help="Who does it: an account of the office.")]
Agreed = Annotated[str, typer.Option(help="The second person, who agreed: another account.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit log. No patient's data.")]
app = command_app("The key stores, which cannot be made again: back-ups, the way back, another secret.")
app.add_typer(at_rest_app, name="at-rest")


@app.command(
    epilog=f"""[bold]Examples[/]

    {RECIPIENT}=age1… etl keys backup /mnt/other/keys

    etl keys backup /mnt/other/keys --recipient age1… --json""",
)
def backup(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the copy goes: another machine or medium.")],
    recipient: Annotated[
        str | None, typer.Option(envvar=RECIPIENT, help="Public key of age that the copy is encrypted for.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write an encrypted copy of all key stores, each as it is at one moment; runs may go on.

    The copy is a file of age (age-encryption.org), encrypted for a public key (age-keygen makes one; its private key is
    kept elsewhere), or under the passphrase in ETL_KEY_BACKUP_PASSPHRASE. Without ETL_KEY_SECRET no copy is of use:
    keep both, apart from each other.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        stores = [name for name in _numbers(settings) if file_of(settings, name).exists()]
        lock = Lock(recipient or None, os.environ.get(PASSPHRASE))
        made = back_up(settings, stores, folder, lock)
        tell(settings, "keys backed up", made.file.name, details={"hospitals": sorted(made.marks)})
        if as_json:
            print_json({"file": str(made.file), "stores": {h: m.as_json() for h, m in made.marks.items()}})
            return
        out.print(f"wrote {len(made.marks)} key stores into {made.file}", soft_wrap=True)


@app.command(
    epilog="""[bold]Examples[/]

    etl keys restore snuh /mnt/other/keys/keys-20261128T013000Z.tar.age --identity key.txt \\
        --by kim --agreed lee --reason "disk lost" """,
)
def restore(
    hospital: Hospital,
    copy: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The copy.")],
    by: By, agreed: Agreed, reason: Reason,
    identity: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="File with the private key of age.")
    ] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Put a hospital's key store back from a copy. What is there is kept beside it.

    A copy that is older than the nights that are published or landed is refused with exit code 4, and nothing changes:
    it would give numbers out once more that already mean somebody. Needs two people.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        number = _known(settings, hospital)
        two = Two(settings, "keys restored", by, agreed, reason)
        with hospital_lock(settings, hospital):
            done = put_back(settings, copy, hospital, number, Unlock(identity, os.environ.get(PASSPHRASE)))
            two.tell(f"{hospital} {copy.name}", made_at=done.made_at)
        if as_json:
            print_json(asdict(done))
            return
        kept = f"; the one before is {done.before}" if done.before else ""
        out.print(f"the key store of {hospital} is the one of {done.made_at}{kept}", soft_wrap=True)


@app.command(
    epilog=f"""[bold]Examples[/]

    {NEW_SECRET}=$(openssl rand -hex 32) etl keys rotate --by kim --agreed lee --reason "yearly"

    etl keys rotate --new-file /run/secrets/key_secret_new --by kim --agreed lee --reason "kim has left" """,
)
def rotate(
    by: By, agreed: Agreed, reason: Reason,
    new_file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help=f"File with the new secret; default: {NEW_SECRET}.")
    ] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Change the secret of all key stores to ETL_KEY_SECRET_NEW, without changing an id.

    ETL_KEY_SECRET is the one that holds now. No night may run meanwhile. If it is cut off, one of the two opens all
    stores: run it again with both. Then set ETL_KEY_SECRET to the new one everywhere, and make a back-up: copies of
    before open with the old one only. Needs two people.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        two = Two(settings, "key secret changed", by, agreed, reason)
        new = new_file.read_text(encoding="utf-8").strip() if new_file else os.environ.get(NEW_SECRET, "")
        with _all_locked(settings) as stores:
            change_secret(settings, stores, new)
            two.tell(f"{len(stores)} key stores", hospitals=sorted(stores))
        if as_json:
            print_json({"stores": sorted(stores)})
            return
        out.print(f"{len(stores)} key stores have the new secret\n→ set ETL_KEY_SECRET to it, then: etl keys backup")


@app.command()
def verify(
    days: Annotated[int, typer.Option(min=1, help="How old the newest back-up may be.")] = 2, as_json: AsJson = False
) -> None:
    """Look at every key store: can it be read, is it as far as what is published, does the secret fit, is it backed up?

    Exit code 3 where one of them is not well.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        found = states(settings, _numbers(settings))
        late = [s for s in found if not _is_fresh(s, days)]
        if as_json:
            print_json([asdict(state) | {"back_up_is_fresh": _is_fresh(state, days)} for state in found])
        else:
            _show(found, days)
        if late or any(state.wrong for state in found):
            raise typer.Exit(InputError.exit_code)


def _show(found: list[State], days: int) -> None:
    shown = Table("hospital", "persons", "store", "back-up (KST)", box=None, header_style="bold")
    for state in found:
        made = moment(state.backed_up_at) if state.backed_up_at else "none is noted"
        old = "" if _is_fresh(state, days) else " (too old)" if state.backed_up_at else ""
        persons = "" if state.persons is None else f"{state.persons:,}"
        shown.add_row(state.hospital, persons, state.wrong or "fits what is published", f"{made}{old}")
    out.print(shown if found else "there is no key store yet")


def _is_fresh(state: State, days: int) -> bool:
    now = datetime.now(UTC).replace(tzinfo=None)
    return state.backed_up_at is not None and (now - state.backed_up_at).days < days


@contextmanager
def _all_locked(settings: Settings) -> Iterator[dict[str, Path]]:
    """All key stores, while no night of their hospitals can run."""
    files = {path.stem: path for path in sorted(settings.keys.glob("*.sqlite")) if ".before-" not in path.stem}
    if not files:
        raise ConfigError("there is no key store", hint="see ETL_HOME")
    with ExitStack() as held:
        for hospital in files:
            held.enter_context(hospital_lock(settings, hospital))
        yield files


def _numbers(settings: Settings) -> dict[str, int]:
    """Hospitals with their numbers."""
    found = {f.name: read_hospital(f).data.get("number") for f in hospital_folders(settings.mappings)}
    return {name: number for name, number in found.items() if isinstance(number, int)}


def _known(settings: Settings, hospital: str) -> int:
    numbers = _numbers(settings)
    if hospital not in numbers:
        raise UsageError(f"there is no hospital '{hospital}'{nearest(hospital, numbers)}", hint="see ETL_MAPPINGS")
    return numbers[hospital]
