"""The configuration of a run: parsing, validation, error messages."""
