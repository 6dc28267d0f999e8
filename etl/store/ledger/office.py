"""The ledger's tables of the office: who may sign in, who is signed in, who tried."""

from __future__ import annotations

import sqlalchemy as sa

from etl.store.ledger.meta import meta

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

ACCOUNT = sa.Table(
    "office_account",
    meta,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("role", sa.String(40), nullable=False),
    sa.Column("password", sa.String(200), comment="argon2 hash; none where somebody else knows the password"),
    sa.Column("issuer", sa.String(200), comment="who vouches for the account; none: its password here"),
    sa.Column("subject", sa.String(200), comment="what the issuer calls it"),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("changed_at", sa.DateTime, comment="when the password was set last"),
    sa.Column("disabled_at", sa.DateTime),
    comment="who may sign in to the office",
)

SESSION = sa.Table(
    "office_session",
    meta,
    sa.Column("digest", sa.String(64), primary_key=True, comment="sha256 of the token, which its bearer has"),
    sa.Column("account", sa.String(80), nullable=False, index=True),
    sa.Column("opened_at", sa.DateTime, nullable=False),
    sa.Column("seen_at", sa.DateTime, nullable=False),
    sa.Column("ended_at", sa.DateTime),
    comment="who is signed in to the office",
)

ATTEMPT = sa.Table(
    "office_attempt",
    meta,
    sa.Column("number", _NUMBER, sa.Identity(), primary_key=True),
    sa.Column("account", sa.String(64), nullable=False, index=True, comment="sha256 of the name: it may be a typo"),
    sa.Column("address", sa.String(64), nullable=False, index=True),
    sa.Column("tried_at", sa.DateTime, nullable=False),
    comment="attempts to sign in that did not succeed; kept as long as they count",
)

#: Tables of the schema `office` on PostgreSQL.
OFFICE = (ACCOUNT, SESSION, ATTEMPT)
