"""What scripts and Airflow see: exit codes, messages without traceback, and never a value of a patient."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
from processes import start
from tiny import Tiny

from etl.night.lock import hospital_lock

# every cell that tells of a patient: names, numbers, telephones, remarks, results
SECRETS = (
    "가나다라",
    "450101-1000017",
    "4501011000017",
    "010-0000-7001",
    "70001",
    "next visit in three months",
    "1,240",
)


def run(hospital: Tiny, folder: Path, tmp_path: Path) -> tuple[int, str]:
    """Exit code and output of `etl run tiny FOLDER`; no traceback and no value of a patient may be in it."""
    command = start(hospital, "run", "tiny", str(folder), log=tmp_path / "run.log")
    code = command.exit_code()
    assert "Traceback" not in command.output, command.output
    assert [s for s in SECRETS if s in command.output] == []
    return code, command.output


def too_few_patients(hospital: Tiny) -> None:
    del hospital.tables["PAT.csv"][3:]


def no_lab_file(hospital: Tiny) -> None:
    del hospital.tables["LAB.csv"]


def renamed_column(hospital: Tiny) -> None:
    hospital.tables["LAB.csv"][0][3] = "EXM_DTTM"


def broken_rows(hospital: Tiny) -> None:
    hospital.tables["LAB.csv"][1:4] = [["70001", "1,240"], ["70001"], ["70001", "가나다라"]]


def wrong_map(hospital: Tiny) -> None:
    hospital.rewrite("subjects.yaml", "map: visit_kind", "map: visit_kinds")


def no_vocabulary(hospital: Tiny) -> None:
    hospital.settings.vocabularies.unlink()


def impossible_type(hospital: Tiny) -> None:
    """An expression that only the data shows to be wrong: the engine's message would quote the value."""
    hospital.rewrite("subjects.yaml", "value: RESULT", "value: cast(RESULT as double)")


def wrong_secret(hospital: Tiny) -> None:
    from etl.store.keys.keystore import KeyStore

    KeyStore(hospital.settings.keys / "tiny.sqlite", "tiny", 5, "another secret of thirty-two chars!").close()


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        (no_lab_file, 3, "LAB.csv is missing"),
        (renamed_column, 3, "LAB.csv, line 1: column 'EXM_DTM' is missing; column 4 is called nearly so"),
        (broken_rows, 3, "LAB.csv, line 2: 3 of 8 rows cannot be read (the first: short_row)"),
        (too_few_patients, 3, "The patient file is not nearly empty"),
        (wrong_map, 4, "there is no 'visit_kinds'; did you mean 'visit_kind'?"),
        (no_vocabulary, 4, "etl vocabulary load"),
        (wrong_secret, 4, "ETL_KEY_SECRET is not the secret this key store was made with"),
        (impossible_type, 4, "entry 'results_measurement': its SQL fails on this night's data (ConversionException)"),
    ],
)
def test_a_bad_night_ends_with_its_exit_code(
    hospital: Tiny, tmp_path: Path, spoil: Callable[[Tiny], None], code: int, said: str
) -> None:
    spoil(hospital)
    found, output = run(hospital, hospital.deliver(), tmp_path)
    assert found == code, output
    assert said in " ".join(output.split()), output
    assert tiny.nothing_published(hospital.settings)


def test_a_good_night_ends_with_0(hospital: Tiny, tmp_path: Path) -> None:
    code, output = run(hospital, hospital.deliver(), tmp_path)
    assert code == 0, output
    assert len(tiny.warehouse_rows(hospital.settings)["person"]) == 6


def test_a_gate_that_closes_leaves_the_last_night_published(hospital: Tiny, tmp_path: Path) -> None:
    hospital.publish()
    before = tiny.warehouse_rows(hospital.settings)
    too_few_patients(hospital)
    code, output = run(hospital, hospital.deliver(tiny.NIGHT.replace(day=2)), tmp_path)
    assert code == 3, output
    assert "the last published night stays" in " ".join(output.split())
    assert tiny.warehouse_rows(hospital.settings) == before


def test_the_second_of_two_runs_is_told_to_wait(hospital: Tiny, tmp_path: Path) -> None:
    folder = hospital.deliver()
    with hospital_lock(hospital.settings, "tiny"):
        code, output = run(hospital, folder, tmp_path)
    assert code == 5, output
    assert "another run of tiny is at work" in output
    assert tiny.nothing_published(hospital.settings)


def test_of_two_runs_begun_together_one_wins_and_nothing_is_mixed(hospital: Tiny, tmp_path: Path) -> None:
    first = hospital.deliver()
    other = Path(shutil.copytree(first, hospital.drops / "other" / first.name))
    lab = (other / "LAB.csv").read_text(encoding="utf-8").replace("11.2", "11.3")
    (other / "LAB.csv").write_text(lab, encoding="utf-8")
    commands = [start(hospital, "run", "tiny", str(f), log=tmp_path / f"{i}.log") for i, f in enumerate((first, other))]
    codes = sorted(c.exit_code() for c in commands)
    assert codes in ([0, 5], [0, 0]), [c.output for c in commands]  # 0, 0: one had ended before the other asked
    values = [r[8] for r in tiny.warehouse_rows(hospital.settings)["measurement"]]
    assert (11.2 in values) != (11.3 in values)
    assert len(tiny.warehouse_rows(hospital.settings)["measurement"]) == 9
