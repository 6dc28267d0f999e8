"""Stage `merge`: which row counts of several with one key over all nights, and whom the night touches."""
