"""Root metadata of a group that hold those of everything below."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.small_arrays import describe_group
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
    nodes = {}
    for name, content in _documents(directory).items():
        document = json.loads(content)
        if document["node_type"] == "group":
            document |= _consolidated({})
        nodes[name.removesuffix(f"/{ROOT_METADATA}")] = document
    nodes = dict(sorted(nodes.items(), key=lambda node: (node[0].count("/"), node[0])))
    return json.dumps(describe_group(attributes) | _consolidated(nodes)).encode()


def _consolidated(nodes: dict[str, Any]) -> dict[str, Any]:
    """An extension of the format, which xarray reads too."""
    inline = {"kind": "inline", "must_understand": False, "metadata": nodes}
    return {"consolidated_metadata": inline}


def _documents(directory: AnyPath) -> dict[str, bytes]:
    """The metadata of everything below a path; from a store in a few concurrent requests."""
    if isinstance(directory, Path):
        paths = directory.rglob(ROOT_METADATA)
        return {str(path.relative_to(directory)): path.read_bytes() for path in paths}
    root = directory.path.rstrip("/") + "/"
    keys = [key for key in directory.fs.find(root) if key.endswith(f"/{ROOT_METADATA}")]
    return {key.removeprefix(root): octets for key, octets in directory.fs.cat(keys).items()}
