"""Root metadata of a group that hold those of everything below."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zarr
from zarr.abc.buffer import Buffer
from zarr.buffer import cpu
from zarr.storage import MemoryStore

from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import ROOT_METADATA


def consolidate_metadata(directory: AnyPath, attributes: Mapping[str, Any]) -> bytes:
    """Root metadata that include those of everything below, as a document to write.

    Parameters
    ----------
    directory : Path or StorePath
        Of which everything but the root is written.
    attributes : mapping
        Of the root; JSON-able.
    """
    documents: dict[str, Buffer] = {
        name: cpu.Buffer.from_bytes(content) for name, content in _documents(directory).items()
    }
    store = MemoryStore(documents)
    zarr.create_group(store, attributes=dict(attributes))
    with warnings.catch_warnings():  # consolidated metadata are an extension, which xarray reads
        warnings.filterwarnings("ignore", "Consolidated metadata")
        zarr.consolidate_metadata(store)
    return documents[ROOT_METADATA].to_bytes()


def _documents(directory: AnyPath) -> dict[str, bytes]:
    """The metadata of everything below a path; from a store in a few concurrent requests."""
    if isinstance(directory, Path):
        paths = directory.rglob(ROOT_METADATA)
        return {str(path.relative_to(directory)): path.read_bytes() for path in paths}
    root = directory.path.rstrip("/") + "/"
    keys = [key for key in directory.fs.find(root) if key.endswith(f"/{ROOT_METADATA}")]
    return {key.removeprefix(root): octets for key, octets in directory.fs.cat(keys).items()}
