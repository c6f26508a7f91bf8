"""Write other tables as Zarr stores that are fast to read."""
