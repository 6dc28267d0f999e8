"""Usual questions as SQL, one file each; a new recipe is a new file."""
