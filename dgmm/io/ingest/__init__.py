"""Other tables as Zarr stores that are read fast."""
