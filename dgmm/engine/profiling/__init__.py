"""What the first pass finds out of rows: which values are there, whether they can be fitted."""
