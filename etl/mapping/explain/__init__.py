"""Tells how a code is looked up, step by step, and why it ends where it does."""
