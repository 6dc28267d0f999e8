"""The ledger's tables of outputs: what researchers handed in to leave a project space, and what became of it.

Rows are added and never changed: a batch stands as its newest step says. Contents lie in a table of their own, so that
lists read none.
"""

from __future__ import annotations

import sqlalchemy as sa

from etl.store.ledger.meta import meta

OUTPUT_BATCH = sa.Table(
    "output_batch",
    meta,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False, comment="its place among all"),
    sa.Column("request", sa.Integer, nullable=False, comment="the request whose data it is of"),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("actor", sa.String(80), nullable=False, comment="its author: who handed it in"),
    sa.Column("entered_by", sa.String(120), comment="who entered it at a terminal"),
    sa.Column("note", sa.Text, nullable=False, comment="what it is and why it is to leave, in the author's words"),
    sa.Column("digest", sa.String(64), nullable=False, comment="sha256 over names and digests of its files"),
    sa.Column("files", sa.Integer, nullable=False, comment="how many files it has"),
    sa.Column("bytes", sa.BigInteger, nullable=False, comment="how large they are together"),
    sa.Column("beside", sa.Integer, nullable=False, comment="released batches of the request it was checked beside"),
    sa.Column("threshold", sa.Integer, nullable=False, comment="smallest count that the automatic check let pass"),
    sa.Column("findings", sa.Text, nullable=False, comment="JSON: what the automatic check left to the checkers"),
    sa.Index("output_batch_request", "request"),
    comment="files that were handed in together to leave a project space",
)

OUTPUT_FILE = sa.Table(
    "output_file",
    meta,
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False, comment="1 and on, within its batch"),
    sa.Column("name", sa.String(200), nullable=False, comment="as its author named it"),
    sa.Column("digest", sa.String(64), nullable=False, comment="sha256"),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    comment="files of batches, by name and digest",
)

OUTPUT_CONTENT = sa.Table(
    "output_content",
    meta,
    sa.Column("request", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(64), primary_key=True, comment="sha256"),
    sa.Column("content", sa.LargeBinary, nullable=False),
    comment="what files of batches hold, as it was handed in",
)

OUTPUT_STEP = sa.Table(
    "output_step",
    meta,
    sa.Column("batch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False, comment="1 and on"),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("entered_by", sa.String(120), comment="who entered it at a terminal"),
    sa.Column("role", sa.String(40), nullable=False, comment="the role in which it was done"),
    sa.Column("move", sa.String(20), nullable=False, comment="of etl/research/outbox/policy.yaml"),
    sa.Column("round", sa.Integer, nullable=False, comment="the round of decisions it belongs to, 1 and on"),
    sa.Column("verdict", sa.String(20), comment="of a decision: release or refuse"),
    sa.Column("comment", sa.Text, comment="why, in the person's words"),
    sa.Column("comments", sa.Text, nullable=False, comment="JSON: words about single files, by their numbers"),
    sa.Column("after", sa.String(20), nullable=False, comment="how the batch stands since"),
    sa.Column("entered_at", sa.DateTime, nullable=False, comment="when the round began that it waits in, or it ended"),
    comment="what became of a batch; a decision is shown to others when its round is complete",
)

#: Tables of the schema `office` on PostgreSQL.
OUTPUTS = (OUTPUT_BATCH, OUTPUT_FILE, OUTPUT_CONTENT, OUTPUT_STEP)
