"""What last bits depend on: who computes, and arithmetic that is the same everywhere."""
