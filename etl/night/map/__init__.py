"""Stage `map`: runs the compiled mappings on the touched persons' rows and accounts for every row."""
