"""The key stores, which alone link a record number to an id: the stage `land` opens them, the doctor looks into them,
and a contract in `pyproject.toml` (`key-store`) refuses everybody else.
"""
