"""Builds named data sets of the published nights, version by version, and changes none that is there."""
