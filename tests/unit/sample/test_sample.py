"""The sample exports: what each hospital delivers, in which shape, and with which errors."""

from __future__ import annotations

import csv
import re
from datetime import date
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from etl.sample import generate
from etl.sample.catalogue import HERE, read_rows
from etl.sample.dialect import dialects
from etl.sample.generate import Delivery, write_exports

NIGHT = date(2026, 11, 23)
NEXT_NIGHT = date(2026, 11, 24)
HOSPITALS = tuple(dialects())

#: Per family, the columns the traps are looked for in: (file, column).
PERSON = {
    "P": ("ods_appatbat", "PATNO"),
    "I": ("19.PMCMPTBS_환자기본정보", "PID"),
    "T": ("PT_INFO", "PT_NO"),
    "K": ("person", "환자번호"),
}
NAME = {"P": "PATNAME", "I": "HNGNM", "T": "PT_NM", "K": "환자명"}
STAYS = {
    "P": ("ods_apipdlst", "RCPTNO", "ADMTIME", "DSCHTIME"),
    "I": ("16.PMIHINPT_입원수진이력", "CRETNO", "INDD", "DSCHDD"),
    "T": ("PACT_HIST", "PACT_ID", "ADS_DT", "DS_DT"),
    "K": ("visit_occurrence", "수진번호", "내원시작일시", "내원종료일시"),
}
OUTPATIENTS = {"P": "ods_apopdlst", "I": "20.PMOHOTPT_외래수진이력"}
DIAGNOSES = {
    "P": ("dw_mmpdiagt", "DIAGCODE", "RULEOUTYN = 'Y'"),
    "I": ("12.MMOHDIAG_진단정보", "DIAGCD", "DIAGKINDCD = 'R'"),
    "T": ("DIAG_HIST", "ICD10_CD", "RULEOUT_YN = 'Y'"),
    "K": ("condition_occurrence", "진단코드", "\"확정상병여부\" = 'R'"),
}
DIAGNOSIS_MASTER = {
    "P": ("ods_sidiagct", "DIAGCODE", "KCDVERSION"),
    "I": ("30.MRTMTERM_진단용어", "TERMCD", "KCDVER"),
    "T": ("DIAG_CD_MST", "ICD10_CD", "KCD_VER"),
    "K": ("진단코드마스터", "진단코드", "KCD차수"),
}
DRUGS = {
    "P": ("dw_mmcuhort_med", "ORDCODE", "ORDDATE", "DCYN"),
    "I": ("08.MMOHOIPRC_약처방정보", "PRCPCD", "PRCPDD", "DCYN"),
    "T": ("DRUG_ORD", "ORD_CD", "ORD_DT", "DC_YN"),
    "K": ("drug_exposure", "약처방코드", "약처방일", "DC여부"),
}
DRUG_MASTER = {
    "P": ("ods_mmordrct", "ORDCODE", "FROMDATE", "TODATE"),
    "I": ("22.ADBMDRUG_약제마스터", "DRUGCD", "FROMDD", "TODD"),
    "T": ("ORD_CD_MST", "ORD_CD", "APLY_STRT_DT", "APLY_END_DT"),
    "K": ("처방코드마스터", "처방코드", "적용시작일", "적용종료일"),
}
EDI_MASTER = {
    "P": ("ods_aipricst", "INSEDICODE"),
    "I": ("17.PICMMECH_수가마스터", "INSUEDICD"),
    "T": ("ORD_CD_MST", "EDI_CD"),
    "K": ("처방코드마스터", "EDI 코드"),
}
LABS = {
    "P": ("dw_stexmrst", "EXAMCODE", "RSLTTEXT", "RSLTUNIT", "REMARK", "ORDDATE"),
    "I": ("11.LLRHSPDO_진단검사결과", "TESTCD", "INPTRSLT", "TESTRSLTUNIT", "BIGO", "PRCPDD"),
    "T": ("EXM_RSLT", "EXM_CD", "EXM_RSLT_CNTE", "RSLT_UNIT", "BIGO", "ORD_DT"),
    "K": ("measurement", "검사코드", "검사결과", "검사단위", "비고", "검사일시"),
}


def read(delivery: Delivery, name: str) -> pa.Table:
    """A file of a delivery, every column text, empty fields NULL."""
    dialect = dialects()[delivery.hospital]
    return read_file(delivery.folder / dialect.file_name.format(name=name, night=delivery.night), delivery.hospital)


