"""The root metadata of a group, written last: until they are there it is no Zarr group."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zarr
from zarr.abc.buffer import Buffer
from zarr.buffer import cpu
from zarr.storage import MemoryStore

from dgmm.io.layout import ROOT_METADATA


def consolidated(directory: Path, attributes: Mapping[str, Any]) -> bytes:
    """Root metadata that hold those of everything below, made in memory to be written at once.

    Parameters
    ----------
    directory : Path
        Of which everything but the root is written.
    attributes : mapping
        Of the root; JSON-able.
    """
    documents: dict[str, Buffer] = {
        str(path.relative_to(directory)): cpu.Buffer.from_bytes(path.read_bytes())
        for path in directory.rglob(ROOT_METADATA)
    }
    store = MemoryStore(documents)
    zarr.create_group(store, attributes=dict(attributes))
    with warnings.catch_warnings():  # consolidated metadata are an extension, which xarray reads
        warnings.filterwarnings("ignore", "Consolidated metadata")
        zarr.consolidate_metadata(store)
    return documents[ROOT_METADATA].to_bytes()
