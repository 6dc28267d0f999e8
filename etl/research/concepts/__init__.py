"""Finds concepts for people who know a word or a code, and tells how far the warehouse has them."""