@lru_cache(maxsize=128)
def read_file(path: Path, hospital: str) -> pa.Table:
    """A file of a hospital; kept, as many tests look at the same files."""
    dialect = dialects()[hospital]
    if dialect.format == "parquet":
        return pq.read_table(path)
    encoding = "utf-8-sig" if dialect.bom else dialect.encoding
    text = path.read_bytes().decode(encoding).encode()
    header = text[: text.index(b"\n")].decode().rstrip("\r").split(dialect.delimiter)
    return pacsv.read_csv(
        pa.BufferReader(text),
        parse_options=pacsv.ParseOptions(delimiter=dialect.delimiter),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=True, null_values=[""]
        ),
    )


def count(query: str, **tables: pa.Table) -> int:
    """The number a query over tables returns."""
    with duckdb.connect() as db:
        for name, table in tables.items():
            db.register(name, table)
        return int(db.execute(query).fetchone()[0])


@pytest.fixture(scope="session")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Delivery]:
    """One night of all hospitals, 1,000 patients each."""
    written = write_exports(tmp_path_factory.mktemp("exports"), patients=1000, seed=7, night=NIGHT)
    return {delivery.hospital: delivery for delivery in written}


@pytest.fixture(params=HOSPITALS)
def delivery(request: pytest.FixtureRequest, deliveries: dict[str, Delivery]) -> Delivery:
    """Each hospital's delivery in turn."""
    return deliveries[request.param]


def family(delivery: Delivery) -> str:
    """The layout family of a delivery's hospital."""
    return dialects()[delivery.hospital].family


@pytest.mark.parametrize("hospital", ["cnuh", "eumc"])
def test_the_same_seed_writes_the_same_bytes(tmp_path: Path, hospital: str) -> None:
    first, again, other = (
        write_exports(tmp_path / place, hospitals=[hospital], patients=60, seed=seed, night=NIGHT)[0]
        for place, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    contents = [{path.name: path.read_bytes() for path in one.folder.iterdir()} for one in (first, again, other)]
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


@pytest.mark.parametrize("hospital", ["snubh"])
def test_the_next_night_holds_the_same_events_and_those_of_one_more_day(tmp_path: Path, hospital: str) -> None:
    tonight, tomorrow = (
        write_exports(tmp_path, hospitals=[hospital], patients=1000, night=night)[0] for night in (NIGHT, NEXT_NIGHT)
    )
    news = 0
    for name in (LABS, DIAGNOSES, DRUGS):
        file = name[family(tonight)][0]
        nights = {"n": read(tonight, file), "m": read(tomorrow, file)}
        assert count("select count(*) from (from n except all from m)", **nights) == 0
        news += count("select count(*) from (from m except all from n)", **nights)
    assert news > 0


def test_a_larger_export_is_made_in_chunks_that_do_not_clash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "CHUNK", 100)
    seen: list[tuple[str, int, int]] = []
    delivery = write_exports(
        tmp_path, hospitals=["cbnuh"], patients=250, night=NIGHT, progress=lambda *step: seen.append(step)
    )[0]
    assert seen == [("cbnuh", 100, 258), ("cbnuh", 200, 258), ("cbnuh", 258, 258)]
    people = read(delivery, PERSON["I"][0])
    assert 250 <= count("select count(distinct PID) from people", people=people) <= 258
    visits = read(delivery, OUTPATIENTS["I"])
    assert count("select max(n) from (select count(distinct PID) n from t group by CRETNO)", t=visits) == 1


def test_a_delivery_has_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    def stop(*_: object) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        write_exports(tmp_path, hospitals=["dsmc"], patients=20, night=NIGHT, progress=stop)
    assert not (tmp_path / "dsmc" / NIGHT.isoformat()).exists()
    again = write_exports(tmp_path, hospitals=["dsmc"], patients=20, night=NIGHT)[0]
    assert [path.name for path in (tmp_path / "dsmc").iterdir()] == [again.folder.name]


def test_a_night_before_the_sample_begins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2016"):
        write_exports(tmp_path, night=date(2015, 1, 1))


def test_files_have_the_encoding_delimiter_and_line_ends_of_the_hospital(delivery: Delivery) -> None:
    dialect = dialects()[delivery.hospital]
    for layout in dialect.files:
        path = delivery.folder / dialect.name_of(layout, NIGHT)
        if dialect.format == "parquet":
            schema = pq.read_schema(path)
            assert set(schema.types) == {pa.string()} and tuple(schema.names) == layout.header
            continue
        raw = path.read_bytes()
        assert raw.startswith(b"\xef\xbb\xbf") == dialect.bom
        assert raw.endswith(dialect.line_end.encode())
        assert raw.count(b"\r\n") == (raw.count(b"\n") if dialect.line_end == "\r\n" else 0)
        lines = raw.decode("utf-8-sig" if dialect.bom else dialect.encoding).split(dialect.line_end)
        assert lines[0].split(dialect.delimiter) == list(layout.header)
        fields = {len(row) for row in csv.reader(lines[:2000], delimiter=dialect.delimiter) if row}
        assert fields == {len(layout.header)}


