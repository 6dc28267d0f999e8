"""Stage `land`: raw files are held against the contract, decoded, and landed with identifiers replaced; the only stage
that opens the key store.
"""
