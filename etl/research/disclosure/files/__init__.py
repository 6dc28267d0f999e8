"""Serves the check of results: what a file is, what hides in it, and the grids of cells that it shows, within bounds of
size.
"""