def test_the_manifest_counts_the_bytes_and_rows_of_each_file(delivery: Delivery) -> None:
    manifest = read_rows(delivery.folder / "manifest.csv")
    names = {path.name for path in delivery.folder.iterdir()} - {"manifest.csv"}
    assert {row["file"] for row in manifest} == names == set(delivery.files)
    dialect = dialects()[delivery.hospital]
    for layout in dialect.files:
        row = next(row for row in manifest if row["file"] == dialect.name_of(layout, NIGHT))
        assert int(row["bytes"]) == (delivery.folder / row["file"]).stat().st_size
        assert int(row["rows"]) == delivery.files[row["file"]] == len(read(delivery, layout.name))
        assert int(row["rows"]) > 0, layout.name
    assert 60_000 < sum(delivery.files.values()) < 140_000


def test_names_need_characters_that_only_cp949_has(delivery: Delivery) -> None:
    rare = [row["syllable"] for row in read_rows(HERE / "lists" / "given_syllables.csv") if not row["sex"]]
    names = read(delivery, PERSON[family(delivery)][0])[NAME[family(delivery)]].to_pylist()
    assert any(name[-1] in rare for name in names)


@pytest.mark.parametrize("hospital", ["cbnuh", "dumc", "dsmc"])
def test_resident_numbers_agree_with_birth_date_and_sex(deliveries: dict[str, Delivery], hospital: str) -> None:
    columns = {
        "I": ("RRGSTNO1 || RRGSTNO2", "BRTHDD", "SEX"),
        "T": ("replace(RRN, '-', '')", "PT_BRDY_DT", "SEX_TP_CD"),
        "K": ("replace(주민등록번호, '-', '')", "생년월일", "성별"),
    }
    of = family(deliveries[hospital])
    number, birth, sex = columns[of]
    people = read(deliveries[hospital], PERSON[of][0])
    wrong = f"""
        select count(*)
        from (select {number} n, regexp_replace({birth}, '[-/]', '', 'g') b, {sex} in ('M', '남') m from p)
        where n[:6] <> b[3:] or (n[7] in ('1', '3', '5', '7')) <> m or (n[7] in ('1', '2', '5', '6')) <> (b < '2000')"""
    assert count(wrong, p=people) == 0


def test_free_text_gives_away_the_patient_it_belongs_to_and_nobody_else(deliveries: dict[str, Delivery]) -> None:
    people, labs = read(deliveries["cbnuh"], PERSON["I"][0]), read(deliveries["cbnuh"], LABS["I"][0])
    plain = [row["text"] for row in read_rows(HERE / "lists" / "remarks.csv") if not row["identifier"]]
    own = """select {} from (select PID, BIGO from labs where BIGO is not null and not list_contains($plain, BIGO)) l
        join (select distinct on (PID) * exclude (BIGO) from people) using (PID)"""
    with duckdb.connect() as db:
        db.register("people", people)
        db.register("labs", labs)
        held = "BIGO like '%' || HNGNM || '%' or contains(BIGO, MPPHONTEL) or contains(BIGO, PID) "
        held += "or contains(BIGO, RRGSTNO1 || '-' || RRGSTNO2)"
        told, held_own = db.execute(own.format(f"count(*), count(*) filter ({held})"), {"plain": plain}).fetchone()
    assert told == held_own
    assert 0.001 < told / len(labs) < 0.005


def test_patients_are_written_twice_and_events_belong_to_nobody(delivery: Delivery) -> None:
    of = family(delivery)
    file, key = PERSON[of]
    people, labs = read(delivery, file), read(delivery, LABS[of][0])
    drugs, diagnoses = read(delivery, DRUGS[of][0]), read(delivery, DIAGNOSES[of][0])
    assert count(f"select count(*) - count(distinct {key}) from people", people=people) > 0
    events = f"(select {key} from labs union all select {key} from drugs union all select {key} from diagnoses)"
    tables = {"people": people, "labs": labs, "drugs": drugs, "diagnoses": diagnoses}
    assert count(f"select count(*) from {events} where {key} is null", **tables) > 0
    assert count(f"select count(*) from {events} where {key} not in (select {key} from people)", **tables) > 0


