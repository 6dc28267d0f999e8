"""A bundle is checked when it is loaded: what is safe is mended and told, the rest is refused with file and line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from etl.cli import app
from etl.errors import InputError
from etl.settings import PROJECT, Settings
from etl.vocabulary import mend
from etl.vocabulary.release import Release, load_bundle, releases

BUNDLE = PROJECT / "etl" / "sample" / "vocabulary"
HYPERTENSION, COMMON = "320128", "\t19700101\t20991231\t\n"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))


def settings_in(home: Path) -> Settings:
    return Settings(home=home, threads=2, memory="500MB", _env_file=None)


def load(bundle: Path, tmp_path: Path) -> Release:
    return load_bundle(settings_in(tmp_path / "home"), bundle)


def change(bundle: Path, table: str, edit: Callable[[list[str]], list[str]]) -> Path:
    """Edit the lines of a file, the header included."""
    file = bundle / f"{table}.csv"
    file.write_text("".join(edit(file.read_text(encoding="utf-8").splitlines(keepends=True))), encoding="utf-8")
    return file


def line_of(file: Path, start: str) -> int:
    return next(n for n, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1) if line.startswith(start))


def named(name: str) -> Callable[[list[str]], list[str]]:
    """Give hypertension another name."""

    def edit(lines: list[str]) -> list[str]:
        new = [
            "\t".join([HYPERTENSION, name, *line.split("\t")[2:]]) if line.startswith(f"{HYPERTENSION}\t") else line
            for line in lines
        ]
        assert new != lines
        return new

    return edit


def rows(release: Release, table: str, where: str = "true") -> list[tuple[object, ...]]:
    return duckdb.sql(f"from read_parquet('{release.table(table)}') where {where} order by all").fetchall()


def same_as_whole(release: Release, tmp_path: Path, *tables: str) -> bool:
    whole = load_bundle(settings_in(tmp_path / "whole"), BUNDLE)
    return all(rows(release, t) == rows(whole, t) and release.rows[t] == whole.rows[t] for t in tables)


def test_a_sound_bundle_has_nothing_to_tell(tmp_path: Path) -> None:
    assert load(BUNDLE, tmp_path).notes == ()


@pytest.mark.parametrize("blank", ["", "   "])
def test_a_missing_name_becomes_the_code_and_is_told(bundle: Path, tmp_path: Path, blank: str) -> None:
    change(bundle, "CONCEPT", named(blank))
    release = load(bundle, tmp_path)
    [[name, code]] = [(r[1], r[6]) for r in rows(release, "concept", f"concept_id = {HYPERTENSION}")]
    assert name == code == "59621000"
    [note] = release.notes
    assert note.startswith("CONCEPT.csv: 1 names were missing, codes stand in for them")
    assert "cpt4.jar" in note
    assert releases(settings_in(tmp_path / "home")) == [release], "what was told is kept"
    ids = [r[0] for r in duckdb.sql(f"from read_parquet('{release.table('concept')}')").fetchall()]
    assert ids == sorted(ids), "a file that is written again keeps its order"


def test_names_of_other_tables_become_their_key(bundle: Path, tmp_path: Path) -> None:
    change(bundle, "DOMAIN", lambda lines: [line.replace("Gender\tGender\t", "Gender\t\t") for line in lines])
    release = load(bundle, tmp_path)
    assert [r[1] for r in rows(release, "domain", "domain_id = 'Gender'")] == ["Gender"]
    assert release.notes[0].startswith("DOMAIN.csv: 1 names were missing")


def test_a_name_that_is_too_long_is_cut_and_told(bundle: Path, tmp_path: Path) -> None:
    change(bundle, "CONCEPT", named("고" * 300))
    release = load(bundle, tmp_path)
    assert [r[1] for r in rows(release, "concept", f"concept_id = {HYPERTENSION}")] == ["고" * 255]
    assert release.notes == ("CONCEPT.csv: 1 texts were cut to the 255 letters of concept_name",)


def test_a_name_of_255_letters_of_three_bytes_fits(bundle: Path, tmp_path: Path) -> None:
    change(bundle, "CONCEPT", named("고" * 255))
    assert load(bundle, tmp_path).notes == ()


def test_a_synonym_without_a_name_is_left_out(bundle: Path, tmp_path: Path) -> None:
    change(bundle, "CONCEPT_SYNONYM", lambda lines: [*lines, f"{HYPERTENSION}\t\t4175771\n"])
    release = load(bundle, tmp_path)
    assert release.notes == ("CONCEPT_SYNONYM.csv: 1 rows without a name were left out",)
    assert same_as_whole(release, tmp_path, "concept_synonym")


@pytest.mark.parametrize(
    "table",
    ["CONCEPT", "CONCEPT_RELATIONSHIP", "CONCEPT_ANCESTOR", "CONCEPT_SYNONYM", "DRUG_STRENGTH", "VOCABULARY", "DOMAIN"],
)
def test_doubled_lines_are_dropped_and_told(bundle: Path, tmp_path: Path, table: str) -> None:
    change(bundle, table, lambda lines: [*lines, *lines[1:4], lines[2]])
    release = load(bundle, tmp_path)
    assert release.notes == (f"{table}.csv: 4 doubled lines were dropped",)
    assert same_as_whole(release, tmp_path, table.lower())


def test_a_file_that_holds_everything_twice_is_the_file(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mend, "_AT_ONCE", 1000)  # the keys are looked through in several parts
    change(bundle, "CONCEPT_ANCESTOR", lambda lines: [*lines, *lines[1:]])
    release = load(bundle, tmp_path)
    assert same_as_whole(release, tmp_path, "concept_ancestor", "concept_relationship", "concept")


@pytest.mark.parametrize(
    ("table", "line", "value"),
    [
        ("CONCEPT", f"{HYPERTENSION}\tOther\tCondition\tSNOMED\tDisorder\tS\t1{COMMON}", HYPERTENSION),
        ("CONCEPT", f"0{HYPERTENSION}\tOther\tCondition\tSNOMED\tDisorder\tS\t1{COMMON}", HYPERTENSION),
        ("CONCEPT_ANCESTOR", "262\t262\t0\t7\n", "262"),
        ("CONCEPT_RELATIONSHIP", "262\t262\tMaps to\t19700101\t20991231\tD\n", "Maps to"),
        ("VOCABULARY", "None\tOther\t\t\t0\n", "None"),
    ],
)
def test_two_lines_of_one_key_that_differ_are_refused_with_both(
    bundle: Path, tmp_path: Path, table: str, line: str, value: str
) -> None:
    file = bundle / f"{table}.csv"
    key = {"CONCEPT": f"{HYPERTENSION}\t", "CONCEPT_ANCESTOR": "262\t262\t", "VOCABULARY": "None\t"}
    first = line_of(file, key.get(table, "262\t262\tMaps to"))
    change(bundle, table, lambda lines: [*lines, line])
    last = len(file.read_text(encoding="utf-8").splitlines())
    with pytest.raises(InputError) as raised:
        load(bundle, tmp_path)
    assert raised.value.message == (
        f"{table}.csv, line {last}: has the key of line {first} and other content; 1 key stands in lines that differ"
    )
    assert value not in raised.value.message
    assert releases(settings_in(tmp_path / "home")) == []


@pytest.mark.parametrize(
    ("table", "line", "said"),
    [
        ("CONCEPT", f"9\tX\t\tSNOMED\tDisorder\tS\t1{COMMON}", "column 'domain_id' is empty"),
        ("CONCEPT", f"\tX\tCondition\tSNOMED\tDisorder\tS\t1{COMMON}", "column 'concept_id' is empty"),
        ("CONCEPT", f"9\tX\tCondition\tSNOMED\tDisorder\tS\t{'1' * 51}{COMMON}",
         "column 'concept_code' is longer than the 50 letters of the CDM"),
        ("CONCEPT", "9\tX\tCondition\tSNOMED\tDisorder\tS\t1\t20240231\t20991231\t\n",
         "is not in Athena's format: column 'valid_start_date' is no day"),
        ("CONCEPT_ANCESTOR", "262\t\t0\t0\n", "column 'descendant_concept_id' is empty"),
        ("CONCEPT_RELATIONSHIP", f"262\t9201\t{'R' * 21}{COMMON}",
         "column 'relationship_id' is longer than the 20 letters of the CDM"),
    ],
)  # fmt: skip
def test_what_cannot_be_mended_is_refused_with_its_line(
    bundle: Path, tmp_path: Path, table: str, line: str, said: str
) -> None:
    change(bundle, table, lambda lines: [*lines[:3], line, *lines[3:]])
    with pytest.raises(InputError) as raised:
        load(bundle, tmp_path)
    assert raised.value.message == f"{table}.csv, line 4: {said}"


@pytest.mark.parametrize("table", ["CONCEPT", "CONCEPT_RELATIONSHIP", "CONCEPT_ANCESTOR", "VOCABULARY"])
def test_a_file_with_a_header_only_is_refused(bundle: Path, tmp_path: Path, table: str) -> None:
    change(bundle, table, lambda lines: lines[:1])
    with pytest.raises(InputError, match=rf"{table}.csv: has no rows, so ") as raised:
        load(bundle, tmp_path)
    assert raised.value.hint == "download the bundle again and unpack the whole of it"


def test_zero_bytes_are_taken_out_and_told(bundle: Path, tmp_path: Path) -> None:
    """No text of PostgreSQL's can hold one; a code has none where it lands either."""
    whole = (bundle / "CONCEPT.csv").read_text(encoding="utf-8")
    change(bundle, "CONCEPT", lambda lines: [*lines, *(x.replace("\t59621000", "\t59\x00621000") for x in lines
                                                      if x.startswith(f"{HYPERTENSION}\t"))])  # fmt: skip
    change(bundle, "CONCEPT_SYNONYM", lambda lines: [*lines, f"{HYPERTENSION}\t\0\t4175771\n"])
    assert (bundle / "CONCEPT.csv").read_text(encoding="utf-8") != whole
    release = load(bundle, tmp_path)
    assert set(release.notes) == {
        "CONCEPT.csv: 1 rows held zero bytes, which were taken out", "CONCEPT.csv: 1 doubled lines were dropped",
        "CONCEPT_SYNONYM.csv: 1 rows held zero bytes, which were taken out",
        "CONCEPT_SYNONYM.csv: 1 rows without a name were left out",
    }  # fmt: skip
    assert same_as_whole(release, tmp_path, "concept", "concept_synonym")


