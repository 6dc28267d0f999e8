"""URLs of databases: one that cannot be what was meant is refused with the way to mend it, and never shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from etl.cli import app
from etl.errors import ConfigError
from etl.settings import Settings, database_url

PASSWORDS = ("geh@eim", "@geheim", "geheim@", "ge@h/eim", "ge@h?eim", "ge@h:eim", "ge@h#eim", "g@e@h@eim")
COMMANDS = (
    ["status"], ["doctor", "--json"], ["run", "snuh", "nowhere"], ["sql", "select 1"], ["warehouse", "status"],
    ["publish", "snuh-20260701-0123456789ab"], ["rollback", "snuh", "--list"], ["report"], ["unmapped", "snuh"],
)  # fmt: skip


def _pieces(password: str) -> list[str]:
    return [part for part in password.replace("/", "@").replace("?", "@").replace("#", "@").split("@") if len(part) > 2]


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_reserved_sign_in_a_password_is_refused_and_not_shown(tmp_path: Path, password: str) -> None:
    url = f"postgresql+psycopg://etl:{password}@db.example.org/warehouse"
    with pytest.raises(ConfigError) as raised:
        Settings(home=tmp_path, warehouse_url=url).warehouse  # noqa: B018
    assert raised.value.exit_code == 4
    assert "%40" in str(raised.value)
    assert not any(piece in str(raised.value) for piece in _pieces(password))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_shows_a_part_of_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    monkeypatch.setenv("ETL_WAREHOUSE_URL", "postgresql+psycopg://etl:ge@heim123@127.0.0.1:1/warehouse")
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 4, done.output
    assert "heim123" not in done.output + done.stderr
    assert not (tmp_path / "ledger.sqlite").exists()


def test_the_signs_as_codes_are_the_password() -> None:
    url = database_url("postgresql+psycopg://etl:ge%40h%2Feim@db.example.org/warehouse", "X", "y")
    assert (url.password, url.host, url.database) == ("ge@h/eim", "db.example.org", "warehouse")


@pytest.mark.parametrize(
    ("url", "mend"),
    {
        "postgres://etl@db/warehouse": "postgresql+psycopg:// in the place of postgres://",
        "mysql://etl@db/warehouse": "postgresql+psycopg://<user>",
        "postgresql+psycopg://etl@db:abc/warehouse": "a port is a number",
        "postgresql+psycopg://etl@db:99999/warehouse": "such as postgresql+psycopg://",
        "db.example.org": "such as postgresql+psycopg://",
        "ducklake://": "ducklake:///<absolute folder>",
    }.items(),
)
def test_a_url_that_cannot_work_tells_how_it_is_mended(tmp_path: Path, url: str, mend: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Settings(home=tmp_path, warehouse_url=url).warehouse  # noqa: B018
    assert raised.value.exit_code == 4
    assert mend in str(raised.value.hint)


def test_parameters_of_the_url_are_not_shown(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, warehouse_url="postgresql+psycopg://etl:geheim@db/warehouse?password=geheim")
    assert settings.warehouse_shown == "postgresql+psycopg://etl:***@db/warehouse"
    assert "geheim" not in json.dumps(settings.warehouse_shown)