def test_visits_are_doubled_reversed_unknown_or_missing(delivery: Delivery) -> None:
    of = family(delivery)
    file, key, start, end = STAYS[of]
    stays, labs = read(delivery, file), read(delivery, LABS[of][0])
    every = [stays, read(delivery, OUTPATIENTS[of])] if of in OUTPATIENTS else [stays]
    visits = pa.concat_tables([table.select([key]) for table in every])
    assert count(f"select count(*) - count(distinct {key}) from t", t=visits) > 0
    assert count(f'select count(*) from t where "{end}" < "{start}"', t=stays) > 0
    assert count(f"select count(*) from t where {key} is null", t=labs) > 0
    unknown = f"select count(*) from labs where {key} not in (select {key} from visits)"
    assert count(unknown, labs=labs, visits=visits) > 0


def test_patients_still_in_hospital_have_an_open_end(deliveries: dict[str, Delivery]) -> None:
    found = 0
    for delivery in deliveries.values():
        file, _, _, end = STAYS[family(delivery)]
        stays = read(delivery, file)
        found += count(f"""select count(*) from t where "{end}" in ('29991231', '9999-12-31')""", t=stays)
    assert found > 5


def test_dates_are_impossible_or_far_in_the_future_or_before_birth(delivery: Delivery) -> None:
    of = family(delivery)
    dates = [(LABS[of][0], LABS[of][5]), (DRUGS[of][0], DRUGS[of][2])]
    written = [text or "" for file, column in dates for text in read(delivery, file)[column].to_pylist()]
    digits = [re.sub(r"\D", "", text)[:8] for text in written]
    assert any(day.endswith("0230") for day in digits)
    assert any(day >= "20351231" for day in digits)
    assert any(day < "20160101" for day in digits)


def test_diagnosis_codes_lack_dots_and_carry_suffixes_and_blanks(delivery: Delivery) -> None:
    of = family(delivery)
    file, column, ruled_out = DIAGNOSES[of]
    diagnoses = read(delivery, file)
    master_file, key, version = DIAGNOSIS_MASTER[of]
    master = read(delivery, master_file)
    codes = diagnoses[column].to_pylist()
    assert not any("." in code for code in codes)
    assert any(re.fullmatch(r"[A-Z]\d+-\d\d", code) for code in codes)
    assert any(code != code.strip() for code in codes)
    assert count(f"select count(*) from t where {ruled_out}", t=diagnoses) > 0
    newer = f"select count(*) from t where trim({column}) in (select {key} from m where {version} = '8')"
    assert count(newer, t=diagnoses, m=master) > 0
    assert (
        count(f"select count(*) from t where trim({column}) not in (select {key} from m)", t=diagnoses, m=master) == 0
    )


def test_orders_are_discontinued_and_fall_outside_their_codes_validity(delivery: Delivery) -> None:
    of = family(delivery)
    file, code, day, dc = DRUGS[of]
    drugs = read(delivery, file)
    master_file, key, opens, ends = DRUG_MASTER[of]
    master = read(delivery, master_file)
    assert count(f"select count(*) from t where \"{dc}\" = 'Y'", t=drugs) > 0
    valid = f'trim("{code}") = "{key}" and "{day}" between "{opens}" and "{ends}"'
    outside = f"select count(*) from t where not exists (select * from m where {valid})"
    assert count(outside, t=drugs, m=master) > 0
    twofold = f"select count(*) from t where (select count(*) from m where {valid}) > 1"
    assert count(twofold, t=drugs, m=master) > 0
    assert {"29991231", "9999-12-31"} <= set(master[ends].to_pylist())


def test_some_local_codes_have_no_edi_code(delivery: Delivery) -> None:
    file, column = EDI_MASTER[family(delivery)]
    codes = read(delivery, file)[column]
    assert 0 < codes.null_count < len(codes) / 2


def test_results_and_units_are_written_in_many_ways(delivery: Delivery) -> None:
    _, _, result, unit, _, _ = LABS[family(delivery)]
    labs = read(delivery, LABS[family(delivery)][0])
    results = set(filter(None, labs[result].to_pylist()))
    assert {"검체부족", "Positive", "양성", "1+"} <= results
    for pattern in (r"<\d+(\.\d+)?", r">\d+(\.\d+)?", r"\d,\d{3}", r"[０-９]+(．[０-９]+)?"):
        assert any(re.fullmatch(pattern, text) for text in results), pattern
    assert {"mg/dL", "mg/dl"} <= set(labs[unit].to_pylist())


