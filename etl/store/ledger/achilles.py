"""The ledger's table of when OHDSI's Achilles was computed, and of which nights."""

from __future__ import annotations

import sqlalchemy as sa

from etl.store.ledger.meta import meta

ACHILLES = sa.Table(
    "achilles",
    meta,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("computed_at", sa.DateTime, nullable=False, comment="UTC; when readers began to see it"),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("nights", sa.Text, nullable=False, comment="JSON: hospital, night, run and step of all that is in it"),
    sa.Column("anew", sa.Text, nullable=False, comment="JSON: hospitals that were computed; of others what was kept"),
    sa.Column("analyses", sa.Integer, nullable=False),
    sa.Column("told", sa.BigInteger, nullable=False, comment="rows that readers see, of all sources"),
    sa.Column("small_cell", sa.Integer, nullable=False, comment="fewer persons are not told"),
    comment="when Achilles was computed on the published warehouse, and of which nights",
)
