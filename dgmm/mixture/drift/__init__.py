"""Compare a newer mixture with an older one, and decide whether to accept it."""
