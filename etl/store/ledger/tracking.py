"""The tables of what lives longer than a run: what the battery measured, and findings that are tracked over nights."""

from __future__ import annotations

import sqlalchemy as sa

from etl.store.ledger.meta import meta

GATES, BATTERY = "gates", "battery"  # kinds of looks

LOOK = sa.Table(
    "look",
    meta,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False, comment="its place among all looks"),
    sa.Column("hospital", sa.String(40), nullable=False, index=True),
    sa.Column("hospital_number", sa.Integer, nullable=False, comment="of a look by gates 0"),
    sa.Column("night", sa.Date, nullable=False),
    sa.Column("run_id", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(8), nullable=False, comment="gates or battery"),
    sa.Column("opening", sa.BigInteger, nullable=False, comment="the run's number; of the battery the publication's"),
    sa.Column("looked_at", sa.DateTime, nullable=False),
    sa.Column("withdrawn", sa.Boolean, nullable=False, comment="the run was gone back from or lost: it says nothing"),
    sa.Column("tracked", sa.Boolean, nullable=False, comment="its signs are written down"),
    sa.Column("seconds", sa.Float, comment="how long the battery took"),
    sa.Column("layout", sa.Integer, comment="which tables and fields the warehouse had: battery_layout"),
    sa.Column(
        "basis", sa.String(64), comment="digest of what was asked and of the vocabulary: figures of one basis add up"
    ),
    sa.Column("failed", sa.Text, comment="JSON: checks that the engine could not answer, and its errors' classes"),
    sa.Column("error", sa.Text, comment="why nothing was measured; it is tried again"),
    sa.UniqueConstraint("run_id", "kind"),
    comment="one look at a hospital's night: by the gates before it was published, or by the battery afterwards",
)

CHECK_NAME = sa.Table(
    "check_name",
    meta,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(200), nullable=False, unique=True, comment="a check's id, or what is counted"),
    sa.Column("says", sa.Text, comment="the check in a sentence, where it is a sign of a finding"),
    comment="numbers that stand for the names of checks",
)

BATTERY_LAYOUT = sa.Table(
    "battery_layout",
    meta,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("fields", sa.Text, nullable=False, comment="JSON: types of the fields by table"),
    comment="which tables and fields a warehouse had when it was measured",
)

BATTERY_FIGURE = sa.Table(
    "battery_figure",
    meta,
    sa.Column("hospital_number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("asked", sa.Integer, primary_key=True, autoincrement=False, comment="what is counted: check_name"),
    sa.Column("look", sa.BigInteger, primary_key=True, autoincrement=False, comment="holds from this one to the next"),
    sa.Column(
        "violated", sa.BigInteger, comment="rows; -1: all of the table, -2: those with the field, -3: without it"
    ),
    sa.Column("total", sa.BigInteger, comment="of how many, told in the same way; none: as is usual for its kind"),
    comment="what the battery counted, where it differs from the measurement before; no row at all: nothing to count",
)

TRACKED_FINDING = sa.Table(
    "tracked_finding",
    meta,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("hospital", sa.String(40), nullable=False),
    sa.Column("key", sa.String(32), nullable=False, comment="digest of what is wrong and where"),
    sa.Column("place", sa.String(8), nullable=False, comment="source or cdm"),
    sa.Column("table_name", sa.String(80), comment="none: it is the same in several tables"),
    sa.Column("column_name", sa.String(80)),
    sa.Column("kind", sa.String(40), nullable=False, comment="of etl/quality/findings/kinds.yaml"),
    sa.Column("says", sa.Text, nullable=False, comment="the check that saw it first, in a sentence"),
    sa.Column("severity", sa.String(20), nullable=False, comment="fatal, convention or characterization"),
    sa.Column("course", sa.String(12), comment="new, still there, worse, better, gone, came back; as on seen_night"),
    sa.Column("course_night", sa.Date, comment="since when"),
    sa.Column("first_night", sa.Date),
    sa.Column("seen_night", sa.Date, comment="the last one on which it was seen"),
    sa.Column("nights", sa.Integer, nullable=False, comment="on how many it was seen"),
    sa.Column("violated", sa.BigInteger, comment="on the last night, by the check that found the largest share"),
    sa.Column("total", sa.BigInteger),
    sa.UniqueConstraint("hospital", "key"),
    comment="what is wrong at one place of one hospital, over nights; its course is worked out from its signs",
)

FINDING_SIGN = sa.Table(
    "finding_sign",
    meta,
    sa.Column("look", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("finding", sa.Integer, primary_key=True, autoincrement=False, index=True),
    sa.Column("asked", sa.Integer, primary_key=True, autoincrement=False, comment="the check: check_name"),
    sa.Column("failed", sa.Boolean, nullable=False, comment="false: this check no longer sees it"),
    sa.Column("violated", sa.BigInteger),
    sa.Column("total", sa.BigInteger),
    comment="what one check saw of a tracked finding at one look; no row: it said nothing",
)

FINDING_ACTION = sa.Table(
    "finding_action",
    meta,
    sa.Column("finding", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column(
        "number", sa.Integer, primary_key=True, autoincrement=False, comment="1 and on: who saw the last is next"
    ),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("actor", sa.String(120), nullable=False),
    sa.Column("action", sa.String(20), nullable=False, comment="of etl/quality/findings/states.yaml"),
    sa.Column("reason", sa.Text, comment="why, or a note, in the person's words"),
    sa.Column("before", sa.String(20), nullable=False, comment="the state that it came from"),
    sa.Column("after", sa.String(20), nullable=False, comment="the state since"),
    sa.Column("entered", sa.BigInteger, nullable=False, comment="the newest look when it came into this state"),
    sa.Column("owner", sa.String(120), comment="who looks after it since"),
    sa.Column("due", sa.Date, comment="by when"),
    sa.Column("until", sa.Date, comment="the last day of a waiver"),
    comment="what was done about a tracked finding; the newest action of each says how it stands",
)

#: A run that is started again keeps what was seen of it until it is looked at anew.
LASTING = (LOOK, CHECK_NAME, BATTERY_LAYOUT, BATTERY_FIGURE, TRACKED_FINDING, FINDING_SIGN, FINDING_ACTION)
