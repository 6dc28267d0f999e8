"""From a checked candidate to the warehouse: reconciliation, then one transaction."""
