"""Inputs: a path becomes lazy blocks of rows; a format is one module."""
