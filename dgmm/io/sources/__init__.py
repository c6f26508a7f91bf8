"""Inputs: a path becomes lazy blocks of rows; each format is one module."""
