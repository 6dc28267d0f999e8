"""For quality officers: what OHDSI's Data Quality Dashboard, and our own checks, find in the warehouse by hospital.

Nothing here judges a night before it is published (that is `etl.night.check`), and no result holds a value of a row.
"""
