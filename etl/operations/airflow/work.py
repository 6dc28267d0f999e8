"""The work of the DAGs' tasks, by name: Airflow reads the DAGs every few seconds, and tasks alone load the engine."""

from __future__ import annotations

from typing import Any

from etl.loading import load


def work(name: str) -> Any:
    """The function of that name in `tasks.py`."""
    return load(f"etl.operations.airflow.tasks:{name}")
