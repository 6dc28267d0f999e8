"""One entry of the audit log, and the digest by which the next one holds it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_ACTOR, _SUBJECT, _ADDRESS, _TEXT = 120, 200, 64, 20_000


@dataclass(frozen=True, slots=True)
class Said:
    """What is to be written down: who did what to what, when and why; `happened_at` is UTC, None means now.

    `details` holds counts and names only, `returned` how many rows somebody saw.
    """

    kind: str
    actor: str
    role: str | None = None
    subject: str | None = None
    reason: str | None = None
    address: str | None = None
    returned: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    happened_at: datetime | None = None

    def values(self) -> dict[str, Any]:
        """As columns, none longer than it may be."""
        return {
            "kind": _clean(self.kind, _ACTOR), "actor": _clean(self.actor, _ACTOR) or "-",
            "role": _clean(self.role, _ACTOR), "subject": _clean(self.subject, _SUBJECT),
            "reason": _clean(self.reason, _TEXT), "address": _clean(self.address, _ADDRESS),
            "returned": self.returned, "details": canonical(dict(self.details)), "happened_at": self.happened_at,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the log; times are UTC.

    `login` is who the database or machine says wrote it, `previous` the digest of the entry before, `pruned_by` the
    number of the entry by which this one was emptied.
    """

    number: int
    written_at: datetime
    happened_at: datetime
    kind: str
    actor: str
    role: str | None
    login: str
    subject: str | None
    reason: str | None
    address: str | None
    returned: int | None
    details: str
    previous: str
    digest: str = ""
    pruned_by: int | None = None

    def sealed(self) -> str:
        """The digest of all it says and of the one before: SHA-256 (hex) of a JSON list of texts."""
        return hashlib.sha256(line(
            self.number, _time(self.written_at), _time(self.happened_at), self.kind, self.actor, self.role, self.login,
            self.subject, self.reason, self.address, self.returned, self.details, self.previous,
        ).encode()).hexdigest()  # fmt: skip

    def stub(self) -> str:
        """What is kept of an entry that is emptied, as one line."""
        return line(self.number, _time(self.written_at), self.kind, self.digest)


def line(*parts: object) -> str:
    """A JSON list of texts and nulls, as PostgreSQL's `json_build_array` writes it."""
    return json.dumps([None if part is None else str(part) for part in parts], ensure_ascii=False)


def canonical(details: Mapping[str, Any]) -> str:
    """JSON that is the same for the same content: sorted, without spaces."""
    text = json.dumps(details, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return _clean(text, None) or "{}"


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def _clean(text: str | None, longest: int | None) -> str | None:
    """A text that every database keeps as it is: no zero byte, no half of a character."""
    return text and text.replace("\0", "").encode("utf-8", "replace").decode()[:longest]
