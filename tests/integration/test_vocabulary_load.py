"""Loading a bundle: what is broken is named; a kill, a full disk or a second load leave no half release."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from small_disks import disk_in_memory

from etl.errors import ConfigError, InputError, TransientError
from etl.settings import PROJECT, Settings
from etl.vocabulary.release import MARKER, current_release, load_bundle, releases

BUNDLE = PROJECT / "etl" / "sample" / "vocabulary"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))


def settings_in(home: Path) -> Settings:
    return Settings(home=home, threads=2, memory="500MB", _env_file=None)


def refused(bundle: Path, home: Path) -> str:
    """Why a bundle is refused; nothing of it is left."""
    settings = settings_in(home)
    with pytest.raises(InputError) as raised:
        load_bundle(settings, bundle)
    assert releases(settings) == []
    assert left_over(settings) == set()
    return raised.value.message


def left_over(settings: Settings) -> set[str]:
    """What lies in the folder of releases that is no release."""
    known = {r.name for r in releases(settings)}
    return {f.name for f in settings.vocabularies.glob("*")} - known - {".lock"}


def test_a_file_cut_in_a_line_is_named(bundle: Path, tmp_path: Path) -> None:
    file = bundle / "CONCEPT_ANCESTOR.csv"
    file.write_bytes(file.read_bytes()[:-3])
    assert refused(bundle, tmp_path / "home") == (
        "CONCEPT_ANCESTOR.csv: ends in the middle of a line, so it was cut"
    )  # fmt: skip


def test_a_concept_file_cut_between_two_lines_shows_in_its_relationships(bundle: Path, tmp_path: Path) -> None:
    file = bundle / "CONCEPT.csv"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[: len(lines) // 2]))
    assert "CONCEPT.csv lacks the targets of " in refused(bundle, tmp_path / "home")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"MALE", "남성".encode("cp949"), "line 2: is not in Athena's format: it is not UTF-8 text"),
        (b"20991231\t\n", b"20991231\t\tx\n", "line 2: is not in Athena's format: 11 columns instead of 10"),
        (b"8507\tMALE", b"8507", "line 2: is not in Athena's format: 9 columns instead of 10"),
        (
            b"19700101",
            b"1970-01-01",
            "line 2: is not in Athena's format: column 'valid_start_date' cannot",
        ),
    ],
)
def test_a_line_of_another_format_is_named(bundle: Path, tmp_path: Path, old: bytes, new: bytes, said: str) -> None:
    file = bundle / "CONCEPT.csv"
    header, _, rest = file.read_bytes().partition(b"\n")
    lines = sorted(rest.splitlines(keepends=True), key=lambda line: not line.startswith(b"8507\t"))
    file.write_bytes(header + b"\n" + b"".join(lines).replace(old, new, 1))
    assert said in refused(bundle, tmp_path / "home")


def test_a_bundle_with_windows_line_ends_and_byte_order_marks_is_the_same(bundle: Path, tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "home")
    plain = load_bundle(settings, BUNDLE)
    for file in bundle.glob("*.csv"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    other = load_bundle(settings, bundle)
    assert other.name != plain.name
    for name in ("concept", "concept_relationship", "source_code", "maps_to"):
        tables = [f"select * from read_parquet('{r.table(name)}')" for r in (plain, other)]
        assert duckdb.sql(f"({tables[0]}) except ({tables[1]})").fetchall() == []
        assert duckdb.sql(f"({tables[1]}) except ({tables[0]})").fetchall() == []


def test_one_letter_makes_another_release_and_the_same_bytes_the_same(bundle: Path, tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "home")
    first = load_bundle(settings, bundle)
    assert load_bundle(settings, bundle) == first
    file = bundle / "CONCEPT.csv"
    file.write_bytes(file.read_bytes().replace(b"MALE", b"Male", 1))
    second = load_bundle(settings, bundle)
    assert second.version == first.version
    assert {r.name for r in releases(settings)} == {first.name, second.name}
    assert current_release(settings) == second
    load_bundle(settings, BUNDLE)
    assert current_release(settings) == first


def test_look_ups_hold_one_concept_per_code_and_lie_together_by_vocabulary(tmp_path: Path) -> None:
    release = load_bundle(settings_in(tmp_path / "home"), BUNDLE)
    for name, order in (("source_code", "vocabulary_id, concept_code"), ("maps_to", "vocabulary_id, concept_id")):
        rows = f"(select {order}, file_row_number from read_parquet('{release.table(name)}', file_row_number = true))"
        unsorted = f"select 1 from {rows} qualify ({order}) < lag(({order})) over (order by file_row_number)"
        assert duckdb.sql(unsorted).fetchall() == []
    doubled = f"from read_parquet('{release.table('source_code')}') group by vocabulary_id, concept_code"
    assert duckdb.sql(f"select 1 {doubled} having count(*) > 1").fetchall() == []


def test_a_release_of_an_older_program_is_to_be_loaded_again(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "home")
    release = load_bundle(settings, BUNDLE)
    (release.folder / MARKER).write_text('{"version": "old"}', encoding="utf-8")
    with pytest.raises(ConfigError, match="older program"):
        current_release(settings)
    assert load_bundle(settings, BUNDLE) == release
    assert current_release(settings) == release


LOAD = """
import sys
from pathlib import Path
from etl.settings import Settings
from etl.vocabulary.release import load_bundle
def tell(what, how):
    print(what, flush=True)
    if sys.argv[3] and what.startswith(sys.argv[3]):
        sys.stdin.read()
load_bundle(Settings(home=Path(sys.argv[1]), threads=2, memory='500MB', _env_file=None), Path(sys.argv[2]), tell)
"""


def loading(home: Path, stop: str = "") -> subprocess.Popen[str]:
    """A process that loads the bundle and waits where it says `stop`."""
    return subprocess.Popen(
        [sys.executable, "-c", LOAD, str(home), str(BUNDLE), stop],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )  # fmt: skip


def waits_at(process: subprocess.Popen[str], stop: str) -> None:
    assert process.stdout
    assert any(line.startswith(stop) for line in process.stdout)


@pytest.mark.parametrize("stop", ["CONCEPT.csv", "look-up"])
def test_a_killed_load_leaves_nothing_that_is_used_and_the_next_one_succeeds(tmp_path: Path, stop: str) -> None:
    settings = settings_in(tmp_path / "home")
    with loading(settings.home, stop) as process:
        waits_at(process, stop)
        process.send_signal(signal.SIGKILL)
    assert releases(settings) == []
    assert left_over(settings) == {".loading"}
    release = load_bundle(settings, BUNDLE)
    assert (releases(settings), left_over(settings)) == ([release], set())


def test_two_loads_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "home")
    with loading(settings.home, "look-up") as first:
        waits_at(first, "look-up")
        with pytest.raises(TransientError, match="another command is loading"):
            load_bundle(settings, BUNDLE)
        first.communicate("", timeout=60)
    assert first.returncode == 0
    assert len(releases(settings)) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, held in memory, in which little fits."""
    with disk_in_memory(tmp_path, "900k") as disk:
        yield disk


def test_a_full_disk_is_a_fault_that_may_pass(small_disk: Path, bundle: Path) -> None:
    synonyms = bundle / "CONCEPT_SYNONYM.csv"
    with synonyms.open("a", encoding="utf-8") as file:
        file.writelines(f"8507\t{os.urandom(40).hex()}\t4180186\n" for _ in range(20_000))
    settings = settings_in(small_disk / "home")
    with pytest.raises((TransientError, OSError)):
        load_bundle(settings, bundle)
    assert releases(settings) == []
    assert left_over(settings) == set()
