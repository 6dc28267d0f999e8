"""Names and texts get into SQL by one helper: no f-string and no template fills what stands between quotes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import etl

ROOT = Path(etl.__file__).parent
#: A text is SQL where it says so; messages for people quote names, too.
_SQL = re.compile(
    r"\b(select .*|copy \(|attach |set \w+ =|create (or replace )?(macro|view|table)|drop table|order by|"
    r"case when|when not|is (not )?null|is (not )?distinct|where \w+ (=|in|is) |::varchar|"
    r" as (cdm_table|source|entry|reason))",
    re.DOTALL,
)


def _quoted_values(file: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        said = "".join(p.value for p in node.values if isinstance(p, ast.Constant) and isinstance(p.value, str))
        if not _SQL.search(said):
            continue
        for before, value in zip(node.values, node.values[1:], strict=False):
            if (
                isinstance(value, ast.FormattedValue)
                and isinstance(before, ast.Constant)
                and str(before.value).endswith(("'", '"'))
            ):
                found.append(f"{file.relative_to(ROOT)}:{value.lineno} {ast.unparse(value)}")
    return found


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.py")), ids=lambda f: str(f.relative_to(ROOT)))
def test_no_f_string_puts_a_value_between_quotes_of_sql(file: Path) -> None:
    assert _quoted_values(file) == []


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.sql")), ids=lambda f: str(f.relative_to(ROOT)))
def test_no_template_of_sql_puts_a_value_between_quotes(file: Path) -> None:
    assert re.findall(r"['\"]\{\w+\}", file.read_text(encoding="utf-8")) == []


def test_a_name_between_quotes_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("test_sql_quoting.ROOT", tmp_path)
    (file := tmp_path / "room.py").write_text("x = f\"select '{name}' as source from {table}\"\n", encoding="utf-8")
    assert len(_quoted_values(file)) == 1
