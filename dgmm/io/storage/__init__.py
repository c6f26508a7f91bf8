"""Storage: file systems and object stores, atomic writes, locks, Zarr arrays."""
