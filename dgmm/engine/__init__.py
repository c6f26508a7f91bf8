"""The only place that computes with Dask: passes over blocks, and what is done between them."""