def test_little_is_written_after_death_and_some_is(deliveries: dict[str, Delivery]) -> None:
    death = read(deliveries["dsmc"], "death")
    written = [
        read(deliveries["dsmc"], file).select(["환자번호", day]).rename_columns(["환자번호", "day"])
        for file, day in (
            ("condition_occurrence", "진단일"),
            ("drug_exposure", "약처방일"),
            ("measurement", "검사일시"),
        )
    ]
    late = """select count(*) from e join d using (환자번호)
        where try_cast(day[:10] as date) between 사망일시[:10]::date + 2 and date '2026-11-23'"""
    assert 0 < count(late, e=pa.concat_tables(written), d=death) < 60


def test_half_of_the_newly_diagnosed_were_observed_for_a_year(deliveries: dict[str, Delivery]) -> None:
    """Of each of the most frequent diagnoses; a silence of 548 days begins a new observation, as in the pipeline."""
    files = ("condition_occurrence", "drug_exposure", "measurement")
    diagnosis, drug, lab = (read(deliveries["dsmc"], name) for name in files)
    shares = """
        with written as (
          select 환자번호 as p, 진단일 as d from diagnosis union select 환자번호, 약처방일 from drug
          union select 환자번호, 검사일시 from lab
        ),
        day as (select distinct p, try_cast(left(d, 10) as date) as d from written where p is not null),
        marked as (
          select p, d, d - lag(d) over (partition by p order by d) >= 548 as new from day
          where d between date '2016-01-01' and date '2026-11-23'
        ),
        numbered as (select p, d, count(*) filter (new) over (partition by p order by d) as period from marked),
        period as (select p, min(d) as begins, max(d) as ends from numbered group by p, period),
        first as (
          select 환자번호 as p, left(trim(진단코드), 3) as code, min(try_cast(left(진단일, 10) as date)) as d
          from diagnosis where 진단코드[1] between 'A' and 'R' group by all
        )
        select code, count(*) as patients, avg((d - begins >= 365)::int) as share
        from first join period using (p) where d between begins and ends
        group by code having patients >= 60 order by code"""
    with duckdb.connect() as db:
        for name, table in (("diagnosis", diagnosis), ("drug", drug), ("lab", lab)):
            db.register(name, table)
        found = db.execute(shares).fetchall()
    assert {"E11", "I10", "J06", "K29"} <= {code for code, _, _ in found}
    assert [row for row in found if row[2] < 0.5] == []


def test_a_third_of_the_patients_told_what_a_check_up_asks_for(delivery: Delivery) -> None:
    of = family(delivery)
    people, diagnoses = read(delivery, PERSON[of][0]), read(delivery, DIAGNOSES[of][0])
    key, code = PERSON[of][1], DIAGNOSES[of][1]
    told = f"select count(distinct {key}) from d where left(trim({code}), 3) in ('Z72', 'Z80', 'Z82', 'Z88', 'Z91')"
    assert count(told, d=diagnoses) > 0.3 * count(f"select count(distinct {key}) from p", p=people)


def test_clinics_are_closed_at_weekends_and_on_public_holidays(deliveries: dict[str, Delivery]) -> None:
    visits = read(deliveries["boramae"], "PACT_HIST")
    closed = pa.table({"day": [row["day"] for row in read_rows(HERE / "lists" / "holidays.csv")]})
    days = "(select try_cast(replace(left(ADS_DT, 10), '/', '-') as date) as d from v where PACT_TP_CD = 'O')"
    open_ = count(f"select count(*) from {days}", v=visits)
    is_closed = "isodow(d) > 5 or d::varchar in (select day from c)"
    off = count(f"select count(*) from {days} where {is_closed}", v=visits, c=closed)
    assert open_ > 100
    assert off <= 0.02 * open_  # what traps move falls on any day


def test_no_result_is_more_than_an_analyser_reports(delivery: Delivery) -> None:
    most = {row["local"]: float(row["most"]) for row in read_rows(HERE / "catalog" / "labs.csv") if row["most"]}
    name, code, result, *_ = LABS[dialects()[delivery.hospital].family]
    told = read(delivery, name)
    numbers = zip(told[code].to_pylist(), told[result].to_pylist(), strict=True)
    beyond = [
        (stem, value) for test, text in numbers for stem in most
        if test and stem in test and (value := plain_number(text)) is not None and value > most[stem] * 1.001
    ]  # fmt: skip
    assert beyond == []


def plain_number(text: str | None) -> float | None:
    """A result that is a number, whatever its separators."""
    try:
        return float((text or "").replace(",", "").strip("<>"))
    except ValueError:
        return None
