"""What a run says to people and machines, and how it ends."""
