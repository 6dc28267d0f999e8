"""Project spaces that should be gone, or whose keys are not where they are looked for."""

from __future__ import annotations

from collections.abc import Iterator

from etl.operations.doctor.finding import Finding, Look
from etl.research.spaces import kept, vault
from etl.research.spaces.destroy import pending

SUBJECT = "spaces"


def check_spaces(look: Look) -> Iterator[Finding]:
    """A space ends with its project, and opens with the vault's keys; a destruction that was killed is finished."""
    settings = look.settings
    for name in pending(settings):
        yield Finding(SUBJECT, name, "warn", "its destruction was broken off", "finish it: etl request work")
    for name in kept.spaces(settings):
        about = kept.about(settings, name)
        if about.is_over:
            step = "close and destroy its request: etl request show"
            yield Finding(SUBJECT, name, "warn", f"its last day, {about.until}, has passed", step)
        if not vault.has_keys(settings, name):
            yield Finding(
                SUBJECT, name, "warn", "the vault does not hold its keys", "set ETL_VAULT to the folder that does"
            )
