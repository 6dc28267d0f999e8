"""Stage `merge`: which row counts of several with one key over all nights (`versions.py`; inside one delivery it is
`mapping/compile/duplicates.py`), and whom the night touches.
"""
