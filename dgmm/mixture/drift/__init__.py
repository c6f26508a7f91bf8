"""What changed between an older mixture and a newer one, and whether to believe it."""
