"""The ledger's tables of requests for data: what was asked for, what became of it, and who has which role in that.

Rows are added and never changed: a request stands as its newest step says.
"""

from __future__ import annotations

import sqlalchemy as sa

from etl.store.ledger.meta import meta

REQUEST_VERSION = sa.Table(
    "request_version",
    meta,
    sa.Column("request", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False, comment="1 and on"),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("form", sa.Text, nullable=False, comment="JSON: what the form says, files by name and digest"),
    comment="what a request asked for; a change is a new version",
)

REQUEST_STEP = sa.Table(
    "request_step",
    meta,
    sa.Column("request", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column(
        "number", sa.Integer, primary_key=True, autoincrement=False, comment="1 and on: who saw the last is next"
    ),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("actor", sa.String(80), nullable=False, comment="an account; etl: it happened by itself"),
    sa.Column("entered_by", sa.String(120), comment="who entered it at a terminal"),
    sa.Column("role", sa.String(40), comment="the role in which it was done"),
    sa.Column("move", sa.String(20), nullable=False, comment="of etl/research/requests/chain.yaml"),
    sa.Column("before", sa.String(20), nullable=False, comment="the state that it came from"),
    sa.Column("after", sa.String(20), nullable=False, comment="the state since"),
    sa.Column("entered_at", sa.DateTime, nullable=False, comment="when it came into this state"),
    sa.Column("version", sa.Integer, nullable=False, comment="the version of the request that it is about"),
    sa.Column("until", sa.Date, comment="the last day of use that was approved"),
    sa.Column("hospital", sa.String(40), comment="the hospital whose data are kept out or let in"),
    sa.Column("reason", sa.Text, comment="why, in the person's words"),
    sa.Column("said", sa.Text, nullable=False, comment="JSON: what was said with it, such as a vote or conditions"),
    comment="what became of a request, votes and declarations with it; the newest step says how it stands",
)

REQUEST_FILE = sa.Table(
    "request_file",
    meta,
    sa.Column("request", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(64), primary_key=True, comment="sha256"),
    sa.Column("content", sa.LargeBinary, nullable=False),
    comment="files of requests as they were given; their names are in the versions",
)

REQUEST_ROLE = sa.Table(
    "request_role",
    meta,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False, comment="its place among all"),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("actor", sa.String(80), nullable=False, comment="who gave or took it"),
    sa.Column("entered_by", sa.String(120), comment="who entered it at a terminal"),
    sa.Column("account", sa.String(80), nullable=False),
    sa.Column("role", sa.String(40), nullable=False, comment="of etl/research/requests/chain.yaml"),
    sa.Column("hospital", sa.String(40), comment="of a role that is limited to one"),
    sa.Column("given", sa.Boolean, nullable=False, comment="false: it was taken"),
    sa.Column("reason", sa.Text, comment="why, in the person's words"),
    comment="who has which role in requests; the newest row of an account, role and hospital counts",
)

#: Tables of the schema `office` on PostgreSQL.
REQUESTS = (REQUEST_VERSION, REQUEST_STEP, REQUEST_FILE, REQUEST_ROLE)
