"""The kinds of data that users bring, and results given back in kind."""
