"""The demonstration: eight hospitals that never existed, written in the layouts of real ones; only the command line
and tests use it.
"""
