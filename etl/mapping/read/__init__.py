"""Reads YAML files with the line of every key, code maps in CSV files, and queries; nothing is judged here."""
