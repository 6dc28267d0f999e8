"""The shared warehouse: `protocol.py` says what one must do, `open.py` names each, a module or folder holds it."""
