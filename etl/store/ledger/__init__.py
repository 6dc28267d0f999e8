"""The ledger: what every run, stage, gate and row account was; counts and codes only, never a value of a patient."""
