"""Steps that candidates take in place of EM's own, after a pass over all rows."""
