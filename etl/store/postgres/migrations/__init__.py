"""Revisions of the warehouse's schema (Alembic), each with the SQL that it ran: what is released stays as it was."""
