"""What is kept for good: key stores, ledger, warehouse; only these rooms know how it is stored."""
