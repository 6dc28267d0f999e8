"""Finds, for researchers, who is in a cohort and from when to when; it reads one moment of the warehouse and writes temporary tables only."""
