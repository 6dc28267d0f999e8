"""`etl doctor`: whether everything a night needs is there, and what to do where it is not; it only looks."""
