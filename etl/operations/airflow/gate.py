"""The task in which a night waits for a person: Airflow's human-in-the-loop operator on the pipeline's ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException

from etl.operations.airflow.notify import approval_waits, night_of_run
from etl.operations.airflow.work import work
from etl.operations.plan import Scheduling

if TYPE_CHECKING:
    from etl.night.publish.approval import Decision

APPROVE, REFUSE = "Approve", "Refuse"
TIME_LIMIT = "time limit"
#: The form that a person fills in; for the operator's `params`, which Airflow lays over those of the DAG.
FORM = {
    "reason": Param(
        "", type="string", title="Reason",
        description="Why you decide so. It is kept with your name; write nothing about a patient.",
    )
}  # fmt: skip


class ApprovalGate(HITLOperator):
    """Waits for an approval where warnings are above their limit, else lets the night pass at once.

    `opened` is the run's id, which it hands on. Nobody holds a worker while it waits; what a person sees are counts
    and names of expectations.
    """

    template_fields: Sequence[str] = ("subject", "body", "opened")

    def __init__(self, *, opened: Any, hospital: str, scheduling: Scheduling, **kwargs: Any) -> None:
        """Take who may answer, how long it waits and what holds then from the settings."""
        super().__init__(
            subject=f"{hospital}: warnings above their limit",
            body="",
            options=[APPROVE, REFUSE],
            defaults=[APPROVE if scheduling.approval_default == "approve" else REFUSE],
            response_timeout=timedelta(minutes=scheduling.approval_minutes),
            assigned_users=[{"id": user, "name": user} for user in scheduling.approving] or None,
            **kwargs,
        )
        self.opened, self.hospital, self.minutes = opened, hospital, scheduling.approval_minutes

    def execute(self, context: Any) -> str:
        """Ask, if there is anything to ask about."""
        lines = work("ask_approval")(self.opened)
        if not lines:
            self.log.info("no warning is above its limit")
            return str(self.opened)
        night = context["params"].get("night") or night_of_run(context["dag_run"])
        self.subject = f"{self.hospital}, night {night}: publish in spite of {len(lines)} warnings above their limit?"
        self.body = "\n".join([f"`{self.opened}`", "", *(f"- {line}" for line in lines)])
        approval_waits(self.hospital, night, self.minutes)
        super().execute(context)  # does not return: it parks the task
        return str(self.opened)

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> str:
        """Record the answer; an approval lets the night go on, anything else ends it."""
        record_decision = work("record_decision")
        answer = super().execute_complete(context, dict(event))
        approved, user = answer["chosen_options"] == [APPROVE], answer["responded_by_user"]
        if user is None:
            reason = f"nobody answered within {self.minutes:g} minutes"
            record_decision(self.opened, "approved" if approved else "expired", TIME_LIMIT, reason, person=False)
            return str(self.opened)
        reason = str(answer["params_input"].get("reason") or "").strip()
        if not reason:
            raise AirflowFailException("a decision needs its reason: clear this task and decide again")
        decision: Decision = "approved" if approved else "refused"
        record_decision(self.opened, decision, user["name"] or user["id"], reason, person=True)
        return str(self.opened)
