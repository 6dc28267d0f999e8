"""The shared warehouse: a kind of it is a line of `open.py` and a class that does what `protocol.py` says."""
