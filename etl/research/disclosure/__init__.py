"""Serves researchers and those who decide about what leaves: automatic rules over files of results, which tell places
and rules, and never what stands in a cell.
"""
