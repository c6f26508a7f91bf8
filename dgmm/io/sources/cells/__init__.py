"""Cells by features: flow cytometry, and annotated matrices."""
