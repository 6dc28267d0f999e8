"""Who vouches for accounts in the place of passwords: an OpenID Connect issuer, as a YAML file of the operator says."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import yaml
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, ValidationError

from etl.errors import ConfigError, TransientError, UsageError
from etl.office.rules import rules

_ALGORITHMS = ["RS256", "ES256", "PS256"]
_PATIENCE = 10.0  # seconds
_WIDEST = 200  # letters of a subject that the ledger keeps
_SCOPE = "openid profile email"


class Vouching(BaseModel):
    """What the file says; `roles` gives a role for a value of `claim`, the first one that somebody has counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str
    client_id: str
    secret_file: Path
    roles: dict[str, str]
    claim: str = "groups"
    name_claim: str = "preferred_username"
    title: str = "Single sign-on"


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom the issuer vouches for."""

    subject: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Trip:
    """What the browser keeps while it is at the issuer: three secrets that tie its return to its leaving."""

    state: str
    nonce: str
    verifier: str

    @staticmethod
    def new() -> Trip:
        """Drawn at random."""
        return Trip(*(secrets.token_urlsafe(32) for _ in range(3)))

    @staticmethod
    def read(cookie: str | None) -> Trip | None:
        """As a cookie holds it; None where it holds none."""
        parts = (cookie or "").split(".")
        return Trip(*parts) if len(parts) == 3 and all(parts) else None

    def __str__(self) -> str:
        return f"{self.state}.{self.nonce}.{self.verifier}"


class Issuer:
    """An issuer, asked by its own description of itself."""

    def __init__(self, said: Vouching) -> None:
        self.said = said
        self.name = said.issuer

    @property
    def title(self) -> str:
        """What the button says."""
        return self.said.title

    @cached_property
    def _described(self) -> Mapping[str, Any]:
        found = self._get(f"{self.said.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self.said.issuer:
            raise ConfigError("the issuer calls itself otherwise", hint="issuer in the file that ETL_OFFICE_OIDC names")
        return found

    def address(self, trip: Trip, back: str) -> str:
        """Where a browser is sent to sign in; `back` is where it returns to."""
        with self._client(back) as client:
            address, _ = client.create_authorization_url(
                self._described["authorization_endpoint"], state=trip.state, nonce=trip.nonce,
                code_verifier=trip.verifier,
            )  # fmt: skip
        return str(address)

    def vouches(self, trip: Trip, returned: str, back: str) -> Vouched:
        """Whom a browser that returned with an address is; UsageError where the issuer does not say so."""
        try:
            with self._client(back) as client:
                token = client.fetch_token(
                    self._described["token_endpoint"], authorization_response=returned, state=trip.state,
                    code_verifier=trip.verifier,
                )  # fmt: skip
            claims = self._claims(str(token["id_token"]), trip)
        except httpx.HTTPError as error:
            raise _away(error) from None
        except (JoseError, KeyError, ValueError) as error:
            raise _refused(error) from None
        except Exception as error:  # authlib's errors have no common base that is its own
            raise _refused(error) from None
        return self._vouched(claims)

    def _claims(self, id_token: str, trip: Trip) -> Mapping[str, Any]:
        keys = KeySet.import_key_set(self._get(self._described["jwks_uri"]))  # type: ignore[arg-type]
        token = jwt.decode(id_token, keys, algorithms=_ALGORITHMS)
        wanted = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self.said.issuer}, aud={"essential": True, "value": self.said.client_id},
            nonce={"essential": True, "value": trip.nonce}, sub={"essential": True}, exp={"essential": True},
        )  # fmt: skip
        wanted.validate(token.claims)
        for_us = token.claims.get("azp", self.said.client_id) == self.said.client_id
        if not for_us or len(str(token.claims["sub"])) > _WIDEST:
            raise ValueError("the token is another's, or names nobody whom the ledger could keep")
        return token.claims

    def _vouched(self, claims: Mapping[str, Any]) -> Vouched:
        has = claims.get(self.said.claim)
        said = [has] if isinstance(has, str) else has if isinstance(has, list) else []  # nothing else names groups
        values = {str(value) for value in said}
        role = next((role for value, role in self.said.roles.items() if value in values), None)
        if role is None:
            raise UsageError("nothing that the issuer says of this account gives a role here",
                             hint="ask whoever keeps the accounts")  # fmt: skip
        name = str(claims.get(self.said.name_claim) or claims.get("email") or claims["sub"])
        return Vouched(str(claims["sub"]), name, role)

    def _client(self, back: str) -> OAuth2Client:
        secret = self.said.secret_file.read_text(encoding="utf-8").strip()
        return OAuth2Client(
            self.said.client_id, secret, scope=_SCOPE, redirect_uri=back, code_challenge_method="S256",
            timeout=_PATIENCE,
        )  # fmt: skip

    def _get(self, url: str) -> Mapping[str, Any]:
        try:
            answer = httpx.get(url, timeout=_PATIENCE)
            answer.raise_for_status()
            found: Mapping[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise _away(error) from None
        return found


def issuer_of(file: Path) -> Issuer:
    """The issuer that a file names; ConfigError where it says something else than it has to."""
    try:
        said = Vouching.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{file} cannot be read: {type(error).__name__}", hint="ETL_OFFICE_OIDC") from None
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, each["loc"])) for each in error.errors(include_input=False))
        raise ConfigError(f"{file}: wrong or missing: {wrong}", hint="docs/office.md has an example") from None
    if unknown := sorted(set(said.roles.values()) - set(rules().roles)):
        raise ConfigError(f"{file}: there is no role '{unknown[0]}'", hint=f"there are: {', '.join(rules().roles)}")
    if not said.secret_file.is_file():
        raise ConfigError(f"{file}: there is no file {said.secret_file}", hint="put the client's secret there")
    return Issuer(said)


def _away(error: Exception) -> TransientError:
    return TransientError(f"the issuer does not answer: {type(error).__name__}", hint="try again in a minute")


def _refused(error: Exception) -> UsageError:
    """Its text is left out: it may quote a token."""
    return UsageError(f"the sign-in was not completed: {type(error).__name__}", hint="begin again at the sign-in page")
