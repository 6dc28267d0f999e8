"""Says everything that is wrong with a hospital's mappings, with file, line and nearest name; needs no data."""
