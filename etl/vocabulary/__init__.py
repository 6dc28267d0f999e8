"""Standardised vocabularies: Athena bundles as releases, and the look-up tables made from them."""
