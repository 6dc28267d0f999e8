"""How alike the persons of a project space are, as a tool says that knows nothing of ours (pycanon)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import made_space
import pytest

from etl.settings import PROJECT

JUDGE = PROJECT / ".judge" / "bin" / "python"
SCRIPT = Path(__file__).with_name("outside_judge") / "likeness.py"
LOOKS = """
select p.gender_concept_id as sex, p.year_of_birth as birth, l.state as place, d.person_id is not null as died,
  'c' || value as value
from space.person p left join place_of l on l.number = p.location_id left join space.death d using (person_id)
join (
  select person_id, arg_max(concept, (n, -concept)) as value
  from (select person_id, condition_concept_id as concept, count(*) as n from space.condition_occurrence group by all)
  group by person_id
) using (person_id)
"""


@pytest.mark.parametrize(("level", "persons"), [("linked", 300), ("standard", 2000), ("strict", 2000)])
def test_the_measures_of_pycanon_are_ours(tmp_path, level, persons):
    has = JUDGE.exists() and subprocess.run([str(JUDGE), "-c", "import pycanon"], capture_output=True, check=False)
    if not has or has.returncode != 0:
        pytest.skip("pycanon is not in the judges' environment: make install")
    with made_space.warehouse(persons) as con:
        measured, _ = made_space.build(con, made_space.definition(level=level))
        looks = LOOKS.replace("l.state", "coalesce(l.county, l.state)")
        con.execute(f"copy ({looks}) to '{tmp_path / 'looks.csv'}' (header)")
    done = subprocess.run([str(JUDGE), str(SCRIPT), str(tmp_path / "looks.csv")], capture_output=True, check=True)
    said = json.loads(done.stdout)
    assert (said["k"], said["l"]) == (measured.k, measured.l["main_condition"])
    assert said["t"] == pytest.approx(measured.t["main_condition"])
