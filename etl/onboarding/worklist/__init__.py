"""The codes that a person maps next, and what another vocabulary release would change."""
