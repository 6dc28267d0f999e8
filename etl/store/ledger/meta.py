"""What all tables of the ledger belong to."""

from __future__ import annotations

import sqlalchemy as sa

meta = sa.MetaData()
