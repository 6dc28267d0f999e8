"""What OHDSI's Data Quality Dashboard asks of the published warehouse, by hospital, and no value of a row in an answer."""
