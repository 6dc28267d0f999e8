"""Computes OHDSI's Achilles on what is published, for ATLAS and R, and tells nothing of few persons."""
