"""The quality gates: Great Expectations suites kept as JSON, run on DuckDB, told as findings without values."""