@pytest.mark.parametrize("table", ["CONCEPT", "CONCEPT_SYNONYM", "VOCABULARY"])
def test_half_of_a_letter_of_utf_16_is_no_text(bundle: Path, tmp_path: Path, table: str) -> None:
    file = bundle / f"{table}.csv"
    lines = file.read_bytes().splitlines(keepends=True)
    cells = lines[3].split(b"\t")
    cells[1] += b"\xed\xa0\x80"
    file.write_bytes(b"".join([*lines[:3], b"\t".join(cells), *lines[4:]]))
    with pytest.raises(InputError, match=rf"{table}\.csv, line 4: .*is not UTF-8 text"):
        load(bundle, tmp_path)


@pytest.mark.parametrize("table", ["CONCEPT", "CONCEPT_CPT4", "DRUG_STRENGTH"])
def test_a_pipe_in_a_bundle_is_not_waited_for(bundle: Path, tmp_path: Path, table: str) -> None:
    (bundle / f"{table}.csv").unlink(missing_ok=True)
    os.mkfifo(bundle / f"{table}.csv")
    with pytest.raises(InputError, match=rf"{table}\.csv is a pipe"):
        load(bundle, tmp_path)


def test_other_files_without_rows_are_told(bundle: Path, tmp_path: Path) -> None:
    change(bundle, "DRUG_STRENGTH", lambda lines: lines[:1])
    assert load(bundle, tmp_path).notes == ("DRUG_STRENGTH.csv has no rows",)


