"""Tells people by mail and webhook that a night failed, stopped at a gate, waits for them or is late, and how many
findings do in the morning.

A notice names hospital, night, stage and what kind of fault it is, and where the report lies; never more. A notice that
cannot be delivered is logged and disturbs nothing.
"""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async

from etl.loading import load
from etl.operations.plan import TIME_ZONE, Scheduling, listed, load_scheduling
from etl.settings import load_settings

log = logging.getLogger(__name__)
_SECONDS = 10  # a chat that does not answer must not hold a worker

#: What the exit codes of the pipeline mean, as in etl/errors.py, and what to do.
FAMILIES: Mapping[int, str] = {
    1: "unexpected: report it with the line in the task's log",
    3: "a gate closed or the input is bad: open the report, ask the hospital",
    4: "configuration or mapping is wrong: correct what the task's log names",
    5: "a fault that may pass has stayed: disk, memory, database, a lock",
}
CUT_OFF = "the task was stopped from outside: by hand, a restart, want of memory"
ABSENT = "the delivery has not come: call the hospital"


@dataclass(frozen=True, slots=True)
class Notice:
    """What happened to a night; nothing in it is a value of a patient."""

    event: str
    hospital: str
    night: str
    stage: str
    meaning: str
    report: str

    @property
    def subject(self) -> str:
        """One line."""
        return f"[ETL] {self.hospital} {self.night}: {self.event}"

    @property
    def text(self) -> str:
        """The whole notice."""
        return "\n".join([
            f"{self.hospital}, night {self.night}: {self.event}",
            f"stage: {self.stage}",
            f"what it means: {self.meaning}",
            f"report: {self.report}",
        ])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Digest:
    """What is told in the morning; numbers of findings only."""

    subject: str
    text: str


def failed(context: Mapping[str, Any], hospital: str | None = None) -> None:
    """Airflow's callback of a task that failed for good; without `hospital` it is the run's parameter."""
    ti, error = context.get("ti") or context.get("task_instance"), context.get("exception")
    stage = str(getattr(ti, "task_id", "-"))
    code = getattr(error, "exit_code", None)
    closed = getattr(error, "gate_closed", False)
    if type(error).__name__ == "AirflowSensorTimeout":
        meaning = ABSENT
    else:
        meaning = CUT_OFF if error is None or isinstance(error, str) else FAMILIES.get(code or 1, FAMILIES[1])
    send(notice("a gate closed" if closed else "failed", *_about(context, hospital), stage, meaning))


def approval_waits(hospital: str, night: date | str, minutes: float) -> None:
    """A night waits for a person."""
    meaning = f"warnings are above their limit: approve or refuse under Required Actions within {minutes:g} minutes"
    send(notice("waits for an approval", hospital, str(night), "approve", meaning))


async def late(context: Mapping[str, Any], hospital: str, done_by: str) -> None:
    """Airflow's callback of a deadline: at its hour the night is not done. It runs in the triggerer."""
    run = context["dag_run"]
    meaning = f"at {done_by} the night is not done; analysts read the last good one. See its run in Airflow"
    await sync_to_async(send)(notice("is late", hospital, night_of_run(run), "-", meaning))


def notice(event: str, hospital: str, night: str, stage: str, meaning: str) -> Notice:
    """A notice, with the place of the night's page."""
    return Notice(event, hospital, night, stage, meaning, str(load_settings().reports / night / f"{hospital}.html"))


def night_of_run(run: Any) -> str:
    """The night a run is about: its parameter, else the day it was due in Seoul."""
    said = (
        run if isinstance(run, Mapping) else {n: getattr(run, n, None) for n in ("conf", "logical_date", "run_after")}
    )
    if night := (said.get("conf") or {}).get("night"):
        return str(night)
    due = said.get("logical_date") or said.get("run_after") or datetime.now(UTC)
    due = datetime.fromisoformat(due) if isinstance(due, str) else due
    return due.astimezone(ZoneInfo(TIME_ZONE)).date().isoformat()


def _about(context: Mapping[str, Any], hospital: str | None) -> tuple[str, str]:
    """Hospital and night of a failed task's run."""
    params = context.get("params") or {}
    return hospital or str(params.get("hospital")), str(params.get("night") or night_of_run(context.get("dag_run")))


def send(said: Notice | Digest) -> None:
    """Deliver a notice or a digest by every way that is set up."""
    scheduling = load_scheduling()
    for way, is_set in ((_mail, bool(scheduling.mail_to)), (_post, scheduling.webhook_url is not None)):
        if not is_set:
            continue
        try:
            way(said, scheduling)
        except Exception as error:  # whatever a mail server or a chat does, the night goes on; its text is left out
            log.warning("a notice could not be delivered by %s: %s", way.__name__.strip("_"), type(error).__name__)


def _mail(said: Notice | Digest, scheduling: Scheduling) -> None:
    hook = load("airflow.providers.smtp.hooks.smtp:SmtpHook")  # only who has a mail server needs it

    with hook(smtp_conn_id=scheduling.smtp_conn_id) as server:
        server.send_email_smtp(
            to=list(listed(scheduling.mail_to)), from_email=scheduling.mail_from, subject=said.subject,
            html_content=f"<pre>{escape(said.text)}</pre>",
        )  # fmt: skip


def _post(said: Notice | Digest, scheduling: Scheduling) -> None:
    url = scheduling.webhook_url.get_secret_value() if scheduling.webhook_url else ""
    if not url.startswith(("https://", "http://")):
        raise ValueError("expected http:// or https://")
    body = json.dumps({"text": said.text, **asdict(said)}, ensure_ascii=False).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        answer.read()
