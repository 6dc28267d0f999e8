"""Signing in to the office by an issuer that vouches, against one that is served on this machine."""

from __future__ import annotations

import httpx
import pytest
import yaml
from joserfc.jwk import RSAKey
from office_site import Visitor, settings_of
from oidc_issuer import CLIENT, SECRET, issuer

from etl.errors import ConfigError
from etl.office.accounts import account, add, disable
from etl.office.app import create_app
from etl.office.record import Actor, Asked, events
from etl.store.ledger.ledger import Ledger

GROUPS = {"omop-quality": "quality officer", "omop-audit": "auditor"}


@pytest.fixture(scope="module")
def served():
    with issuer() as made:
        yield made


@pytest.fixture
def sso(served):
    served.claims = {"sub": "u-1", "preferred_username": "kim", "groups": ["staff", "omop-quality"]}
    served.other, served.signs_with = {}, None
    return served


def written(folder, said):
    (folder / "secret").write_text(SECRET + "\n", encoding="utf-8")
    file = folder / "oidc.yaml"
    file.write_text(yaml.safe_dump(said), encoding="utf-8")
    return file


@pytest.fixture
def settings(tmp_path, sso):
    said = {"issuer": sso.url, "client_id": CLIENT, "secret_file": str(tmp_path / "secret"), "roles": GROUPS,
            "title": "Consortium sign-on"}  # fmt: skip
    return settings_of(tmp_path).model_copy(update={"office_oidc": written(tmp_path, said)})


def come_back(visitor: Visitor, change=lambda url: url) -> httpx.Response:
    """To the issuer and back, as a browser is sent."""
    leaving = visitor.get("/sign-in/oidc")
    assert leaving.status_code == 303
    returning = httpx.get(leaving.headers["location"]).headers["location"]
    return visitor.get(change(returning))


def test_who_is_vouched_for_is_signed_in_with_the_role_that_a_claim_gives(settings, sso):
    visitor = Visitor(settings)
    assert "Consortium sign-on" in visitor.get("/sign-in").text
    assert come_back(visitor).headers["location"] == "/"
    page = visitor.get("/account").text
    assert "kim" in page
    assert "quality officer" in page
    assert sso.url in page, "the password is changed there"
    ledger = Ledger(settings.ledger_url)
    assert [e.action for e in events(ledger, Asked(), 1)[0]] == ["signed in", "account added"]


def test_another_role_is_taken_at_the_next_sign_in(settings, sso):
    come_back(Visitor(settings))
    sso.claims["groups"] = "omop-audit"
    visitor = Visitor(settings)
    come_back(visitor)
    assert visitor.get("/log").status_code == 200


@pytest.mark.parametrize(
    "other",
    [
        {"iss": "https://evil.test"},
        {"aud": "another-client"},
        {"nonce": "another"},
        {"exp": 1_000_000_000},
        {"groups": ["staff"]},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 300},
        {"nonce": None},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": 4_000_000_000},
        {"aud": ["another-client", CLIENT], "azp": "another-client"},
        {"groups": None},
        {"groups": 5},
        {"groups": {"omop-quality": False}},
        {"preferred_username": "etl"},
        {"preferred_username": "<script>alert(1)</script>"},
        {"preferred_username": "kim\r\nX: y"},
    ],
    ids=str,
)
def test_a_token_that_says_something_else_lets_nobody_in(settings, sso, other):
    sso.other = other
    visitor = Visitor(settings)
    assert come_back(visitor).status_code == 409
    assert "office_session" not in visitor.client.cookies
    assert account(Ledger(settings.ledger_url), "kim") is None


def test_a_token_that_another_has_signed_lets_nobody_in(settings, sso):
    sso.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
    assert come_back(Visitor(settings)).status_code == 409


def test_the_way_back_is_that_of_the_browser_that_left(settings, sso):
    leaving = Visitor(settings).get("/sign-in/oidc").headers["location"]
    returning = httpx.get(leaving).headers["location"]
    stranger = Visitor(settings)
    assert stranger.get(returning).status_code == 409
    assert come_back(stranger, lambda url: url.replace("state=", "state=x")).status_code == 409
    assert come_back(stranger, lambda url: url.replace("code=", "code=x")).status_code == 409


def test_a_name_of_an_account_of_the_office_is_not_taken_over(settings, sso):
    ledger = Ledger(settings.ledger_url)
    add(ledger, Actor("t", None), "kim", "reader", "a fine long password")
    assert come_back(Visitor(settings)).status_code == 409
    assert account(ledger, "kim").issuer is None


def test_a_disabled_account_stays_out(settings, sso):
    come_back(Visitor(settings))
    disable(Ledger(settings.ledger_url), Actor("t", None), "kim")
    visitor = Visitor(settings)
    assert "disabled" in come_back(visitor).text
    assert visitor.get("/").status_code == 303


def test_an_issuer_that_is_away_is_told_with_503(settings):
    said = yaml.safe_load(settings.office_oidc.read_text(encoding="utf-8")) | {"issuer": "http://127.0.0.1:9"}
    away = settings.model_copy(update={"office_oidc": written(settings.home, said)})
    assert Visitor(away).get("/sign-in/oidc").status_code == 503


def test_without_an_issuer_there_is_no_such_page(tmp_path):
    assert Visitor(settings_of(tmp_path)).get("/sign-in/oidc").status_code == 404


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"roles": {"x": "emperor"}}, "emperor"),
        ({"secret_file": "/nowhere/secret"}, "/nowhere/secret"),
        ({"client": "x"}, "client"),
        ({"issuer": None}, "issuer"),
    ],
)
def test_what_is_wrong_with_the_file_is_told_when_the_office_opens(settings, change, told):
    said = yaml.safe_load(settings.office_oidc.read_text(encoding="utf-8")) | change
    wrong = settings.model_copy(update={"office_oidc": written(settings.home, said)})
    with pytest.raises(ConfigError, match=told):
        create_app(wrong)