def test_a_column_that_stands_twice_is_refused(bundle: Path, tmp_path: Path) -> None:
    change(bundle, "DOMAIN", lambda lines: [lines[0].replace("domain_name", "domain_id"), *lines[1:]])
    with pytest.raises(InputError, match=r"DOMAIN.csv, line 1: column 'domain_name' is missing"):
        load(bundle, tmp_path)
    change(bundle, "DOMAIN", lambda _lines: ["domain_id\tdomain_name\tdomain_concept_id\tdomain_id\n"])
    with pytest.raises(InputError, match=r"DOMAIN.csv, line 1: column 'domain_id' stands twice"):
        load(bundle, tmp_path)


def test_cpt4_beside_its_bundle_is_told_until_it_is_merged(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = (bundle / "CONCEPT.csv").read_text(encoding="utf-8").split("\n", 1)[0]
    concept = f"2107964\t\tProcedure\tCPT4\tCPT4\tS\t33533{COMMON}"
    (bundle / "CONCEPT_CPT4.csv").write_text(f"{header}\n{concept}", encoding="utf-8")
    [note] = load(bundle, tmp_path).notes
    assert note.startswith("CONCEPT_CPT4.csv: 1 concepts are not in CONCEPT.csv")
    change(bundle, "CONCEPT", lambda lines: [*lines, concept.replace("\t\tProcedure", "\tBypass\tProcedure")])
    monkeypatch.setenv("ETL_HOME", str(tmp_path / "home"))
    result = CliRunner().invoke(app, ["vocabulary", "load", str(bundle)])
    assert (result.exit_code, "CPT4" in result.output) == (0, False)


def test_the_command_tells_what_was_mended(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(bundle, "CONCEPT", named(""))
    change(bundle, "DOMAIN", lambda lines: [*lines, lines[1]])
    monkeypatch.setenv("ETL_HOME", str(tmp_path / "home"))
    result = CliRunner().invoke(app, ["vocabulary", "load", str(bundle)])
    assert result.exit_code == 0
    assert "warning: CONCEPT.csv: 1 names were missing" in result.output
    assert "warning: DOMAIN.csv: 1 doubled lines were dropped" in result.output
