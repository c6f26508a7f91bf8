"""Outputs and their runs; one module for each part of the layout."""
