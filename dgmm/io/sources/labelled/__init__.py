"""Labelled datasets: NetCDF, Zarr as xarray writes it, Icechunk, references; many files as one."""
