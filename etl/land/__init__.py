"""Raw files to landed tables: contract, decoding, rejects, identifiers replaced on the way."""
