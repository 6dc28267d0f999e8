"""The mapping language: its model, loading, checking, and compilation to SQL."""
