"""The data dictionary: what the specification says of every field, and what the published warehouse holds in it."""
