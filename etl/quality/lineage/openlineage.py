"""The events themselves, with OpenLineage's own client."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, RunEvent, RunState
from openlineage.client.event_v2 import Run as LineageRun
from openlineage.client.facet_v2 import (
    documentation_job,
    error_message_run,
    job_type_job,
    nominal_time_run,
    parent_run,
    set_producer,
)
from openlineage.client.uuid import generate_new_uuid

import etl
from etl.errors import EtlError
from etl.night.run import Run
from etl.night.stages import STAGE_NAMES
from etl.quality.lineage.datasets import datasets

log = logging.getLogger(__name__)

PRODUCER = f"urn:omop-etl:{etl.__version__}"
_NAMESPACE = "omop-etl"


class Teller:
    """One attempt at one stage: its events share a run id."""

    def __init__(self, run: Run, stage: str) -> None:
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
        if self._client is None:
            return
        try:
            self._client.emit(self._event(RunState[state], error))
        except Exception as failure:
            log.warning("no OpenLineage event of %s: %s", self._stage.name, type(failure).__name__)

    def _event(self, state: RunState, error: BaseException | None) -> RunEvent:
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
        return {
            "jobType": job_type_job.JobTypeJobFacet("BATCH", "OMOP_ETL", jobType="STAGE"),
            "documentation": documentation_job.DocumentationJobFacet(self._stage.title),
        }

    def _run_facets(self, error: BaseException | None) -> dict[str, Any]:
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
