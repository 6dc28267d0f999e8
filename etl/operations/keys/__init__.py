"""For who keeps the key stores: encrypted back-ups, the way back, another secret; it may not hand out a number."""
