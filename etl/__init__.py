"""Nightly OMOP CDM v5.4 pipeline for a hospital consortium."""
