"""OpenLineage events of a night's stages, sent where OpenLineage's own settings say; nothing when they say nothing.

An event holds names, expressions of the mappings and counts. Whatever goes wrong while telling of a stage is logged
and does not touch the stage.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import etl
from etl.errors import EtlError
from etl.run import Run
from etl.stages import STAGE_NAMES

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent, RunState

log = logging.getLogger(__name__)

PRODUCER = f"urn:omop-etl:{etl.__version__}"
_SETTINGS = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG")
_NAMESPACE = "omop-etl"


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
    teller = _Teller(run, stage)
    teller.tell("START")
    try:
        yield
    except BaseException as error:
        teller.tell("FAIL", error)
        raise
    teller.tell("COMPLETE")


class _Teller:
    """One attempt at one stage: its events share a run id."""

    def __init__(self, run: Run, stage: str) -> None:
        from openlineage.client import OpenLineageClient  # noqa: PLC0415 - loaded only where events are wanted
        from openlineage.client.facet_v2 import set_producer  # noqa: PLC0415
        from openlineage.client.uuid import generate_new_uuid  # noqa: PLC0415

        set_producer(PRODUCER)
        self._run = run
        self._stage = next(s for s in STAGE_NAMES if s.name == stage)
        self._id = str(generate_new_uuid())
        self._namespace = os.environ.get("OPENLINEAGE_NAMESPACE") or _NAMESPACE
        self._client = None
        try:
            self._client = OpenLineageClient()
        except Exception as error:
            log.warning("OpenLineage cannot be used: %s", type(error).__name__)

    def tell(self, state: str, error: BaseException | None = None) -> None:
        """Send one event."""
        from openlineage.client.event_v2 import RunState  # noqa: PLC0415

        if self._client is None:
            return
        try:
            self._client.emit(self._event(RunState[state], error))
        except Exception as failure:
            log.warning("no OpenLineage event of %s: %s", self._stage.name, type(failure).__name__)

    def _event(self, state: RunState, error: BaseException | None) -> RunEvent:
        from openlineage.client.event_v2 import Job, RunEvent, RunState  # noqa: PLC0415
        from openlineage.client.event_v2 import Run as LineageRun  # noqa: PLC0415

        from etl.lineage.datasets import datasets  # noqa: PLC0415

        inputs, outputs = (
            datasets(self._run, self._stage.name, self._namespace) if state != RunState.START else ([], [])
        )
        return RunEvent(
            eventType=state,
            eventTime=datetime.now(UTC).isoformat(),
            run=LineageRun(self._id, self._run_facets(error)),
            job=Job(self._namespace, f"{self._run.delivery.hospital}.{self._stage.name}", self._job_facets()),
            producer=PRODUCER,
            inputs=inputs,
            outputs=outputs if state == RunState.COMPLETE else [],
        )

    def _job_facets(self) -> dict[str, Any]:
        from openlineage.client.facet_v2 import documentation_job, job_type_job  # noqa: PLC0415

        return {
            "jobType": job_type_job.JobTypeJobFacet("BATCH", "OMOP_ETL", jobType="STAGE"),
            "documentation": documentation_job.DocumentationJobFacet(self._stage.title),
        }

    def _run_facets(self, error: BaseException | None) -> dict[str, Any]:
        from openlineage.client.facet_v2 import error_message_run, nominal_time_run, parent_run  # noqa: PLC0415

        night = self._run.delivery
        facets: dict[str, Any] = {
            "parent": parent_run.ParentRunFacet(
                run=parent_run.Run(str(uuid5(NAMESPACE_URL, f"{PRODUCER}/{self._run.run_id}"))),
                job=parent_run.Job(self._namespace, night.hospital),
            ),
            "nominalTime": nominal_time_run.NominalTimeRunFacet(f"{night.night}T00:00:00+09:00"),
        }
        if error is not None:
            # another error's message may quote a value of a patient; its class may be told
            said = error.message if isinstance(error, EtlError) else type(error).__name__
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(said, "Python")
        return facets
