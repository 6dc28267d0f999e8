"""Standardised vocabularies: Athena bundles as releases side by side, and the look-up tables made from them."""
