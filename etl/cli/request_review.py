"""Commands of the data review board: open a review, declare, vote, decide."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etl.cli.options import AsJson, command_app
from etl.cli.request_shown import Account, MayWhy, Number, Seen, Why, desk_of, make
from etl.errors import InputError
from etl.files import read_bytes
from etl.research.requests.chain import chain
from etl.research.requests.forms import read_form
from etl.research.requests.guards import VOTES

review_app = command_app("The data review board: open a review, declare conflicts of interest, vote, decide.")

_CRITERIA = "; ".join(f"{name}: {words.en}" for name, words in chain().review.criteria.items())


@review_app.command("open")
def open_(
    number: Number,
    member: Annotated[list[str], typer.Option(help="Account of a member who sits in it (repeated, at least three).")],
    by: Account = None,
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Open the review of a request that the IRB has passed; one review for all its hospitals.

    Nobody sits in the review of a request that names them.
    """
    make(number, "open_review", by, seen, as_json=as_json, members=member)


@review_app.command()
def declare(
    number: Number,
    conflict: Annotated[
        bool, typer.Option("--conflict/--no-conflict", help="Whether you have a conflict of interest; say which.")
    ],
    reason: MayWhy = None,
    by: Account = None,
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Declare a conflict of interest or none, as all do before they vote or decide; who has one does neither."""
    make(number, "declare", by, seen, as_json=as_json, conflict=conflict, reason=reason)


@review_app.command()
def vote(
    number: Number,
    how: Annotated[str, typer.Argument(metavar="VOTE", help=f"One of {', '.join(VOTES)}.")],
    holds: Annotated[list[str] | None, typer.Option(help=f"What you find to hold (repeated). {_CRITERIA}.")] = None,
    reason: MayWhy = None,
    by: Account = None,
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Vote, once. Who votes for a request finds that all criteria hold."""
    make(number, "vote", by, seen, as_json=as_json, vote=how, criteria=holds or [], reason=reason)


@review_app.command()
def approve(
    number: Number,
    file: Annotated[Path, typer.Argument(metavar="CONDITIONS.yaml", help="See: etl request form conditions.")],
    reason: MayWhy = None,
    by: Account = None,
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Approve a request with conditions, when the quorum has voted and the majority is for it.

    No more is approved than was asked for, nothing of a hospital whose steward keeps its data out, and no day beyond
    the IRB's approval.
    """
    with desk_of(as_json=as_json):
        try:
            said = read_form("conditions", read_bytes(file).decode("utf-8"))
        except FileNotFoundError:
            raise InputError(f"there is no file {file}", hint="etl request form conditions") from None
        except UnicodeDecodeError:
            raise InputError(f"{file} is not in UTF-8", hint="save it in UTF-8") from None
    make(number, "approve", by, seen, as_json=as_json, conditions=said, reason=reason)


@review_app.command()
def refuse(number: Number, reason: Why, by: Account = None, seen: Seen = None, as_json: AsJson = False) -> None:
    """Refuse a request, when the quorum has voted and no majority is for it."""
    make(number, "refuse", by, seen, as_json=as_json, reason=reason)


@review_app.command("send-back")
def send_back(number: Number, reason: Why, by: Account = None, seen: Seen = None, as_json: AsJson = False) -> None:
    """Send a request back to its researchers, to be completed."""
    make(number, "send_back", by, seen, as_json=as_json, reason=reason)
