"""Passes over blocks of data, the only computations that use Dask, and the steps between them."""
