"""For who looks after data quality: what is wrong at one place over nights, and what was done; never a row's value."""
