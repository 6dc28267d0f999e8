"""OpenLineage events of a night's stages, sent where OpenLineage's own settings say; nothing when they say nothing.

An event holds names, expressions of the mappings and counts. Whatever goes wrong while telling of a stage is logged
and does not touch the stage.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from etl.loading import load
from etl.night.run import Run

_SETTINGS = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG")


def wanted() -> bool:
    """Whether OpenLineage is told where to send events, and not disabled."""
    named = any(n in _SETTINGS or n.startswith("OPENLINEAGE__TRANSPORT") for n, value in os.environ.items() if value)
    return named and os.environ.get("OPENLINEAGE_DISABLED", "").lower() not in ("true", "1")


@contextmanager
def stage_events(run: Run, stage: str) -> Iterator[None]:
    """Tell of the start and the end (complete or failed) of the stage that is run inside."""
    if not wanted():
        yield
        return
    teller = load("etl.quality.lineage.openlineage:Teller")(run, stage)
    teller.tell("START")
    try:
        yield
    except BaseException as error:
        teller.tell("FAIL", error)
        raise
    teller.tell("COMPLETE")
