"""For quality officers: what a night is like beside the nights published before it; no value is kept."""
