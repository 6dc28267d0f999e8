"""The tables of the ledger."""

from __future__ import annotations

import sqlalchemy as sa

from etl.store.ledger.meta import meta
from etl.store.ledger.tracking import LASTING

ROLLBACK = "rollback"  # action of a publication by which an earlier one came back
NOTHING = "nothing"  # action of a publication after which the warehouse holds nothing of a hospital

RUN = sa.Table(
    "run",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True, comment="hospital-night-first 12 digits of the delivery"),
    sa.Column("hospital", sa.String(40), nullable=False, index=True),
    sa.Column("night", sa.Date, nullable=False),
    sa.Column("delivery", sa.String(64), nullable=False, comment="sha256 over the delivery's files"),
    sa.Column(
        "state",
        sa.String(12),
        nullable=False,
        comment="running, waiting (for a person), unpublished (it was not to be), published, left (gone back from), "
        "lost (the warehouse no longer holds it), blocked, failed",
    ),
    sa.Column("stage", sa.String(20), comment="the stage it is in or stopped at"),
    sa.Column("message", sa.Text, comment="why it stopped; no values"),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("ended_at", sa.DateTime),
    sa.Column("vocabulary", sa.String(80)),
    sa.Column("mappings", sa.String(64), comment="sha256 over the hospital's compiled mappings"),
    sa.Column("bytes_in", sa.BigInteger),
    sa.Column("touched", sa.BigInteger, comment="persons that were mapped again; none where everybody was"),
    sa.Column("number", sa.BigInteger, comment="the place of its opening among all; clocks are not believed"),
    sa.Column("reason", sa.Text, comment="why it was forced, in a person's words"),
    sa.Column("worker", sa.String(120), comment="who works on it: host, process and its start; none between tasks"),
    sa.Column("hint", sa.Text, comment="what to do next, where it stopped; no values"),
)

PUBLICATION = sa.Table(
    "publication",
    meta,
    sa.Column("hospital", sa.String(40), primary_key=True),
    sa.Column("published_at", sa.DateTime, primary_key=True),
    sa.Column("run_id", sa.String(64), nullable=False, comment="'-' where nothing is published"),
    sa.Column("night", sa.Date, nullable=False),
    sa.Column("mappings", sa.String(64), comment="as in run"),
    sa.Column(
        "action",
        sa.String(12),
        comment="none: publish; rollback: an earlier night came back; found: the warehouse held it, which nobody had "
        "recorded; nothing: since then the warehouse holds nothing of the hospital",
    ),
    sa.Column("actor", sa.String(120), comment="who asked for it, where a person did"),
    sa.Column("reason", sa.Text, comment="why, in the person's words"),
    sa.Column("number", sa.BigInteger, comment="its place among all; clocks are not believed"),
    comment="what the warehouse holds and held; a run that is started again does not change it",
)

APPROVAL = sa.Table(
    "approval",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("gate", sa.String(20), primary_key=True, comment="source, cdm or publish"),
    sa.Column("asked_at", sa.DateTime, primary_key=True),
    sa.Column("decision", sa.String(12), nullable=False, comment="waiting, approved, refused, expired"),
    sa.Column("actor", sa.String(120), comment="who decided"),
    sa.Column("reason", sa.Text, comment="why, in the person's words"),
    sa.Column("decided_at", sa.DateTime),
    sa.Column("findings", sa.Text, comment="what was to be decided: the findings as JSON; no values"),
    sa.Column("number", sa.BigInteger, comment="its place among all; clocks are not believed"),
    comment="what a person was asked and decided; a run that is started again does not change it",
)

STAGE = sa.Table(
    "stage",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("stage", sa.String(20), primary_key=True),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("seconds", sa.Float),
    sa.Column("rows", sa.BigInteger, comment="rows the stage took in"),
    sa.Column("state", sa.String(12), nullable=False, comment="done, reused, blocked, failed"),
)

SOURCE_ACCOUNT = sa.Table(
    "source_account",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("source", sa.String(80), primary_key=True, comment="source table of the hospital's contract"),
    sa.Column("outcome", sa.String(12), primary_key=True, comment="rejected, quarantined, filtered or mapped"),
    sa.Column("reason", sa.String(80), primary_key=True, comment="reason code or name of the rule; '' for mapped"),
    sa.Column("rows", sa.BigInteger, nullable=False),
)

SOURCE_FILE = sa.Table(
    "source_file",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("source", sa.String(80), primary_key=True),
    sa.Column("file", sa.String(200), primary_key=True),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False, comment="data rows in the file, rejects included"),
)

