"""The ledger: what every run, stage, gate and row account was. Counts and codes only, never a value of a patient.

SQLAlchemy tables: SQLite beside the embedded warehouse, or in the warehouse on PostgreSQL, where migrations make them
(`etl/warehouse/postgres/migrations`). One `run` is one delivery of one hospital taken through the stages; running it
again writes the same run again.
"""

from etl.ledger.ledger import Ledger, now
from etl.ledger.records import Accounts, Finding, Outcome, RunState
from etl.ledger.tables import (
    ADMIN,
    APPROVAL,
    FINDING,
    MAPPING_RATE,
    PUBLICATION,
    ROW_CHANGE,
    RUN,
    SOURCE_ACCOUNT,
    SOURCE_FILE,
    STAGE,
    TABLE_ACCOUNT,
    UNMAPPED,
    meta,
)

__all__ = [
    "ADMIN",
    "APPROVAL",
    "FINDING",
    "MAPPING_RATE",
    "PUBLICATION",
    "ROW_CHANGE",
    "RUN",
    "SOURCE_ACCOUNT",
    "SOURCE_FILE",
    "STAGE",
    "TABLE_ACCOUNT",
    "UNMAPPED",
    "Accounts",
    "Finding",
    "Ledger",
    "Outcome",
    "RunState",
    "meta",
    "now",
]
