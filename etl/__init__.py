"""Nightly OMOP CDM v5.4 pipeline for a hospital consortium."""

__version__ = "0.3.0"
