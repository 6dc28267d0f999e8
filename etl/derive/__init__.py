"""Tables derived from the mapped ones, one SQL file each."""
