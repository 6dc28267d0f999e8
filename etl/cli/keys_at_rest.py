"""The commands of encryption at rest: a key, another one, the way back, how much is encrypted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from etl.at_rest import encrypted_files, home_key, seal_anew, writes_encrypted
from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, command_app
from etl.operations.keys.at_rest import add_key, restore_keys
from etl.operations.keys.restore import Unlock
from etl.settings import load_settings
from etl.store.recorded import tell
from etl.store.two import Two

app = command_app("Encryption at rest of lake and embedded warehouse: its key, another one, how much is encrypted.")


@app.command(
    epilog="""[bold]Examples[/]

    etl keys at-rest new /etc/omop/at-rest.keys · then set ETL_AT_REST_KEY_FILE to it, everywhere""",
)
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="The key file; not below ETL_HOME.")],
    as_json: AsJson = False,
) -> None:
    """Put a new key into a file that only its owner can read; on top of those that are in it.

    What nights write is encrypted as soon as ETL_AT_REST_KEY_FILE names the file. Without a key of it nobody can read
    the home any more: etl keys backup takes the file along.
    """
    with errors_to_exit_codes(as_json=as_json):
        made = add_key(file)
        if as_json:
            print_json({"file": str(file), "key": made})
            return
        out.print(f"the key {made} is on top of {file}", soft_wrap=True)


@app.command(
    epilog="""[bold]Examples[/]

    etl keys at-rest new /etc/omop/at-rest.keys && etl keys at-rest rotate --by kim --agreed lee --reason "yearly" """,
)
def rotate(
    by: Annotated[str, typer.Option(help="Who does it: an account of the office.")],
    agreed: Annotated[str, typer.Option(help="The second person, who agreed: another account.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the audit log. No patient's data.")],
    as_json: AsJson = False,
) -> None:
    """Seal the home's own key under the first key of ETL_AT_REST_KEY_FILE; no file of data is written again.

    The others can be taken out of the file then. Copies of the home from before still open with the one that was first.
    Nights may run meanwhile. Needs two people.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        two = Two(settings, "at-rest key changed", by, agreed, reason)
        under = seal_anew(settings).under
        two.tell(under)
        if as_json:
            print_json({"key": under})
            return
        out.print(f"the home is sealed under the key {under}\n→ take the others out of the file; etl keys backup")


@app.command(
    epilog="""[bold]Examples[/]

    etl keys at-rest restore /mnt/other/keys/keys-20261128T013000Z.tar.age --identity key.txt""",
)
def restore(
    copy: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A copy of etl keys backup.")
    ],
    identity: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="File with the private key of age.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put back the key file that ETL_AT_REST_KEY_FILE names, and the home's own key, where they are missing.

    What is there is left alone.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        unlock = Unlock(identity, os.environ.get("ETL_KEY_BACKUP_PASSPHRASE"))
        put_back = [str(file) for file in restore_keys(settings, copy, unlock)]
        tell(settings, "keys restored", f"at rest {copy.name}", details={"files": len(put_back)})
        if as_json:
            print_json({"files": put_back})
            return
        out.print(f"put back {', '.join(put_back)}", soft_wrap=True)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show whether nights are written encrypted, under which key, and how many files are encrypted and how many not.

    A file keeps the form in which it was written. Exit code 4 where no key that is set opens the home.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        key = home_key(settings)
        encrypted, plain = encrypted_files(settings.home)
        if as_json:
            print_json({
                "writes_encrypted": writes_encrypted(settings), "key": key and key.under, "encrypted": encrypted,
                "in_the_clear": plain,
            })  # fmt: skip
            return
        how = "encrypted" if writes_encrypted(settings) else "in the clear"
        out.print(
            f"what is written from now on is {how}" + (f"; the key of the home is under {key.under}" if key else "")
        )
        out.print(f"{encrypted:,} files of rows are encrypted, {plain:,} are in the clear")
