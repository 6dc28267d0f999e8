"""`etl new` and `etl draft`: a first draft of a hospital's mappings and expectations, which never overwrites."""
