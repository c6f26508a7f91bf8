"""Kinds of data that users pass, and results of the same kind."""
