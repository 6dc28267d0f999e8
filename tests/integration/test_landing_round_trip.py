"""Whatever text a hospital can write with quotes lands as it was; what it cannot write is counted exactly."""

from __future__ import annotations

import csv
import io
import tempfile
from collections import Counter
from pathlib import Path

import tiny
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tiny import Tiny

FOUND = (Phase.explicit, Phase.generate)  # a whole landing per example: making a failing one smaller takes too long
HANGUL = "가나다힣뷁똠㎎㎕℃①ㄱ韓"
SPECIAL = "\",|\t\n\r\\'; ~*"


def cells(encoding: str) -> st.SearchStrategy[str]:
    """Texts of characters that the encoding has, quotes, delimiters and line ends among them."""
    plain = st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\x00")
    letters = st.sampled_from(HANGUL + SPECIAL) | (
        plain if encoding == "utf-8" else st.characters(max_codepoint=126, min_codepoint=32)
    )
    return st.text(letters, max_size=12)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, str, str, int, list[tuple[str, str]]]:
    """Encoding, delimiter, line end, Python's way of quoting, and rows of two text columns."""
    encoding = draw(st.sampled_from(["utf-8", "cp949", "euc-kr"]))
    # a character of cp949 that euc-kr lacks must not be drawn for it
    usable = cells(encoding).filter(lambda t: t.encode(encoding, "ignore").decode(encoding) == t)
    rows = draw(st.lists(st.tuples(usable, usable), min_size=1, max_size=15))
    delimiter, end = draw(st.sampled_from([",", "|", "\t", "~"])), draw(st.sampled_from(["\n", "\r\n"]))
    quoting = draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
    if any("\r" in cell for row in rows for cell in row):  # which Python 3.11 leaves without quotes when it writes \n
        quoting = csv.QUOTE_ALL
    return encoding, delimiter, end, quoting, rows


@settings(max_examples=40, phases=FOUND)
@given(files())
def test_every_cell_lands_as_it_was_written(
    vocabulary: Path, file: tuple[str, str, str, int, list[tuple[str, str]]]
) -> None:
    encoding, delimiter, end, quoting, rows = file
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([("EXM_CD", "EDI_CD", "FROM_DD", "TO_DD"), *((a, b, "", "") for a, b in rows)])
    with tempfile.TemporaryDirectory() as folder:
        hospital = tiny.make(Path(folder) / "home", vocabulary)
        hospital.rewrite(
            "sources.yaml", "file: EXM.csv", f'file: EXM.csv\n    encoding: {encoding}\n    delimiter: "{delimiter}"'
        )
        run = hospital.through("land", folder=hospital.deliver(EXM=out.getvalue().encode(encoding)))
        found = [(row["EXM_CD"] or "", row["EDI_CD"] or "") for row in tiny.landed(run, "exam_codes")]
        assert tiny.rejected(run) == []
    assert found == rows


GOOD, UNKNOWN, UNDATED, FUTURE, SHORT, LONG, UNDECODABLE = (
    b"70001,A01,L001,2026-06-01 09:10,%d,g/dL\n",
    b"79999,A01,L001,2026-06-01 09:10,%d,g/dL\n",
    b"70001,A01,L001,,%d,g/dL\n",
    b"70001,A01,L001,2099-01-01,%d,g/dL\n",
    b"70001,A01,%d\n",
    b"70001,A01,L001,2026-06-01,%d,g/dL,x,y\n",
    b"70001,A01,L001,2026-06-01 09:10,%d\xff,g/dL\n",
)
SPANNING = b'70001,A01,L001,2026-06-01 09:10,%d,"g\n/dL"\n'
OUTCOMES = {
    GOOD: "mapped", SPANNING: "mapped", UNKNOWN: "quarantined:person_unknown", UNDATED: "quarantined:start_missing",
    FUTURE: "quarantined:start_in_future", SHORT: "rejected:short_row", LONG: "rejected:long_row",
    UNDECODABLE: "rejected:undecodable",
}  # fmt: skip


@settings(max_examples=12, phases=FOUND)
@given(st.lists(st.sampled_from(list(OUTCOMES)), min_size=1, max_size=40), st.sampled_from(["utf-8", "cp949"]))
def test_any_mix_of_good_and_bad_rows_is_accounted_exactly(vocabulary: Path, kinds: list[bytes], encoding: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        hospital: Tiny = tiny.make(Path(folder) / "home", vocabulary)
        hospital.rewrite(
            "sources.yaml", "file: LAB.csv", f"file: LAB.csv\n    max_rejected: 1\n    encoding: {encoding}"
        )
        body = [kind % number for number, kind in enumerate(kinds)]
        run = hospital.mapped(LAB=b"PT_NO,ADM_NO,EXM_CD,EXM_DTM,RESULT,UNIT\n" + b"".join(body))
        assert tiny.account(run, "results") == dict(Counter(OUTCOMES[kind] for kind in kinds))
        tiny.assert_adds_up(run, {"results": len(kinds)})

        lines = [sum(row.count(b"\n") for row in body[:i]) + 2 for i in range(len(kinds))]
        bad = [(line, OUTCOMES[k]) for line, k in zip(lines, kinds, strict=True) if OUTCOMES[k].startswith("rejected")]
        assert [(line, f"rejected:{reason}") for _, line, reason in tiny.rejected(run)] == bad
        ids = [row["measurement_id"] for row in tiny.mapped_rows(run, "measurement")]
        person = {row["person_id"] for row in tiny.mapped_rows(run, "measurement")}
        assert len(ids) == len(set(ids))
        assert all(i < 1 << 53 and i >> 23 in person and i >> 47 == 5 for i in ids)
