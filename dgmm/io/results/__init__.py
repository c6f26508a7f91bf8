"""Outputs: runs, and what each of them keeps; one module for each part of the layout."""
