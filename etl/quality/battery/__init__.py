"""What the Data Quality Dashboard asks of the published warehouse, by hospital; no value of a row is in an answer."""
