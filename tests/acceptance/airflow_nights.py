"""Runs in a process of its own, by `python airflow_nights.py STEPS RESULTS`: parses the DAGs and runs nights.

STEPS is a JSON list. A step has a `name`, an `env` (ETL_… variables that hold from then on) and, unless it is there
to look at the DAGs only, the `dag` to run with `conf`. `locked` names a lock file that is held until `open` is
waiting for its retry; `files` are texts to write before, by path. RESULTS gets what came of each step, by name.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag

HEAVY = ("duckdb", "pandas", "pyarrow", "sqlglot", "great_expectations", "numpy")


def described(bag: DagBag, seconds: float) -> dict[str, Any]:
    """What the DAGs say of themselves, and what reading them cost: seconds of a processor, whoever else is at work."""
    dags = {
        dag_id: {
            "title": dag.dag_display_name,
            "tasks": {t.task_id: sorted(t.downstream_task_ids) for t in dag.tasks},
            "retries": {t.task_id: t.retries for t in dag.tasks},
            "pools": {t.task_id: t.pool for t in dag.tasks},
            "schedule": getattr(dag.timetable, "expression", None),
            "time_zone": str(getattr(dag.timetable, "timezone", "")),
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "tags": sorted(dag.tags),
            "doc": dag.doc_md,
        }
        for dag_id, dag in bag.dags.items()
    }
    return {
        "errors": bag.import_errors, "dags": dags, "seconds": seconds,
        "heavy": [m for m in HEAVY if m in sys.modules],
    }  # fmt: skip


def hold(lock: Path, held: threading.Event) -> None:
    """Hold a lock until the task `open` waits for its retry."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    database = Path(os.environ["AIRFLOW_HOME"]) / "airflow.db"
    query = "select count(*) from task_instance where task_id = 'open' and state = 'up_for_retry'"
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        held.set()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with sqlite3.connect(database) as con:
                if con.execute(query).fetchone()[0]:
                    return
            time.sleep(0.2)


def ran(bag: DagBag, step: dict[str, Any]) -> dict[str, Any]:
    """Run one DAG here, without a scheduler, and say how its tasks ended."""
    if "locked" in step:
        held = threading.Event()
        threading.Thread(target=hold, args=(Path(step["locked"]), held)).start()
        held.wait()
    run = bag.dags[step["dag"]].test(run_conf=step.get("conf", {}))
    tasks = run.get_task_instances()
    return {
        "state": str(run.state),
        "tasks": {t.task_id: str(t.state) for t in tasks},
        "tries": {t.task_id: t.try_number for t in tasks},
    }


def main(steps: Path, results: Path) -> None:
    """Take all steps, writing down what came of them after each."""
    found: dict[str, Any] = {}
    for step in json.loads(steps.read_text(encoding="utf-8")):
        os.environ.update(step["env"])
        for path, text in step.get("files", {}).items():
            Path(path).write_text(text, encoding="cp949")
        print(f"======== {step['name']}", flush=True)
        began, cost = time.monotonic(), time.process_time()
        bag = DagBag()
        cost = time.process_time() - cost
        found[step["name"]] = ran(bag, step) if "dag" in step else described(bag, cost)
        found[step["name"]]["took"] = time.monotonic() - began
        results.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
