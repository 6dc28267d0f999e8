"""The tables of the audit log: in the embedded home's ledger, in a schema of their own on PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa

audit = sa.MetaData()

ENTRY = sa.Table(
    "audit_entry",
    audit,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("written_at", sa.DateTime, nullable=False),
    sa.Column("happened_at", sa.DateTime, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("role", sa.Text),
    sa.Column("login", sa.Text, nullable=False),
    sa.Column("subject", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("address", sa.Text),
    sa.Column("returned", sa.BigInteger),
    sa.Column("details", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("pruned_by", sa.BigInteger),
)

HEAD = sa.Table(
    "audit_head",
    audit,
    sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("log", sa.Text, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
)
