"""The audit log, for who has to know who did what: every entry holds the digest of the one before."""
