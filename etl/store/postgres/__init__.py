"""The server that holds warehouse and ledger: connections, and migrations of its schema."""
