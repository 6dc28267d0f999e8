"""Writes the reference page and the JSON Schema of the language from its models."""
