"""Missing values: patterns of them, and what a mixture expects in their place."""
