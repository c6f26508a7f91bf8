"""First parameters: guesses from rows, splits and merges of fits, or what a caller gives."""
