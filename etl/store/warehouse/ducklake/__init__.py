"""The embedded warehouse: a DuckLake with its catalog in SQLite and its tables as Parquet, for one machine."""