TABLE_ACCOUNT = sa.Table(
    "table_account",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("cdm_table", sa.String(40), primary_key=True),
    sa.Column("entry", sa.String(120), primary_key=True, comment="mapping entry, or 'derived'"),
    sa.Column("source", sa.String(80), nullable=False),
    sa.Column("source_rows", sa.BigInteger, nullable=False, comment="source rows that produced these rows"),
    sa.Column("rows", sa.BigInteger, nullable=False, comment="CDM rows produced; more than source_rows is fan-out"),
)

ROW_CHANGE = sa.Table(
    "row_change",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("cdm_table", sa.String(40), primary_key=True),
    sa.Column("change", sa.String(40), primary_key=True, comment="what rows lost: text_cut, end_before_start, …"),
    sa.Column("column_name", sa.String(80), primary_key=True, comment="the column of a text; '' for others"),
    sa.Column("rows", sa.BigInteger, nullable=False),
)

MAPPING_RATE = sa.Table(
    "mapping_rate",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("domain", sa.String(20), primary_key=True, comment="kind of event the entry declares, and Unit"),
    sa.Column("records", sa.BigInteger, nullable=False),
    sa.Column("mapped", sa.BigInteger, nullable=False, comment="records whose standard concept is not 0"),
    sa.Column("previous_rate", sa.Float, comment="rate (0-1) of the last published night"),
)

UNMAPPED = sa.Table(
    "unmapped",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("domain", sa.String(20), primary_key=True),
    sa.Column("vocabulary", sa.String(40), primary_key=True),
    sa.Column("code", sa.String(80), primary_key=True, comment="a source code, which is no value of a patient"),
    sa.Column("description", sa.String(200)),
    sa.Column("records", sa.BigInteger, nullable=False),
    sa.Column("patients", sa.BigInteger, comment="distinct patients; none where they are fewer than `fewer_than`"),
    sa.Column("fewer_than", sa.Integer, comment="the hospital's small_cell where it hides patients and days"),
    sa.Column("first_seen", sa.Date, comment="day of the first record; none where patients are hidden"),
    sa.Column("last_seen", sa.Date, comment="day of the last record; none where patients are hidden"),
)

FINDING = sa.Table(
    "finding",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("gate", sa.String(20), primary_key=True, comment="source or cdm"),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("suite", sa.String(80), nullable=False),
    sa.Column("table_name", sa.String(80), nullable=False),
    sa.Column("column_name", sa.String(80)),
    sa.Column("expectation", sa.String(80), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("severity", sa.String(8), nullable=False, comment="block or warn"),
    sa.Column("success", sa.Boolean, nullable=False),
    sa.Column("unexpected", sa.BigInteger, comment="rows that break the expectation, where it counts rows"),
    sa.Column("total", sa.BigInteger, comment="rows looked at"),
    sa.Column(
        "observed",
        sa.Text,
        comment="an observed figure such as a row count; never a value of a patient",
    ),
    sa.Column("error", sa.Text, comment="why the expectation could not be evaluated"),
    sa.Column("approve_above", sa.Float, comment="of a warning: share of rows (0-1) above which a person decides"),
    sa.Column("rows_sql", sa.Text, comment="SQL that lists the rows' ids, for `etl sql`"),
    sa.Column(
        "carried",
        sa.BigInteger,
        comment="of the unexpected rows, those of persons that a night of changes did not touch, or that came with "
        "earlier deliveries; none where the night is whole",
    ),
    sa.Column("definition", sa.String(16), comment="digest of what is asked; the same on nights that ask the same"),
)

DRIFT_FIGURES = sa.Table(
    "drift_figures",
    meta,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("gate", sa.String(20), primary_key=True, comment="source or cdm"),
    sa.Column("is_whole", sa.Boolean, nullable=False, comment="of everybody, not of what one night brought"),
    sa.Column(
        "figures", sa.Text, nullable=False, comment="JSON: table, column, kind, concept, rows by item; no values"
    ),
    comment="what the tables of a night are like, for the nights after it; the newest runs of each hospital only",
)

#: Tables whose rows are in the order of their `number`, and what told the order before rows were numbered.
NUMBERED = {RUN: RUN.c.started_at, PUBLICATION: PUBLICATION.c.published_at, APPROVAL: APPROVAL.c.asked_at}
#: Tables that a run which is started again does not empty.
OUTLIVING = (PUBLICATION, APPROVAL, *LASTING)
#: Tables of the schema `admin` on PostgreSQL; the others lie in `quality`.
ADMIN = (RUN, PUBLICATION, APPROVAL, STAGE)
