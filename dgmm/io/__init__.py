"""Sources (a path becomes lazy blocks of rows) and the result store; both on Zarr v3."""
