"""The validation report of every night, made from the ledger alone."""
