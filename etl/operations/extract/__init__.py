"""Takes a night out of a hospital's own database and leaves it as a delivery of files like any other."""
