"""Whether everything a night needs is there, and what to do where it is not; `etl doctor` shows it."""
