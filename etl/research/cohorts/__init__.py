"""Finds, for researchers, who is in a cohort and from when to when, in one moment of the warehouse; it writes
temporary tables only.
"""
