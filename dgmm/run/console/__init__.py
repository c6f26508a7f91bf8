"""Output of a run for people and programs, and how it ends."""
