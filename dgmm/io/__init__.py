"""Sources, which turn a path into lazy blocks of rows, and the result store; both on Zarr v3."""
