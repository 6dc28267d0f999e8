"""The work of the DAGs' tasks, by name: Airflow reads the DAGs every few seconds, and tasks alone load the engine."""

from __future__ import annotations

from typing import Any

from etl.loading import load


def work(name: str) -> Any:
    """The function of that name in `tasks.py`, or in another module of this room: `module:name`."""
    return load(f"etl.operations.airflow.{name if ':' in name else f'tasks:{name}'}")
