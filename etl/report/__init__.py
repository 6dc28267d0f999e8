"""The validation report: what a hospital's quality officer reads each morning, made from the ledger alone."""
