"""Compiles entries, look-ups, code masters and duplicate keys of one delivery to SQL; runs nothing."""
