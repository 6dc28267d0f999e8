"""Serves the check of results: what the cells of a grid count, and which of them tell too much of too few persons."""
