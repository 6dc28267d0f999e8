"""What researchers say of the use of a request's data after outputs were checked."""

from __future__ import annotations

from etl.cli.options import AsJson
from etl.cli.request_shown import Account, MayWhy, Number, Seen, make


def use_further(
    number: Number, reason: MayWhy = None, by: Account = None, seen: Seen = None, as_json: AsJson = False
) -> None:
    """Go on with the use of a request's data after outputs were checked; it is open for use again."""
    make(number, "use_further", by, seen, as_json=as_json, reason=reason)
